"""Ask a function one question without letting it spoil anything: the arguments, the dice, or the lesson."""

import copy
import dis
import linecache
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import GeneratorType
from typing import Any

import numpy as np

from mini_model.teach.difference import difference

# What usually lies behind each kind of error; the error's own text is printed before it.
USUAL_REASONS: dict[type[BaseException], str] = {
    NameError: "a name that does not exist here: a typo, or a variable from outside the function",
    IndexError: "a list or a group is shorter than you think; print its length",
    KeyError: "this key is not in the dict; print its keys",
    AttributeError: "the thing before the dot is not what you think, perhaps None; print its type",
    TypeError: "an argument is missing, too many, or of another kind than you think",
    ZeroDivisionError: "something that you divide by can be zero",
    RecursionError: "the function calls itself without end",
    ValueError: "a value or a shape does not fit; print it just before this line",
    RuntimeError: "shapes or kinds of numbers do not fit; print them just before this line",
}
EMPTY_CODE = {"RESUME", "NOP", "CACHE", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}


@dataclass
class Answer:
    """What came of a question: a value or an error, and the place of an argument that was altered."""

    value: Any = None
    error: BaseException | None = None
    altered: int | None = None


def ask(function: Callable, args: tuple) -> Answer:
    """Call a function on fresh copies of the arguments, with the same dice each time; never raises."""
    given = fresh(args)
    with same_dice():
        try:
            value = function(*given)
            value = list(value) if isinstance(value, GeneratorType) else value
        except (Exception, SystemExit) as error:  # whatever it is, it is told, not raised
            return Answer(error=error)
    for place, (before, after) in enumerate(zip(args, given, strict=True)):
        comparable = difference(fresh(before), before) is None
        if comparable and difference(after, before, tolerance=0):
            return Answer(value, altered=place)
    return Answer(value)


def disagreement(got: Answer, want: Answer, tolerance: float = 1e-5) -> str | None:
    """How an answer differs from the expected one, in words; None when they agree."""
    if want.error is not None:
        expected = type(want.error).__name__
        if got.error is not None:
            same = isinstance(got.error, type(want.error))
            return None if same else f"{type(got.error).__name__} where {expected} was expected"
        return f"here the function should refuse with {expected}, but it gave an answer"
    if got.error is not None:
        return f"{type(got.error).__name__}: {got.error}"
    return difference(got.value, want.value, tolerance)


def explain_error(error: BaseException, function: Callable) -> str:
    """An error in a student's function: the line, the error's own words, and the usual reason."""
    home = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == home]
    text = linecache.getline(home, lines[-1]).strip() if lines else ""
    where = f" at the line `{text}`" if text else ""
    reason = next((words for kind, words in USUAL_REASONS.items() if isinstance(error, kind)), "")
    return f"{type(error).__name__}{where}: {error}" + (f" ({reason})" if reason else "")


def is_stub(function: Any) -> bool:
    """Whether a function is still empty: no more than a docstring and `...`."""
    if not hasattr(function, "__code__"):
        return False
    steps = list(dis.get_instructions(function))
    consts = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
    return {step.opname for step in steps} <= EMPTY_CODE and all(c is None or c is ... for c in consts)


def left_open(answer: Answer) -> bool:
    """Whether the answer shows that a `...` of the exercise was not filled in yet."""
    if isinstance(answer.error, NotImplementedError) or answer.value is ...:
        return True
    return isinstance(answer.error, TypeError | AttributeError) and "ellipsis" in str(answer.error)


def fresh(thing: Any) -> Any:
    """A copy that may be altered freely; a network is passed on as it is, for it can be large."""
    torch = sys.modules.get("torch")
    if type(thing) in (list, tuple):
        return type(thing)(fresh(item) for item in thing)
    if type(thing) is dict:
        return {key: fresh(value) for key, value in thing.items()}
    if torch is not None:
        if isinstance(thing, torch.nn.Module):
            return thing
        if isinstance(thing, torch.Tensor):
            return thing.detach().clone().requires_grad_(thing.requires_grad)
        if isinstance(thing, torch.Generator):
            return thing.clone_state()
    try:
        return copy.deepcopy(thing)
    except Exception:  # open files, windows and the like cannot be copied
        return thing


@contextmanager
def same_dice(seed: int = 0) -> Iterator[None]:
    """Every function throws the same dice in here, and the lesson's own dice are put back afterwards."""
    torch = sys.modules.get("torch")
    kept = random.getstate(), np.random.get_state(), torch and torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    if torch is not None:
        torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        if torch is not None:
            torch.set_rng_state(kept[2])
