"""GenEval's scoring rules, once: a specification and detections in, right or wrong with a reason out.

The same rules judge photographs, whose detections come from a detector, and drawn pictures, whose detections
come from the exact judge.
Rules and numbers: GenEval by Dhruba Ghosh, Hannaneh Hajishirzi and Ludwig Schmidt (arXiv 2310.11513),
program at github.com/djghosh13/geneval, MIT licence. Written anew here and checked against its answers.

A specification has a `tag`, a list `include` (all must hold) and a list `exclude` (none may hold):
    {"tag": "position",
     "include": [{"class": "cup", "count": 1},
                 {"class": "star", "count": 1, "color": "red", "position": ["left of", 0]}]}
where 0 is the index of the include group that the star must stand left of.
A detection is {"class": "cup", "box": [x0, y0, x1, y1], "score": 0.98, "color": "blue"}; x runs to the right,
y down.
"""

from collections import defaultdict
from dataclasses import dataclass
from math import hypot

from mini_model.errors import KitError

THRESHOLD = 0.3  # a detection counts when its score is above this
COUNTING_THRESHOLD = 0.9  # the same for counting, where one false alarm spoils the answer
MAX_OBJECTS = 16  # the most detections of one class that are looked at
POSITION_THRESHOLD = 0.1  # share of both things' extents within which they stand level
DIRECTION = 0.5  # how much of the distance must point one way; a diagonal points two ways
RELATIONS = ("left of", "right of", "above", "below")

Groups = list[list[dict] | None]  # what each include group found; None when it failed


@dataclass(frozen=True)
class Verdict:
    """Right or wrong, and in one sentence why it is wrong."""

    correct: bool
    reason: str = ""


def judge(metadata: dict, detections: list[dict]) -> Verdict:
    """Does what was found satisfy what was asked?

    metadata: a specification in GenEval's shape (see the top of this file).
    detections: what a detector, or the exact judge, found in the picture.
    Raises KitError when the specification or a detection lacks a part the rules need.
    """
    try:
        found = _by_class(detections, COUNTING_THRESHOLD if metadata.get("tag") == "counting" else THRESHOLD)
        complaints, groups = [], []
        for want in metadata.get("include", []):
            complaint, group = _find(want, found, groups)
            complaints.append(complaint)
            groups.append(None if complaint else group)
        complaints += [_too_many(ban, found) for ban in metadata.get("exclude", [])]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise KitError(
            f"cannot score specification {metadata!r}: {type(error).__name__} {error}; "
            "each group needs class and count, each detection class, box, score and color"
        ) from error
    reason = "; ".join(complaint for complaint in complaints if complaint)
    return Verdict(not reason, f"{reason[0].upper()}{reason[1:]}." if reason else "")


def relations(box: list[float], other: list[float]) -> set[str]:
    """How one box stands to another: none, one or two of left of, right of, above, below.

    The distance between the middles is first shortened by a tenth of both extents, so that nearly level
    things count as level; then each direction that makes up more than half of the whole distance is named.
    """
    across, shortened_across = _offset(box[0], box[2], other[0], other[2])
    down, shortened_down = _offset(box[1], box[3], other[1], other[3])
    if max(abs(shortened_across), abs(shortened_down)) < 1e-3:
        return set()
    length = hypot(across, down)
    dx, dy = shortened_across / length, shortened_down / length
    return {name for name, share in zip(RELATIONS, (-dx, dx, -dy, dy), strict=True) if share > DIRECTION}


def _offset(low: float, high: float, other_low: float, other_high: float) -> tuple[float, float]:
    """Along one axis: the distance between two middles, as it is and shortened by the things' extents."""
    offset = (low + high) / 2 - (other_low + other_high) / 2
    slack = POSITION_THRESHOLD * (abs(high - low) + abs(other_high - other_low))
    shortened = max(abs(offset) - slack, 0.0)
    return offset, shortened if offset > 0 else -shortened


def _by_class(detections: list[dict], threshold: float) -> dict[str, list[dict]]:
    """The detections worth looking at, by class, surest first."""
    found: dict[str, list[dict]] = defaultdict(list)
    for detection in sorted(detections, key=lambda detection: detection["score"])[::-1]:  # of equals, the last first
        same = found[detection["class"]]
        if detection["score"] > threshold and len(same) < MAX_OBJECTS:
            same.append(detection)
    return found


def _find(want: dict, found: dict[str, list[dict]], groups: Groups) -> tuple[str, list[dict]]:
    """One include group: what is wrong with it (empty when nothing), and the detections it took."""
    name, count = want["class"], want["count"]
    group = found.get(name, [])[:count]
    if len(group) < count:
        return f"asked for {count} of {name!r} but found {len(group)}", group
    if "color" in want and (complaint := _wrong_color(want, group)):
        return complaint, group
    if "position" in want:
        return _wrong_position(want, group, groups), group
    return "", group


def _wrong_color(want: dict, group: list[dict]) -> str:
    """Enough of the surest detections must have the colour; a right one further down does not help."""
    colors = [detection["color"] for detection in group]
    if colors.count(want["color"]) >= want["count"]:
        return ""
    seen = " and ".join(sorted({str(color) for color in colors}))
    return f"{want['class']!r} should be {want['color']} but is {seen}"


def _wrong_position(want: dict, group: list[dict], groups: Groups) -> str:
    """Every one found must stand in the relation to every one of the target group."""
    relation, target = want["position"]
    if relation not in RELATIONS:
        raise ValueError(f"unknown relation {relation!r}")
    if groups[target] is None:
        return f"what {want['class']!r} should be {relation} is not there as asked"
    for one in group:
        for other in groups[target]:
            named = relations(one["box"], other["box"])
            if relation not in named:
                seen = " and ".join(sorted(named)) or "level with"
                return f"{want['class']!r} should be {relation} {other['class']!r} but is {seen} it"
    return ""


def _too_many(ban: dict, found: dict[str, list[dict]]) -> str:
    """One exclude group: a complaint when as many as it names are there."""
    seen = len(found.get(ban["class"], []))
    return f"asked for fewer than {ban['count']} of {ban['class']!r} but found {seen}" if seen >= ban["count"] else ""
