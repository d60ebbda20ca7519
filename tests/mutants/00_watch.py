"""The usual mistakes of lesson 0: (right text, wrong text, words that the check must say)."""

TAKEN = 'return "wrong", text[start + len("<refine>") : end].strip()'

MUTANTS = [
    ('return "correct", None', 'return "correct", ""', "None, not an empty text"),
    ("if start < 0 or end < 0:", 'if "wrong" not in text:', "Go by the tags, not by words"),
    ("if start < 0 or end < 0:", 'if "refine" not in text:', "Go by the tags, not by words"),
    ("if start < 0 or end < 0:", "if text == '':", "Go by the tags, not by words"),
    (TAKEN, 'return "wrong", text[start : end + len("</refine>")].strip()', "The tags are still there"),
    (TAKEN, 'return "wrong", text[start + len("<refine>") : end]', "Spaces are left at the ends"),
    (TAKEN, 'return "wrong", text[start + len("<refine>") :].strip()', "What follows the second tag"),
    (TAKEN, 'return text[start + len("<refine>") : end].strip(), "wrong"', "the verdict comes first"),
    (TAKEN, 'print("wrong", text[start + len("<refine>") : end].strip())', "is a `return` missing"),
    (TAKEN, 'return "wrong", texts[start + len("<refine>") : end].strip()', "NameError"),
]
