"""The usual mistakes of lesson 3: (right text, wrong text, words that the check must say)."""

POINT = "point = (1 - t) * x0 + t * noise"
BOTH = "return point, noise - x0"
ROWS = "t = t[:, None]"
TIMES = "times = torch.linspace(1, 0, steps + 1)"
BEND = "times = shift * times / (1 + (shift - 1) * times)"
STEP = "x = x - velocity_at(x, now) * (now - then)"
PUSH = "guided = without + scale * (v - without)"
LENGTHS = "length, pushed = (x.norm(dim=(1, 2), keepdim=True) for x in (v, guided))"
FACTOR = "return guided * (length / (pushed + 1e-8)).clamp(max=1)"

MUTANTS = [
    (POINT, "point = t * x0 + (1 - t) * noise", "Time runs the wrong way round"),
    (BOTH, "return point, x0 - noise", "The velocity is turned round"),
    (ROWS, "t = 1 * t", "laid along the numbers of a token"),
    (ROWS, "t = t[0]", "One time for all"),
    (BOTH, "return point, point - x0", "that of the whole line"),
    (BOTH, "return noise - x0, point", "Point first"),
    (BOTH, "return point", "the velocity is missing"),
    (BOTH, "return noise - x0", "the point is missing"),
    (STEP, "x = x + velocity_at(x, now) * (now - then)", "Away from the picture"),
    (BEND, "times = 1 * times", "The shift is forgotten"),
    (BEND, "times = times / (shift + (1 - shift) * times)", "bent the wrong way"),
    (TIMES, "times = torch.linspace(1, 0, steps)", "n steps need n + 1 times"),
    (TIMES, "times = torch.linspace(0, 1, steps + 1)", "Time runs from 0 to 1"),
    (STEP, "x = x - velocity_at(x, now) / steps", "Bent times make unequal steps"),
    (STEP, "x = x - velocity_at(x, then) * (now - then)", "The velocity is that of `then`"),
    (STEP, "x -= velocity_at(x, now) * (now - then)", "into the same tensor"),
    (FACTOR, "return guided", "No renorm"),
    (PUSH, "guided = v + scale * (v - without)", "Scale 1 pushes already"),
    (PUSH, "guided = without + scale * (without - v)", "Away from the words"),
    (PUSH, "guided = v + scale * (without - v)", "have changed places"),
    (LENGTHS, LENGTHS.replace("(1, 2)", "-1"), "One factor for each token"),
    (LENGTHS, "length, pushed = v.norm(), guided.norm()", "a picture depends on its company"),
    (FACTOR, "return guided * (length / (pushed + 1e-8))", "The renorm never makes longer"),
    (LENGTHS, LENGTHS.replace("(v, guided)", "(without, guided)"), "The length to come back to is that of v"),
]
