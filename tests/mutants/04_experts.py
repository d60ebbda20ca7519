"""The usual mistakes of lesson 4: (right text, wrong text, words that the check must say)."""

ROUTED = "words, latents = und(x[~is_gen]), gen(x[is_gen])"
PLACED = "out = words.new_zeros(len(x), words.shape[-1])"
TURNED = "return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)"
HALVES = "a, b = x[..., :half], x[..., half:]"
SPEED = "speed = 10_000.0 ** (-torch.arange(half) / half)"
REACH = "in_reach = earlier | (together & (kind != CAUSAL)[:, None])"
HIDDEN = "hidden = (kind == NOISE)[None, :] & ~together"
SEEN = "return (sample[:, None] == sample[None, :]) & in_reach & ~hidden"

MUTANTS = [
    (ROUTED, "is_gen = ~is_gen; words, latents = und(x[~is_gen]), gen(x[is_gen])", "Wrong way round"),
    (ROUTED, "words, latents = und(x[~is_gen]), und(x[is_gen])", "One expert is asked twice"),
    (ROUTED, "words, latents = und(x)[~is_gen], gen(x)[is_gen]", "give it its own alone"),
    (PLACED, "return und(x)", "gen is never asked"),
    (PLACED, "return torch.cat([words, latents])", "Not put back"),
    (PLACED, "out = torch.zeros_like(x)", "An expert may change the width"),
    ("out[is_gen] = latents", "out[is_gen] += 0", "The rows of gen stay empty"),
    (
        TURNED,
        TURNED.replace(" - b", " + b").replace(" + b * angle.cos", " - b * angle.cos"),
        "At position 0 nothing turns",
    ),
    (TURNED, TURNED.replace(" - b", " + b").replace("a * angle.sin() +", "-a * angle.sin() +"), "Turned backwards"),
    (HALVES, "a, b = x[..., ::2], x[..., 1::2]", "the answer is x itself"),
    (SPEED, "speed = torch.ones(half)", "All pairs turn equally fast"),
    (SPEED, "speed = 10_000.0 ** (-torch.arange(half) / x.shape[-1])", "falls too slowly"),
    (
        HALVES + "\n    " + TURNED,
        "a, b = x[..., ::2], x[..., 1::2]\n    turned = a * angle.cos() - b * angle.sin(), "
        "a * angle.sin() + b * angle.cos()\n    return torch.stack(turned, dim=-1).flatten(-2)",
        "Neighbours were paired",
    ),
    (SEEN, "return (sample[:, None] == sample[None, :]) & in_reach", "what comes later sees the noised picture"),
    (HIDDEN, "hidden = (kind == NOISE)[None, :]", "The noised picture cannot see itself"),
    (REACH, "in_reach = earlier", "Pictures are read like text"),
    (REACH, "in_reach = earlier | together", "the very words it has to predict"),
    (SEEN, "return in_reach & ~hidden", "Samples that share a row"),
    (REACH, "in_reach = earlier | (kind != CAUSAL)[:, None] & (kind != CAUSAL)[None, :]", "look ahead at other"),
    (SEEN, SEEN.replace("return ", "return (").replace("~hidden", "~hidden).T"), "Rows and columns changed places"),
    ("earlier = place[:, None] >= place[None, :]", "earlier = place[:, None] > place[None, :]", "sees itself"),
]
