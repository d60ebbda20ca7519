"""Say in a student's words how an answer differs from the expected one.

`difference(got, want)` is None when the two agree; otherwise it names the first thing that differs: the kind
of thing, its shape, its length, a key, a letter, a value. Tensors are recognised without importing torch, so
the lessons that do without it stay light.
"""

import sys
from numbers import Number
from typing import Any

import numpy as np
from numpy import ndarray
from PIL import Image

RELATIVE = 1e-4  # numbers may differ by this share of the expected one, beside the absolute tolerance


def difference(got: Any, want: Any, tolerance: float = 1e-5) -> str | None:
    """The first thing in which an answer differs from the expected one, in words; None when they agree."""
    got, want = (x.item() if isinstance(x, np.generic) else x for x in (got, want))
    kind = kind_of(want)
    if kind_of(got) != kind:
        missing = ": is a `return` missing?" if got is None else ""
        return f"{describe(got)} where {describe(want)} was expected{missing}"
    compare = COMPARE.get(kind, _compare_others)
    return compare(got, want, tolerance)


def kind_of(thing: Any) -> str:
    """The everyday name of a thing's kind: 'tensor', 'picture', 'number', 'list' and so on."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(thing, torch.Tensor):
        return "tensor"
    if thing is None or isinstance(thing, bool):
        return "nothing (None)" if thing is None else "True or False"
    names = {ndarray: "array", Image.Image: "picture", str: "string", Number: "number"}
    names |= {list: "list", tuple: "tuple", dict: "dict", set: "set"}
    return next((name for kind, name in names.items() if isinstance(thing, kind)), type(thing).__name__)


def describe(thing: Any, width: int = 70) -> str:
    """A thing in few words: its kind, and its shape, length or value."""
    kind = kind_of(thing)
    if kind in ("tensor", "array"):
        return f"{'an' if kind == 'array' else 'a'} {kind} of shape {tuple(thing.shape)}"
    if kind == "picture":
        return f"a picture of {thing.width} by {thing.height} pixels"
    if kind in ("list", "tuple", "dict", "set"):
        return f"the {kind} {shorten(thing, width)} (length {len(thing)})"
    if thing is None or isinstance(thing, bool):
        return kind if thing is None else repr(thing)
    return f"the {kind} {shorten(thing, width)}"


def shorten(thing: Any, width: int = 70) -> str:
    """What a thing looks like in code, cut to `width` letters."""
    text = repr(thing)
    return text if len(text) <= width else text[: width - 3] + "..."


def _compare_numbers(got: Any, want: Any, tolerance: float) -> str | None:
    """Two numbers agree when they are close, or both not a number."""
    if np.isclose(got, want, rtol=RELATIVE, atol=tolerance, equal_nan=True):
        return None
    return f"you have {got:g}, expected {want:g}" if isinstance(want, int | float) else f"{got} is not {want}"


def _compare_strings(got: str, want: str, _tolerance: float) -> str | None:
    """Two strings agree letter by letter."""
    if got == want:
        return None
    same_words = "".join(got.split()).lower() == "".join(want.split()).lower()
    only = " (only spaces or capital letters differ)" if same_words else ""
    return f"you have {shorten(got)}, expected {shorten(want)}{only}"


def _compare_sequences(got: Any, want: Any, tolerance: float) -> str | None:
    """Two lists or tuples agree when they are of one length and agree item by item."""
    if len(got) != len(want):
        return f"length {len(got)}, expected {len(want)}: you have {shorten(got)}, expected {shorten(want)}"
    for place, (one, other) in enumerate(zip(got, want, strict=True)):
        if words := difference(one, other, tolerance):
            return f"item {place}: {words}"
    return None


def _compare_dicts(got: dict, want: dict, tolerance: float) -> str | None:
    """Two dicts agree when they have the same keys and agree under each."""
    missing, extra = want.keys() - got.keys(), got.keys() - want.keys()
    if missing or extra:
        key = min(missing or extra, key=repr)
        return f"the key {key!r} is {'missing' if missing else 'not expected'}"
    for key, value in want.items():
        if words := difference(got[key], value, tolerance):
            return f"under the key {key!r}: {words}"
    return None


def _compare_pictures(got: Image.Image, want: Image.Image, tolerance: float) -> str | None:
    """Two pictures agree when size, mode and every pixel do."""
    if (got.size, got.mode) != (want.size, want.mode):
        return f"a picture of size {got.size} in {got.mode}, expected {want.size} in {want.mode}"
    return _compare_arrays(np.asarray(got), np.asarray(want), tolerance)


def _compare_arrays(got: Any, want: Any, tolerance: float) -> str | None:
    """Two tensors or arrays agree in shape, in the kind of their numbers, and value by value."""
    got, want = _numpy(got), _numpy(want)
    if got.shape != want.shape:
        return f"the shape is {got.shape}, expected {want.shape}{_why_shape(got.shape, want.shape)}"
    kinds = {"f": "fractions", "i": "whole numbers", "u": "whole numbers", "b": "True or False"}
    one, other = (kinds.get(x.dtype.kind, x.dtype.name) for x in (got, want))
    if one != other:
        return f"it holds {one}, expected {other}"
    if got.dtype.kind not in "fiuc":
        close = got == want
    else:
        close = np.isclose(got, want, rtol=RELATIVE, atol=tolerance, equal_nan=True)
    return None if close.all() else _why_values(got, want, close)


def _numpy(thing: Any) -> ndarray:
    """A tensor as an array, half-precision numbers widened."""
    if isinstance(thing, ndarray):
        return thing
    thing = thing.detach().cpu()
    return (thing.double() if thing.is_floating_point() else thing).numpy()


def _why_shape(got: tuple[int, ...], want: tuple[int, ...]) -> str:
    """The usual reason for a wrong shape, if it is one of the usual."""
    if sorted(got) == sorted(want):
        return ": two axes have changed places"
    if [n for n in got if n != 1] == [n for n in want if n != 1]:
        return f": an axis of length one is {'missing' if len(got) < len(want) else 'too many'}"
    if len(got) < len(want):
        return ": an axis has been lost"
    return ""


def _why_values(got: ndarray, want: ndarray, close: ndarray) -> str:
    """Where the values part, and whether one factor would mend them all."""
    if got.dtype.kind == "f" and np.isnan(got).any() and not np.isnan(want).any():
        return f"{int(np.isnan(got).sum())} of {got.size} values are not a number (nan)"
    where = tuple(int(i) for i in np.argwhere(~close)[0])
    words = f"{int((~close).sum())} of {got.size} values differ; at {where} you have {got[where]:.4g}, "
    words += f"expected {want[where]:.4g}"
    if got.dtype.kind == "f" and want[where] != 0:
        ratio = got[where] / want[where]
        if got.size > 1 and np.allclose(got, ratio * want, rtol=1e-3, atol=1e-5):
            words += f" (every value is {ratio:.3g} times the expected one)"
    return words


def _compare_others(got: Any, want: Any, _tolerance: float) -> str | None:
    """Everything else agrees when Python's == says so."""
    return None if bool(got == want) else f"you have {shorten(got)}, expected {shorten(want)}"


COMPARE = {
    "tensor": _compare_arrays,
    "array": _compare_arrays,
    "picture": _compare_pictures,
    "number": _compare_numbers,
    "string": _compare_strings,
    "list": _compare_sequences,
    "tuple": _compare_sequences,
    "dict": _compare_dicts,
}
