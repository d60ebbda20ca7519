"""The usual mistakes of lesson 12: (right text, wrong text, words that the check must say)."""

SHARED = "each += 8 / block + 32 / (block * group)"
TOLD = "return count * each / 8 / 2**30"
SIDES = "below, above = np.linspace(e, 0.5, n // 2), np.linspace(0.5, 1 - e, n // 2 + 1)"
FOUND = "found = norm.ppf(np.concatenate([below[:-1], above]))"
DIVIDED = "return found / found.max()"
SCALES = "scales = blocks.abs().amax(dim=1)"
PARTS = "parts = blocks / scales.clamp_min(1e-12)[:, None]"
CODES = "codes = (parts[..., None] - levels).abs().argmin(dim=-1)"
BACK = "back = levels[codes] * scales[:, None]"

MUTANTS = [
    (SHARED, "pass", "Scales take room"),
    (SHARED, "each += 8 / block", "The group's own number is missing"),
    (SHARED, "each += 32 / block", "A scale has 8 bits here"),
    (TOLD, "return count * each / 2**30", "eight of them are one byte"),
    (TOLD, "return count * each / 8 / 1e9", "A card's GB are 2**30"),
    (FOUND, "found = 2 * np.concatenate([below[:-1], above]) - 1", "not their quantiles"),
    (FOUND, "found = norm.ppf(np.concatenate([below, above]))", "0 stands there twice"),
    (
        SIDES,
        "below, above = np.linspace(e, 0.5, n // 2 + 1), np.linspace(0.5, 1 - e, n // 2)",
        "The wrong side has more",
    ),
    (SIDES, SIDES.replace("(e, ", "(0, ").replace("1 - e", "1"), "infinitely far out"),
    (DIVIDED, "return found", "Not divided by the largest"),
    (DIVIDED, "return (found / found.max())[::-1]", "Falling order"),
    (SCALES, "scales = blocks.amax(dim=1)", "A scale is the largest size"),
    (SCALES, "scales = blocks.abs().amax().expand(len(blocks))", "One scale for all"),
    (PARTS, "parts = blocks", "Not divided by the scale"),
    (PARTS, "parts = blocks / scales[:, None]", "A block of zeros"),
    (CODES, "codes = (parts[..., None] - levels).argmin(dim=-1)", "Not the nearest level"),
    (BACK, "back = levels[codes]", "Unpacked without the scale"),
    ("blocks = weight.reshape(-1, size)", "blocks = weight.T.reshape(-1, size)", "not down the columns"),
]
