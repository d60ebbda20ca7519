"""The player: walk through a trajectory in a notebook, stage by stage, and through each picture's denoising.

The widget needs a kernel. For places without one (a viewer, paper) its notebook output also carries the
static strip, which says the same.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
from PIL import Image

from mini_model.errors import KitError
from mini_model.show import language
from mini_model.show.draw import data_uri, fit, ink_on
from mini_model.show.language import Moment
from mini_model.show.strip import strip
from mini_model.trajectory import Trajectory

SIDE = 320  # pixels of the picture shown: five of 64
SECOND = 1000  # milliseconds
COLUMN = "20rem"  # the width of the words beside the picture


class Player(widgets.VBox):
    """The widget that `player` makes; `show(n)` goes to the n-th moment, counted from 0."""

    def __init__(self, trajectory: Trajectory, frames: Sequence[Sequence[Image.Image]] = ()) -> None:
        self._trajectory, self._frames = trajectory, frames
        self.moments = language.moments(trajectory)
        self.head, self.picture, self.words = widgets.HTML(), widgets.HTML(), widgets.HTML()
        last = len(self.moments) - 1
        self.stage = _slider("Stage", last, "Which moment of the story is shown")
        self.denoising = _slider("Denoising", 0, "From noise to picture")
        self.previous = _button("Previous", "arrow-left", "Go to the stage before")
        self.next = _button("Next", "arrow-right", "Go to the stage after")
        self.play = widgets.Play(max=last, interval=2 * SECOND, tooltip="Play the stages")
        widgets.jslink((self.play, "value"), (self.stage, "value"))
        self.previous.on_click(lambda _: self.show(self.stage.value - 1))
        self.next.on_click(lambda _: self.show(self.stage.value + 1))
        self.stage.observe(lambda _: self._draw(), "value")
        self.denoising.observe(lambda _: self._draw_picture(), "value")
        super().__init__(self._laid_out())
        self._draw()

    def _laid_out(self) -> list[widgets.Widget]:
        """Controls above, where they stay put; below them the picture with the words at its side."""
        title = widgets.HTML(f"<b>{escape(self._trajectory.prompt)}</b>")
        buttons = widgets.HBox([self.previous, self.next, self.play])
        wrapping = widgets.Layout(flex_flow="row wrap", grid_gap="0 1rem")
        beside = widgets.HBox([self.picture, self.words], layout=wrapping)
        return [title, buttons, self.stage, self.head, beside, self.denoising]

    @property
    def moment(self) -> Moment:
        """The moment that is shown now."""
        return self.moments[self.stage.value]

    def show(self, number: int) -> None:
        """Go to a moment; numbers beyond the ends stay at the ends."""
        self.stage.value = min(max(number, 0), len(self.moments) - 1)

    def _draw(self) -> None:
        """Show the stage's word, mark and colour, its words, and its picture fully denoised."""
        moment, stage = self.moment, self.moment.stage
        where = f"round {moment.round} of {len(self._trajectory.steps)}" if moment.round else "the end"
        style = f"background:{stage.color};color:{ink_on(stage.color)};padding:.15rem .7rem"
        self.head.value = (
            f'<div aria-live="polite"><b style="{style}">{stage.mark} {stage.word}</b> &nbsp;{where}</div>'
        )
        first, _, rest = moment.text.partition("\n")
        self.words.value = (
            f'<div style="width:{COLUMN};max-width:100%;white-space:pre-line;line-height:1.4">'
            f"<b>{escape(first)}</b>\n{escape(rest)}</div>"
        )
        self.previous.disabled = self.stage.value == 0
        self.next.disabled = self.stage.value == len(self.moments) - 1
        frames = self._frames_now()
        self.denoising.layout.display = None if frames else "none"
        self.denoising.max = max(0, len(frames) - 1)
        self.denoising.value = self.denoising.max
        self._draw_picture()

    def _frames_now(self) -> Sequence[Image.Image]:
        drawn = self.moment.drawn
        return () if drawn is None or not self._frames else self._frames[drawn]

    def _draw_picture(self) -> None:
        frames, moment = self._frames_now(), self.moment
        number = self.denoising.value
        if moment.picture is None:
            self.picture.value = _paper("nothing is drawn yet")
        elif frames and number < len(frames) - 1:
            self.picture.value = _img(frames[number], f"the {moment.stage.word} at denoising frame {number}")
        else:
            self.picture.value = _img(moment.picture, f"the picture at the {moment.stage.word} stage")

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget for whoever has a kernel, the strip for everyone else."""
        still, _ = strip(self._trajectory)._repr_mimebundle_()
        return still | (super()._repr_mimebundle_(**kwargs) or {}) | {"text/plain": still["text/plain"]}


def player(trajectory: Trajectory, frames: Sequence[Sequence[Image.Image]] | None = None) -> Player:
    """A widget that steps through a trajectory: buttons, a slider and play, all reachable by keyboard.

    `frames` holds, for each picture that was drawn (drafts and refinements in order; the final one where
    nothing else was drawn), its denoising frames from noise to picture. Raises KitError if their number
    does not match.
    """
    drawn = sum(moment.drawn is not None for moment in language.moments(trajectory))
    if frames is not None and (len(frames) != drawn or not all(frames)):
        raise KitError(
            f"{len(frames)} lists of denoising frames for {drawn} drawn pictures; give one list, with at "
            "least one frame in it, for each draft and each refinement in order"
        )
    return Player(trajectory, frames or ())


def _slider(label: str, last: int, tooltip: str) -> widgets.IntSlider:
    wide = widgets.Layout(width="min(36rem, 100%)")  # one for each: a shared layout would hide them together
    return widgets.IntSlider(0, 0, last, description=label, tooltip=tooltip, readout=False, layout=wide)


def _button(label: str, icon: str, tooltip: str) -> widgets.Button:
    return widgets.Button(description=label, icon=icon, tooltip=tooltip)


def _img(picture: Image.Image, alt: str) -> str:
    """The picture at the player's size, with its alt text."""
    shown = fit(picture, SIDE)
    return f'<img alt="{escape(alt)}" width="{shown.width}" height="{shown.height}" src="{data_uri(shown)}">'


def _paper(words: str) -> str:
    """An empty sheet of the picture's size that says why it is empty."""
    style = f"width:{SIDE}px;height:{SIDE}px;border:1px dashed #888;display:grid;place-items:center"
    return f'<div style="{style}">{escape(words)}</div>'
