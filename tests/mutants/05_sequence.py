"""The usual mistakes of lesson 5: (right text, wrong text, words that the check must say)."""

MOVES = "now += 0 if isinstance(part, Draw) else 1"
LABELS = "labels += [*ids[1:], SWITCH[part.draws]]"
FLOW = "isinstance(part, Draw) and token is None"

MUTANTS = [
    ("permute(1, 3, 2, 4, 0)", "permute(1, 3, 0, 2, 4)", "The channel must run fastest"),
    ("permute(1, 3, 2, 4, 0)", "permute(3, 1, 2, 4, 0)", "column by column"),
    ("permute(1, 3, 2, 4, 0)", "permute(1, 3, 4, 2, 0)", "rows come before columns"),
    ("permute(1, 3, 2, 4, 0)", "permute(2, 4, 1, 3, 0)", "scattered pixels"),
    ("squares.permute(1, 3, 2, 4, 0).reshape", "squares.reshape", "No axis was moved"),
    ("reshape(-1, p * p * channels)", "reshape(-1, p, p, channels)", "the shape is"),
    (MOVES, "now += 1", "A noised picture moves nobody"),
    (MOVES, "now += 0 if isinstance(part, Draw) else size", "not by its number of tokens"),
    (MOVES, "now += 1 if isinstance(part, Have) else 0", "A seen picture moves the position on"),
    ("positions += [now] * size", "positions += range(now, now + size)", "yours count up"),
    ("now += size", "now += size - 2", "The two marks of a text"),
    ("return torch.tensor(positions)", "return positions", "where a tensor of shape"),
    (LABELS, "labels += ids", "shift the targets by one"),
    (LABELS, "labels += [*ids[1:], NOTHING]", "could not choose to draw"),
    (LABELS, "labels += [NOTHING, *ids[:-1]]", "Shifted the wrong way"),
    ("isinstance(part, Words) and part.loss", "isinstance(part, Words)", "is only read"),
    (FLOW, "isinstance(part, Draw)", "Marks are no latents"),
    (FLOW, "token is None", "no noise to undo"),
    ("return torch.tensor(labels), torch.tensor(flow)", "return torch.tensor(labels)", "was expected"),
]
