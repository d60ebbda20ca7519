"""The usual mistakes of lesson 6: (right text, wrong text, words that the check must say)."""

KEPT = "return [thing for thing in things if not conflicts(graph, scene.add(thing))]"
LISTS = """gone = [thing for thing in before.things if thing not in after.things]
    come = [thing for thing in after.things if thing not in before.things]"""
MOVED = """if old.place != new.place:
        return prompts.instruction_move(old, new.place)
    """
SWAPPED = """if old.name != new.name:
        return prompts.instruction_swap(old, new)
    """
COLORED = "return prompts.instruction_recolor(old, new.color)"
LEAD = 'lead = "" if before or after.background == "paper" else'
SORTED = "things = sorted(after.things, key=lambda thing: SPOTS.index(thing.place))"
WHOLE = "whole = replace(after, things=tuple(things)).describe()"

MUTANTS = [
    ("for group in graph.groups:", "for group in reversed(graph.groups):", "The prompt's order counts"),
    ("if there < group.count:", "if there < 1:", "one is not enough"),
    ("sum(fits(thing, group) for", "sum(thing.name == group.name for", "The name alone does not make it fit"),
    ('size = group.size or "big"', 'size = "big"', "A size that is asked for"),
    ("for place in scene.free_places()]", "for place in SPOTS]", "A taken place is no choice"),
    (KEPT, "return things", "Ask for conflicts with the new thing"),
    (KEPT, KEPT.replace("scene.add(thing)", "scene"), "Ask for conflicts with the new thing"),
    ("return []", "return None", "return an empty list"),
    (LISTS, LISTS.replace("come", "went").replace("gone", "come").replace("went", "gone"), "Wrong way round"),
    ("if not come:", "if gone:", "It is not only gone"),
    ("if not gone:", "if come:", "It did not only come"),
    (
        "return prompts.instruction_add(come[0])",
        "return prompts.instruction_add(after.things[-1])",
        "The last of the list",
    ),
    (MOVED, "", "It went elsewhere"),
    (SWAPPED, "", "Another name is another thing"),
    (COLORED, "return prompts.instruction_swap(old, new)", "Another colour is no other thing"),
    (COLORED, "return prompts.instruction_recolor(new, new.color)", "Name the thing as it was"),
    (LEAD, 'lead = "" if after.background == "paper" else', "brought once, in the first step"),
    (LEAD, 'lead = "" if before else', "Plain paper goes without saying"),
    (LEAD, 'lead = "" if True else', "must bring the background"),
    (SORTED, "things = after.things", "nobody sees when things were painted"),
    (SORTED, "things = [one for one in after.things if not before or one not in before.things]", "of all things"),
    (WHOLE, "whole = before.describe() if before else Scene().describe()", "Describe the picture after the step"),
    ("</ins> <des> {whole} </des>", "<ins> <des> {whole} <des>", "The closing tags"),
]
