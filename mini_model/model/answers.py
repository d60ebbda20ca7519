"""A question about a picture, answered in words: read both, then write the likeliest words."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.generate import feed, greedy, seen_segment, write
from mini_model.model.sequence import Text
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of, text_of


def answer(
    model: UnifiedModel, shown: Sequence[Float[Tensor, "3 H W"]], questions: Sequence[str], longest: int
) -> tuple[list[str], int, int]:
    """What the model says of each picture to its question, in at most `longest` words; also forwards and tokens."""
    marks, cache = marks_of(model.tokenizer), Cache.empty(len(shown), model.device)
    asked = [
        [seen_segment(model, pixels), Text(ids_of(model.tokenizer, question))]
        for pixels, question in zip(shown, questions, strict=True)
    ]
    feed(model, cache, asked, marks)
    read = int(cache.lengths.sum())
    wrote = write(model, cache, marks, longest, greedy)
    said = [text_of(model.tokenizer, ids) for ids in wrote.ids]
    return said, wrote.forwards + 1, wrote.tokens + read
