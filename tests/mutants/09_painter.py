"""The usual mistakes of lesson 9: (right text, wrong text, words that the check must say)."""

FED = "return ids, int(step(end).argmax())"
TURN = "token = int(step(token).argmax())"
ENDED = "if token == end or len(ids) == limit:"
WANTS = "if then != MARKS.picture_start:"
MENDS = "if 0 < pictures < most and said.reflection and said.reflection.refine:"
LAST = "return [*told, (what, text, None)]"
ROUND = f"""{LAST}
        picture = easel.draw()
        easel.look(picture)
        told.append((what, text, picture))"""

MUTANTS = [
    (FED, "return ids, token", "The end mark was not fed"),
    (FED, "return [*ids, end], int(step(end).argmax())", "The end mark is no word"),
    (TURN, "token = int([step(old) for old in [start, *ids]][-1].argmax())", "All was fed again"),
    (ENDED, "if token == end:", "No limit"),
    (ENDED, "if token == end or len(ids) > limit:", "One word too many"),
    ("ids, token = [], start", "ids, token = [start], start", "The start mark is no word"),
    ("ids.append(token)", "ids.append(token)\n        if len(ids) == limit:\n            " + FED, "never fed"),
    (FED, "break", "is a `return` missing"),
    (WANTS, "if said.done:", "Words do not decide"),
    ("if pictures < most and said.plan:", "if pictures <= most and said.plan:", "One picture too many"),
    (MENDS, "if pictures < most and said.reflection and said.reflection.refine:", "There is no picture yet"),
    ('return "bounded"', 'return "done"', "Who ended it"),
    (MENDS, "if 0 < pictures < most and said.reflection.refine:", "AttributeError"),
    ("easel.look(picture)", "pass", "The finished picture was not fed back"),
    (LAST, "return told", "The last words are missing"),
    ("then, len(told), most)", "then, 0, most)", "The pictures are not counted"),
    (ROUND, ROUND.replace("what, text", "text, what"), "in this order"),
]
