"""The usual mistakes of lesson 5: (right text, wrong text, words that the check must say)."""

ORDER = "for sample in sorted(range(len(lengths)), key=lambda i: -lengths[i]):"
FREE = "free = [row for row in rows if len(row) + lengths[sample] <= room]"
PACKED = "return torch.tensor([row + [-1] * (width - len(row)) for row in rows])"
MOVES = "now += 0 if isinstance(part, Draw) else 1"
LABELS = "labels += [*ids[1:], SWITCH[part.draws]]"
FLOW = "isinstance(part, Draw) and token is None"

MUTANTS = [
    (ORDER, "for sample in range(len(lengths)):", "Longest first"),
    (ORDER, "lengths = sorted(lengths, reverse=True)\n    for sample in range(len(lengths)):", "not as sorted"),
    (FREE, FREE.replace("in rows if", "in rows[-1:] if"), "not the last alone"),
    (FREE, FREE.replace("<= room", "< room"), "to its last slot"),
    (FREE, "free = []", "a row of its own"),
    ("width = max(len(row) for row in rows)", "width = room", "L is the fullest row"),
    (PACKED, PACKED.replace("[-1]", "[0]"), "belongs to nobody"),
    (PACKED, "return rows", "A tensor has rows of one length"),
    (MOVES, "now += 1", "A noised picture moves nobody"),
    (MOVES, "now += 0 if isinstance(part, Draw) else size", "not by its number of tokens"),
    (MOVES, "now += 1 if isinstance(part, Have) else 0", "A seen picture moves the position on"),
    ("positions += [now] * size", "positions += range(now, now + size)", "yours count up"),
    ("now += size", "now += size - 2", "The two marks of a text"),
    ("return torch.tensor(positions)", "return positions", "make it a tensor"),
    (LABELS, "labels += ids", "shift the labels by one"),
    (LABELS, "labels += [*ids[1:], NOTHING]", "could not choose to draw"),
    (LABELS, "labels += [NOTHING, *ids[:-1]]", "Shifted the wrong way"),
    ("isinstance(part, Words) and part.loss", "isinstance(part, Words)", "is only read"),
    (FLOW, "isinstance(part, Draw)", "Marks are no latents"),
    (FLOW, "token is None", "no noise to undo"),
    ("return torch.tensor(labels), torch.tensor(flow)", "return torch.tensor(labels)", "The flow is missing"),
]
