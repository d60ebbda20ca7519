"""The usual mistakes of lesson 13: (right text, wrong text, words that the check must say)."""

TOLD = "return base(x) + alpha / len(down) * news"
NEWS = "news = x @ down.T @ up.T"
LISTED = 'any(name == one or name.endswith("." + one) for one in targets)'
FITTED = "if re.fullmatch(targets, name)"
WANTED = "wanted = weight + update"
LOST = "return (pack(wanted) - wanted).norm() / update.norm()"

MUTANTS = [
    (TOLD, "return base(x) + alpha * news", "Alpha is divided by the rank"),
    (TOLD, "return base(x) + news / len(down)", "alpha is missing"),
    (TOLD, "return base(x) + alpha / len(down) ** 0.5 * news", "that is rsLoRA"),
    (TOLD, "return alpha / len(down) * news", "The layer itself is missing"),
    (TOLD, "return alpha / len(down) * (base(x) + news)", "not for the layer"),
    (TOLD, "return x @ base.weight.T + base.bias + alpha / len(down) * news", "This layer is packed: call it"),
    (NEWS, "news = x @ up @ down", "RuntimeError"),
    (LISTED, "any(one in name for one in targets)", "must be the end of a whole one"),
    (LISTED, "any(name.endswith(one) for one in targets)", "A dot must stand before it"),
    (LISTED, 'any(name.endswith("." + one) for one in targets)', "may also be the whole name"),
    (LISTED, LISTED.replace("any(", "all("), "One of the targets is enough"),
    (FITTED, "if re.search(targets, name)", "not some part of it"),
    (FITTED, "if re.match(targets, name)", "up to the end of the name"),
    (LOST, "return (pack(wanted) - wanted).norm() / wanted.norm()", "not of the weights"),
    (LOST, "return (pack(update) - update).norm() / update.norm()", "not the update by itself"),
    (LOST, "return (pack(wanted) - weight).norm() / update.norm()", "how far the layer moves"),
    (LOST, "return ((pack(wanted) - wanted).norm() / update.norm()) ** 2", "no square"),
]
