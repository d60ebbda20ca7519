"""The plain form of a training sample: words to read or write, pictures to look at, to have, or to draw."""

from dataclasses import dataclass

from jaxtyping import UInt8
from numpy import ndarray

Picture = UInt8[ndarray, "height width 3"]


@dataclass(frozen=True)
class Words:
    """A text. With `loss` the model learns to write it; `draws` says what comes after it, where that is learnt."""

    text: str
    loss: bool = False
    draws: bool | None = None  # True: a picture follows; False: nothing follows; None: not learnt
    given: str = ""  # how the text begins, where only the rest of it is learnt


@dataclass(frozen=True, eq=False)
class Look:
    """A picture through the vision encoder."""

    picture: Picture
    as_is: bool = False  # not shaken first: where what is said of it hangs on how clear its outlines are


@dataclass(frozen=True, eq=False)
class Have:
    """A picture through the autoencoder, clean: something to draw on."""

    picture: Picture


@dataclass(frozen=True, eq=False)
class Draw:
    """A picture to be drawn: it enters noised, and its velocity is learnt."""

    picture: Picture


Part = Words | Look | Have | Draw
