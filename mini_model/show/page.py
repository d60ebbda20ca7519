"""A trajectory as one HTML file that needs nothing else: no server, no script, no network."""

import json
from html import escape
from pathlib import Path

from PIL import Image

from mini_model.files import write_whole
from mini_model.show import language
from mini_model.show.draw import data_uri, ink_on
from mini_model.show.language import FINAL, STAGES, Stage
from mini_model.trajectory import Reflection, Step, Trajectory

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # a second lock: no script can run
PIXEL_ART = 128  # pictures up to this many pixels a side are shown pixel by pixel, larger ones smoothly

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:,">
<title>{title}</title>
<meta name="description" content="{alt}">
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="quiet">{cost}</p>
{rounds}
{ending}
<details><summary>How it was made</summary><pre>{facts}</pre></details>
</main>
</body>
</html>
"""


def page(trajectory: Trajectory) -> str:
    """A trajectory as a whole HTML page: the model's words escaped, its pictures inside and described."""
    rounds = [_round(number, step) for number, step in enumerate(trajectory.steps, 1)]
    facts = {name: getattr(trajectory, name) for name in ("strategy", "seed", "spec", "provenance")}
    facts["cost"] = trajectory.cost.model_dump()
    return PAGE.format(
        policy=POLICY,
        title=escape(trajectory.prompt),
        alt=escape(language.alt_text(trajectory)),
        style=_style(),
        cost=escape(language.cost_line(trajectory)),
        rounds="\n".join(rounds),
        ending=_ending(trajectory),
        facts=escape(json.dumps(facts, indent=2, ensure_ascii=False)),
    )


def write_page(trajectory: Trajectory, path: str | Path) -> Path:
    """Write the page to a file, whole or not at all; raises KitError if the place cannot be written."""
    return write_whole(path, page(trajectory))


def _style() -> str:
    """The style sheet, with the colours of the picture language put in."""
    colors = "".join(
        f".{stage.word} {{ --stage: {stage.color}; --on-stage: {ink_on(stage.color)}; }}\n"
        for stage in (*STAGES, FINAL)
    )
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8").replace("/* stages */\n", colors)


def _round(number: int, step: Step) -> str:
    """One round as four frames under a heading."""
    frames = [
        _frame(language.PLAN, _plan(step), language.NO_PLAN),
        _frame(language.DRAFT, _picture(step.draft, f"the draft of round {number}")),
        _frame(language.REFLECTION, _judgement(step.reflection), language.VERDICT_WORDS["none"]),
        _frame(language.REFINEMENT, _refinement(number, step), language.unmended(step)),
    ]
    return f'<section>\n<h2>Round {number}</h2>\n<div class="round">\n{"".join(frames)}</div>\n</section>'


def _frame(stage: Stage, body: str, empty: str = "") -> str:
    """A frame with mark, word and colour; a frame without a body says why in a few quiet words."""
    kind = stage.word if body else f"{stage.word} empty"
    mark = f'<span class="mark" aria-hidden="true">{stage.mark}</span>'
    return (
        f'<article class="frame {kind}"><h3>{mark}{stage.word}</h3>'
        f'<div class="body">{body or escape(empty)}</div></article>\n'
    )


def _plan(step: Step) -> str:
    return _words("instruction", step.plan.instruction) + _words("quiet", step.plan.description)


def _judgement(reflection: Reflection) -> str:
    """The verdict as a seal, its words, and what is to be mended."""
    seal = ""
    if reflection.verdict != "none":
        mark, word = language.VERDICT_MARKS[reflection.verdict], language.VERDICT_WORDS[reflection.verdict]
        seal = f'<span class="seal {reflection.verdict}">{mark} {word}</span>'
    refine = _words("refine", f"→ {reflection.refine}") if reflection.refine else ""
    return seal + _words("reason", reflection.text) + refine


def _refinement(number: int, step: Step) -> str:
    if step.refinement is None:
        return ""
    after = _words("quiet", language.said(step.after)) if step.after else ""
    return _picture(step.refinement, f"the refinement of round {number}") + after


def _ending(trajectory: Trajectory) -> str:
    """The final picture with the closing words beside it."""
    words = _words("closing", trajectory.closing)
    words += _words("bounded", language.BOUNDED) if trajectory.bounded else ""
    picture = _picture(trajectory.final, f"the final picture for the prompt {language.quoted(trajectory.prompt)}")
    return f'<section class="ending">{_frame(FINAL, f"{picture}<div>{words}</div>")}</section>'


def _words(kind: str, text: str) -> str:
    return f'<p class="{kind}">{escape(text.strip())}</p>' if text.strip() else ""


def _picture(picture: Image.Image, alt: str) -> str:
    """A picture inside the page, with its size so that the page does not jump while it loads."""
    crisp = ' class="pixels"' if max(picture.size) <= PIXEL_ART else ""
    return (
        f'<img{crisp} alt="{escape(alt)}" width="{picture.width}" height="{picture.height}" src="{data_uri(picture)}">'
    )
