"""The usual mistakes of lesson 11: (right text, wrong text, words that the check must say)."""

BOTH = "for name in set(ours) | set(theirs):"
LONGER = "differs = abs(ours[name] - theirs[name]) > max(ours[name], theirs[name]) / 20"
KEPT = "if differs and name not in asked:"
SORTED = "return sorted(found)"
GAINS = "gains = ours - theirs"
AGAIN = "again = [gains[np.ix_(rows, columns)].mean() for rows, columns in zip(drawn, trainings, strict=True)]"
ENDS = "low, high = np.quantile(again, [0.025, 0.975])"
TOLD = "return gains.mean(), low, high"
SECOND = "alone_2, on_top_2 = second - neither, both - first"
EFFECTS = "return (alone_1 + on_top_1) / 2, (alone_2 + on_top_2) / 2, on_top_1 - alone_1"

MUTANTS = [
    (BOTH, "for name in set(ours) & set(theirs):", "one recipe alone has"),
    (LONGER, "differs = False", "Longer training is a change"),
    (LONGER, "pass", "A few steps more do not count"),
    (LONGER, "differs = abs(ours[name] - theirs[name]) > 20", "not twenty steps"),
    (LONGER, LONGER.replace("abs(ours[name] - theirs[name])", "ours[name] - theirs[name]"), "may be trained longer"),
    (KEPT, "if differs:", "What is asked for is no confound"),
    (SORTED, "return sorted(found, reverse=True)", "Sorted, please"),
    (GAINS, "gains = theirs - ours", "The wrong way round: a gain"),
    (AGAIN, "again = gains.mean(1)[drawn].mean(1)", "A training may be lucky"),
    (AGAIN, "again = gains.mean(0)[trainings].mean(1)", "Prompts must be drawn anew"),
    (AGAIN, AGAIN.replace("np.ix_(rows, columns)", "rows, columns"), "IndexError"),
    (
        AGAIN,
        "again = [ours[np.ix_(p, s)].mean() - theirs[np.ix_(q, t)].mean()"
        " for p, s, q, t in zip(drawn, trainings, drawn[::-1], trainings[::-1])]",
        "Both rows must meet the same draws",
    ),
    (ENDS, "low, high = np.quantile(again, [0.05, 0.95])", "the middle 90 %"),
    (ENDS, "low, high = np.quantile(gains, [0.025, 0.975])", "how single gains differ"),
    (TOLD, "return np.mean(again), low, high", "holds no dice"),
    (EFFECTS, "return alone_1, alone_2, on_top_1 - alone_1", "Alone is half"),
    (EFFECTS, "return on_top_1, on_top_2, on_top_1 - alone_1", "On top is half"),
    (EFFECTS, "return alone_1 + on_top_1, alone_2 + on_top_2, on_top_1 - alone_1", "not their sum"),
    (EFFECTS, EFFECTS.replace("on_top_1 - alone_1", "alone_1 - on_top_1"), "on top minus alone"),
    (EFFECTS, EFFECTS.replace("on_top_1 - alone_1", "both - neither"), "both together"),
    (EFFECTS, "return (alone_2 + on_top_2) / 2, (alone_1 + on_top_1) / 2, on_top_1 - alone_1", "are exchanged"),
    (
        SECOND,
        SECOND + "\n    return tuple(x.mean() for x in contrast(neither, first, second, both))",
        "no mean over them",
    ),
]
