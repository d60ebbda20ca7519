"""The usual mistakes of lesson 1: (right text, wrong text, words that the check must say)."""

MIXED = "under += cover * (color - under)"
BYTES = "return (page + 0.5).astype(np.uint8)"
AWAY = "away = (box[low] + box[high]) / 2 - (other[low] + other[high]) / 2"
SLACK = "slack = 0.1 * (box[high] - box[low] + other[high] - other[low])"
NONE_LEFT = "if shortened[0] == 0 and shortened[1] == 0:"
LENGTH = "length = (offset[0] ** 2 + offset[1] ** 2) ** 0.5"
SHARES = 'shares = {"left of": -dx, "right of": dx, "above": -dy, "below": dy}'
NAMED = "return {name for name, share in shares.items() if share > 0.5}"
KEPT = 'same = [one for one in found if one["class"] == want["class"] and one["score"] > threshold]'
SORTED = 'group = sorted(same, key=lambda one: one["score"], reverse=True)[: want["count"]]'
COLORED = 'if "color" in want and any(one["color"] != want["color"] for one in group):'

MUTANTS = [
    (MIXED, "under[:] = color", "A square is painted"),
    (MIXED, "under[:] = cover * color", "Black around the things"),
    (MIXED, "under += cover * color", "The page stays whole beneath"),
    (MIXED, "under = under + cover * (color - under)", "An empty page"),
    (MIXED, "under[cover[:, :, 0] > 0.5] = color", "Hard edges"),
    ("top, left = corner(thing)", "left, top = corner(thing)", "Row and column changed places"),
    (BYTES, "    " + BYTES, "It stops after one"),
    (BYTES, "return page", "fractions"),
    (BYTES, "page.astype(np.uint8)", "is a `return` missing"),
    (SHARES, 'shares = {"left of": -dx, "right of": dx, "above": dy, "below": -dy}', "Above and below changed places"),
    (SHARES, 'shares = {"left of": dx, "right of": -dx, "above": dy, "below": -dy}', "Wrong way round"),
    (AWAY, "away = (other[low] + other[high]) / 2 - (box[low] + box[high]) / 2", "Wrong way round"),
    (AWAY, "away = box[low] - other[low]", "Corners are compared"),
    (SLACK, "slack = 0", "Nothing is shortened"),
    (SLACK, "slack = 0.1 * (box[high] - box[low])", "A tenth of both extents"),
    (LENGTH, "length = (shortened[0] ** 2 + shortened[1] ** 2) ** 0.5", "Divide by the whole length"),
    (NAMED, "return {name for name in [max(shares, key=shares.get)] if shares[name] > 0.5}", "One relation at most"),
    (NONE_LEFT, "if False:", "ZeroDivisionError"),
    (NAMED, "return [name for name, share in shares.items() if share > 0.5]", "the list"),
    (KEPT, KEPT.replace(" > threshold", " >= threshold"), "A score must be above the threshold"),
    (KEPT, KEPT.replace(' and one["score"] > threshold', ""), "The threshold is not used"),
    (SORTED, 'group = same[: want["count"]]', "Not the surest"),
    (SORTED, 'group = sorted(same, key=lambda one: one["score"])[: want["count"]]', "The least sure come first"),
    (SORTED, SORTED.replace('[: want["count"]]', ""), "No more than `count` are taken"),
    (SORTED, "found.sort(key=lambda one: -one['score']); " + SORTED, "is altered: work on a copy"),
    (
        KEPT,
        KEPT + '\n    same = [one for one in same if one["color"] == want.get("color", one["color"])]',
        "Colour before sureness",
    ),
    (COLORED, 'if "color" in want and all(one["color"] != want["color"] for one in group):', "One of the right colour"),
    (
        COLORED,
        'if "color" in want and want["color"] not in [one["color"] for one in found]:',
        "Any blue in the picture",
    ),
    (COLORED, "if False:", "The colour is never looked at"),
    ("return group", "return len(group)", "A number: hand back the detections"),
]
