"""Words in, ids out: checked on the way in, tidied on the way out."""

import re

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from mini_model.errors import KitError

TAGS = ("<ins>", "</ins>", "<des>", "</des>", "<refine>", "</refine>")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
UNKNOWN = "<|unknown|>"


def word_tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer that knows whole words, a few punctuation marks, the six tags, and the four marks.

    The mini model reads and writes a small language, so a word is a token. BAGEL's own tokenizer takes its place
    at full size, where the tags are spelt in several tokens.
    """
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, UNKNOWN, *TAGS, *sorted(set(words))])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens([AddedToken(token, special=True) for token in (*SPECIAL, UNKNOWN)])
    inner.add_tokens([AddedToken(tag) for tag in TAGS])
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token=UNKNOWN, eos_token="<|endoftext|>")


def ids_of(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The ids of a text; a word the tokenizer does not know gets one clear error."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    unknown = tokenizer.unk_token_id
    if unknown is not None and tokenizer.unk_token == UNKNOWN and unknown in ids:
        known = tokenizer.get_vocab()
        strangers = [word for word in re.findall(r"\w+|[^\w\s<>/]", text.lower()) if word not in known]
        listed = ", ".join(repr(word) for word in dict.fromkeys(strangers))
        raise KitError(
            f"the model does not know {listed or 'some sign'} in the prompt {text[:80]!r}; "
            "it knows the things, colours and places of mini_model/world/things.py and the facts of world/facts.py"
        )
    return ids


def text_of(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    """The text of some ids; words are set apart by spaces and punctuation is drawn to the word before it.

    A model may have more ids than the tokenizer has words; one without a word is told as unknown.
    """
    if tokenizer.unk_token != UNKNOWN:
        return tokenizer.decode(ids)
    words = [word or UNKNOWN for word in tokenizer.convert_ids_to_tokens(ids)]
    return re.sub(r" ([,.:?])", r"\1", " ".join(words))
