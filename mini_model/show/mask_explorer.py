"""The mask explorer: a table of who may look at whom, walked through token by token.

A row is the token that looks, a column the token that is looked at, as in attention itself.

Letters in shapes:  L tokens
"""

from itertools import groupby

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from mini_model.errors import KitError
from mini_model.show.explorer import Explorer, Look, as_numbers, slider
from mini_model.show.figure import WIDTH, Figure
from mini_model.show.language import counted
from mini_model.show.table import KINDS, Table, draw_table
from mini_model.world.scene import join

BESIDE = 620  # points: the width of the table in the widget


class MaskExplorer(Explorer):
    """The widget that `mask_explorer` makes; `token.value` is the token looked at, counted from 0."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.token = slider("Token", len(table.names) - 1, "Which token is looked at")
        super().__init__("Who may look at whom", self.token)

    def look(self) -> Look:
        """The table with one token's row and column picked out, and both in words."""
        chosen = self.token.value
        words = told(self.table, chosen)
        picture = draw_table(self.table, BESIDE, chosen).page
        return Look(picture, f"The mask with token {chosen + 1} picked out. {words}", words)

    def still(self) -> Figure:
        """The whole table, with what each kind of token means and who looks at it."""
        return Figure(draw_table(self.table, WIDTH, legend=rules(self.table)).page, alt_text(self.table), WIDTH)


def mask_explorer(mask: Bool[ndarray, "L L"], names: list[str], kinds: list[str]) -> MaskExplorer:
    """A widget that shows for each token what it sees and who sees it.

    `names` has a short label for each token, `kinds` its kind: text, seen, clean or noised. Raises KitError when
    they do not fit the mask.
    """
    table, length = as_numbers(mask).astype(bool), len(names)
    if table.shape != (length, length) or len(kinds) != length or not length:
        raise KitError(
            f"a mask of shape {table.shape} with {length} names and {len(kinds)} kinds; give one of each to a token"
        )
    for kind in kinds:
        if kind not in KINDS:
            raise KitError(f"no kind {kind!r} of token; choose among: {', '.join(KINDS)}")
    return MaskExplorer(Table(table, tuple(map(str, names)), tuple(kinds)))


def told(table: Table, chosen: int) -> str:
    """What one token sees and who sees it, in three lines."""
    heading = f"Token {chosen + 1} of {len(table.names)}: {table.names[chosen]} ({table.kinds[chosen]})"
    sees, seen = table.mask[chosen], table.mask[:, chosen]
    return f"{heading}\n▼ It sees {_listed(table, sees)}.\n▶ It is seen by {_listed(table, seen)}."


def _listed(table: Table, which: Bool[ndarray, "L"]) -> str:
    """'5 tokens: 1–4 (text), 9 (seen)': neighbours of one kind are told by the first and the last."""
    runs = []
    for _, run in groupby(np.flatnonzero(which), key=lambda at: (table.run_of[at], at - which[:at].sum())):
        first, *rest = run
        numbers = f"{first + 1}–{rest[-1] + 1}" if rest else f"{first + 1}"
        runs.append(f"{numbers} ({table.kinds[first]})")
    return f"{counted(int(which.sum()), 'token')}: {', '.join(runs)}" if runs else "no token"


def rules(table: Table) -> list[tuple[str, str]]:
    """For each kind that occurs: how many there are, and which kinds look at it; all read off the mask."""
    kinds, found = np.array(table.kinds), []
    for kind in [kind for kind in KINDS if kind in table.kinds]:
        lookers = table.mask[:, kinds == kind].any(1)
        seen_by = [other for other in KINDS if lookers[kinds == other].any()]
        alone = " alone" if seen_by == [kind] else ""
        found.append((kind, f"{counted(table.kinds.count(kind), 'token')}, seen by {join(seen_by) or 'none'}{alone}"))
    return found


def alt_text(table: Table) -> str:
    """The sequence in order, then who looks at which kind."""
    runs = [f"{len(list(run))} {kind}" for kind, run in groupby(table.kinds)]
    seen = [f"{kind}: {rule}" for kind, rule in rules(table)]
    return (
        f"A table of {len(table.names)} tokens; a filled square means that the row's token may look at the column's. "
        f"The tokens in order: {', '.join(runs)}. {'; '.join(seen).capitalize()}. "
        f"{int(table.mask.sum()):,} of {table.mask.size:,} squares are filled."
    )
