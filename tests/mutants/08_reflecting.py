"""The usual mistakes of lesson 8: (right text, wrong text, words that the check must say)."""

ADDS = "mends += [prompts.instruction_add(thing) for thing in lost]"
HOME = "home = next((thing.place for thing in lost if look(thing) == look(got)), None)"
SAID = "return complaint(caption(seen), mends[0]) if mends else approval(caption(seen), lacks)"
FOUND = "if not off:"
REST = "return [*steps, wrong, looked_at(request, better), *go_on(mended)]"
PRECISION = '"precision": [not one.right for one in looks if one.called_wrong]'
RECALL = '"recall": [one.called_wrong for one in looks if not one.right]'
MENDED = "[bool(one.right_after) for one in looks if not one.right]"
SHARE = "sum(found) / len(found) if found else None"

MUTANTS = [
    (ADDS, ADDS + '\n    mends += [f"add {lacks}"] * (lacks != "nothing")', "Not drawn yet is not drawn wrong"),
    ("mends = []", "mends = [prompts.instruction_add(thing) for thing in lost]", "What is missing comes last"),
    (HOME, "home = None", "one move would mend it"),
    ("if want and got and look(want) != look(got):", "if want and got and want != got:", "The shake of the hand"),
    ("mends.append(alike(got, want))", "mends.append(alike(want, got))", "Wrong way round"),
    ("elif got and not want:", "elif False:", "One too many is wrong"),
    (SAID, SAID.replace("complaint(caption(seen)", "complaint(caption(planned)"), "Say what is seen"),
    ("for place in PLACES:", "for place in [*wanted, *there]:", "the first in reading order"),
    (SAID, SAID.replace("mends[0]", '" and ".join(mends)'), "One instruction"),
    (SAID, SAID.removeprefix("return "), "is a `return` missing"),
    (
        FOUND,
        'if not off and lacking(request.groups, read_scene(plan.description).things) == "nothing":',
        "Not drawn yet",
    ),
    (REST, REST.replace("looked_at(request, better), ", ""), "The corrected plan is missing"),
    (REST, REST.replace("wrong, ", ""), "The plan in conflict is missing"),
    (
        REST,
        REST.replace("*go_on(mended)", "*[looked_at(request, one) for one in plans[len(steps) + 1 :]]"),
        "later plans",
    ),
    (REST, REST.replace("go_on(mended)", "go_on(read_scene(plan.description))"), "Go on from the mended scene"),
    (
        REST,
        "return [*steps, wrong.model_copy(update={'refinement': picture_of(mended)}), *go_on(mended)]",
        "A refinement keeps the plan",
    ),
    (
        PRECISION + ",\n        " + RECALL,
        PRECISION.replace("precision", "recall") + ",\n        " + RECALL.replace("recall", "precision"),
        "Precision asks what was called wrong",
    ),
    (PRECISION, PRECISION.replace("not one.right", "one.right"), "Precision counts wrong ones"),
    (RECALL, RECALL.replace(" if not one.right", ""), "Recall asks wrong pictures alone"),
    (MENDED, MENDED.replace("if not", "if one.right_after is not None and not"), "Not painted again is not mended"),
    ("if one.right and one.right_after is not None", "if one.right", "What was never painted again is not broken"),
    (SHARE, SHARE.replace("None", "0"), "None, not 0"),
]
