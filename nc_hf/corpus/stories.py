"""The built-in corpus: an endless stream of simple stories from a grammar and words of our own.

A story follows one plot: its people, its place and the things that matter are drawn once and stay to the end, what is
done has its consequence, and the end says what was learned. Words are drawn by rank, as Zipf's law has it.
The grammar and the words are read by `nc_hf.corpus.grammar`.

Everything rests on ``random.Random(str).random()``, the one stream that Python promises to keep between versions, so a
seed gives the same stories everywhere.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, TypeVar

from nc_hf.corpus.grammar import Row, Slot, parts_of, places, plots, weights, words
from nc_hf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
WORDS_PER_STORY = (80, 250)
TOKENIZER_STORIES = 1500
"""Stories that `builtin_tokenizer` is trained on: enough for nearly all words of the grammar."""

_TAKES_AN = re.compile(r"[aeio]|u(?!ni|ku|se)|hour|honest", re.IGNORECASE)

_Choice = TypeVar("_Choice")


def stories(seed: int = 0) -> Iterator[str]:
    """Tell stories without end.

    Args:
        seed: names the stream; different seeds give different streams.

    Yields:
        A story of 80 to 250 words, its paragraphs parted by a newline.

    >>> from itertools import islice
    >>> first, second = islice(stories(seed=1), 2)
    >>> first == next(stories(seed=1)), first == second
    (True, False)
    """
    rng = Random(f"nc_hf.stories {seed}")
    fewest, most = WORDS_PER_STORY
    while True:
        story = _Telling(rng).tell()
        if fewest <= len(story.split()) <= most:
            yield story


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer; the same texts give the same tokenizer.

    Args:
        texts: what to learn the merges from, read once.
        vocab_size: the most entries to have, at least 257 (256 bytes and the end of text). Texts with few
            different words may give fewer: ``len(tokenizer)`` tells.

    Returns:
        A tokenizer without unknowns whose beginning, end and padding are all ``<|endoftext|>``, id 0.

    Raises:
        InputError: if ``vocab_size`` has no room for the bytes.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if vocab_size <= len(alphabet):
        raise InputError(f"A byte-level vocabulary of {vocab_size} is too small: ask for {len(alphabet) + 1} or more.")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END_OF_TEXT], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer=trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT
    )


def builtin_tokenizer(vocab_size: int = 2048, seed: int = 0) -> PreTrainedTokenizerFast:
    """Train the tokenizer of the built-in corpus on the first 1,500 stories of a stream.

    Args:
        vocab_size: as in `train_tokenizer`.
        seed: of the stories; 0 is the stream of the built-in training split.

    Returns:
        The tokenizer; the same for the same arguments, everywhere.
    """
    return train_tokenizer(islice(stories(seed), TOKENIZER_STORIES), vocab_size)


class _Telling:
    """One story as it is told: what has been drawn stays the same to the end."""

    def __init__(self, rng: Random) -> None:
        self._random = rng.random
        self._rows: dict[str, Row] = {}  # by slot name, as "place" or "toy2"
        self._texts: dict[str, str] = {}  # by whole slot, as "place", "toy2" or "place.prop2"
        self._held: set[str] = set()  # these texts
        self._told: set[str] = set()  # alternatives already used: no sentence is told twice

    def tell(self) -> str:
        """Draw a hero and a friend, and expand the rule ``story`` for them."""
        kinds = words()["kind"]
        hero = self._draw_person("hero", kinds)
        self._draw_person(
            "friend", [kind for kind in kinds if (kind["names"] == ["pet"]) == (hero["names"] == ["pet"])]
        )
        for column in ("kind", "he", "him", "his", "himself", "hands", "home", "food"):
            self._hold(column, self._expand(f"{{hero.{column}}}"))
        return self._expand("{>story}").replace(" // ", "\n")

    def _draw_person(self, role: str, kinds: list[Row]) -> Row:
        kind = self._pick(kinds)
        pronoun = self._pick([row for row in words()["pronoun"] if row[""][0] in kind["he"]])
        (name,) = self._pick_new(kind["names"][0])[""]
        self._hold(role, name)
        self._rows[role] = kind | pronoun | {"": [name], "kind": kind[""], "he": pronoun[""]}
        return self._rows[role]

    def _expand(self, template: str) -> str:
        return "".join([part if isinstance(part, str) else self._filled(part) for part in parts_of(template)])

    def _filled(self, slot: Slot) -> str:
        text = self._texts.get(slot.key) or (self._rule(slot.rule) if slot.rule else self._word(slot))
        if slot.article:
            text = f"{'an' if _TAKES_AN.match(text) else 'a'} {text}"
        return text[0].upper() + text[1:] if slot.begins else text

    def _rule(self, name: str) -> str:
        alternatives = plots()[name]
        untold = [line for line in alternatives if line not in self._told] or alternatives
        chosen = untold[int(self._random() * len(untold))]
        self._told.add(chosen)
        return self._expand(chosen)

    def _word(self, slot: Slot) -> str:
        """Draw a word that the story does not yet hold."""
        if slot.column:
            row = self._rows.get(slot.name) or self._draw_row(slot.name)
            choices = row[slot.column]
            text = self._expand(self._pick([text for text in choices if text not in self._held] or choices))
        elif slot.key:
            (text,) = self._draw_row(slot.name)[""]
        else:
            text = self._expand(self._pick_new(slot.name)[""][0])
        if slot.key:
            self._hold(slot.key, text)
        return text

    def _hold(self, key: str, text: str) -> None:
        self._texts[key] = text
        self._held.add(text)

    def _draw_row(self, name: str) -> Row:
        row = self._pick_new(name.rstrip("23"))
        self._rows[name] = row
        self._hold(name, row[""][0])
        return row

    def _pick_new(self, table: str) -> Row:
        """Draw by rank among the rows whose word the story does not hold."""
        rows, stand = words()[table], places()[table]
        held = sorted([place for word in stand.keys() & self._held for place in stand[word]])
        picked = self._rank(len(rows) - len(held))
        for place in held:  # which were not counted
            picked += place <= picked
        return rows[picked]

    def _pick(self, choices: Sequence[_Choice]) -> _Choice:
        return choices[self._rank(len(choices))]

    def _rank(self, size: int) -> int:
        """Draw a rank below ``size``: the first is the commonest."""
        shares = weights(size)
        return bisect_left(shares, self._random() * shares[-1])
