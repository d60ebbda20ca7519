"""The paper's own figures, to lay beside those of the drawn world (arXiv 2604.04746, tables 2 to 7)."""

TAGS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")  # in the order of table 2


def _row(values: tuple[float, ...], tags: tuple[str, ...] = TAGS) -> dict[str, float]:
    return dict(zip((*tags, "overall"), values, strict=False))


GENEVAL = {  # table 2
    "base direct": _row((0.99, 0.95, 0.76, 0.87, 0.51, 0.56, 0.77)),
    "process": _row((0.99, 0.95, 0.75, 0.87, 0.72, 0.69, 0.83)),
}
WISE_DOMAINS = ("culture", "time", "space", "biology", "physics", "chemistry")
WISE = {  # table 3; the base row is BAGEL with a chain of thought (its README), so it is `reasoned` here
    "base reasoned": _row((0.76, 0.69, 0.75, 0.64, 0.75, 0.58, 0.70), WISE_DOMAINS),
    "process": _row((0.74, 0.82, 0.73, 0.70, 0.76, 0.78, 0.76), WISE_DOMAINS),
}
COST = {  # table 4: denoising steps of one picture, and GenEval
    "planner": {"denoising steps": 50, "overall": 0.60},
    "inspector": {"denoising steps": 50, "overall": 0.80},
    "parm": {"denoising steps": 1000, "overall": 0.67},
    "preference, then parm": {"denoising steps": 1000, "overall": 0.77},
    "process": {"denoising steps": 131, "overall": 0.83},
}
_THREE = ("colors", "position", "color_attr")
TABLE_5 = {
    "without augmentation": _row((0.81, 0.58, 0.50), _THREE),
    "without augmentation, criticised": _row((0.84, 0.61, 0.53), _THREE),
    "with augmentation": _row((0.82, 0.67, 0.62), _THREE),
    "with augmentation, criticised": _row((0.87, 0.72, 0.69), _THREE),
}
TABLE_6 = {
    "no criticism": _row((0.82, 0.67, 0.62), _THREE),
    "from the scene graph": _row((0.83, 0.70, 0.67), _THREE),
    "self-sampled": _row((0.87, 0.72, 0.69), _THREE),
}
_FOUR = ("counting", *_THREE)
TABLE_7 = {
    "no criticism": _row((0.61, 0.84, 0.66, 0.62), _FOUR),
    "conflict": _row((0.62, 0.85, 0.71, 0.65), _FOUR),
    "alignment": _row((0.73, 0.86, 0.69, 0.65), _FOUR),
    "both": _row((0.75, 0.87, 0.72, 0.69), _FOUR),
}
