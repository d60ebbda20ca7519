"""An explorer: controls, a picture and words that follow them, and a still picture that says the same.

Each explorer of the kit is a small class that answers two questions: what is to be seen now (`look`), and what to
print where no kernel runs (`still`). All the rest is here, once.
"""

from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
from PIL import Image

from mini_model.show.draw import SHARP, data_uri
from mini_model.show.figure import Figure

COLUMN = "22rem"  # the width of the words beside the picture


@dataclass(frozen=True)
class Look:
    """What an explorer shows at one moment: a picture, two pixels to a point, its alt text, and words beside it."""

    picture: Image.Image
    alt: str
    words: str  # the first line is the heading


class Explorer(widgets.VBox):
    """Controls above, where they stay put; below them a picture with words at its side."""

    def __init__(self, title: str, *controls: widgets.Widget) -> None:
        self.picture, self.words = widgets.HTML(), widgets.HTML()
        for control in controls:
            control.observe(lambda _: self._draw(), "value")
        wrapping = widgets.Layout(flex_flow="row wrap", grid_gap="0 1rem")
        beside = widgets.HBox([self.picture, self.words], layout=wrapping)
        super().__init__([widgets.HTML(f"<b>{escape(title)}</b>"), *controls, beside])
        self._draw()

    def look(self) -> Look:
        """What the controls ask to see."""
        raise NotImplementedError

    def still(self) -> Figure:
        """One picture that holds what all positions of the controls would show."""
        raise NotImplementedError

    def _draw(self) -> None:
        """Show what the controls ask for; the words are read out where a screen reader listens."""
        look = self.look()
        self.picture.value = (
            f'<img alt="{escape(look.alt)}" width="{look.picture.width // SHARP}" '
            f'style="max-width:100%;height:auto" src="{data_uri(look.picture)}">'
        )
        first, _, rest = look.words.partition("\n")
        self.words.value = (
            f'<div aria-live="polite" style="width:{COLUMN};max-width:100%;white-space:pre-line;line-height:1.4">'
            f"<b>{escape(first)}</b>\n{escape(rest)}</div>"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        """The widget for whoever has a kernel, the still picture for everyone else."""
        data, about = self.still()._repr_mimebundle_()
        return data | (super()._repr_mimebundle_(**kwargs) or {}) | {"text/plain": data["text/plain"]}, about


def slider(label: str, last: int, tooltip: str) -> widgets.IntSlider:
    """A slider from 0 to `last`, hidden when that is 0; arrow keys move it by one."""
    wide = widgets.Layout(width="min(36rem, 100%)", display=None if last else "none")  # with one place it is no help
    return widgets.IntSlider(0, 0, last, description=label, tooltip=tooltip, readout=False, layout=wide)


def choice(label: str, options: list[tuple[str, Any]], tooltip: str) -> widgets.Dropdown:
    """A list to choose from: pairs of what is read and what is meant."""
    return widgets.Dropdown(options=options, description=label, tooltip=tooltip)


def as_numbers(values: Any) -> np.ndarray:
    """An array or a tensor, wherever that lies, as an array."""
    return np.asarray(values.detach().float().cpu() if hasattr(values, "detach") else values)
