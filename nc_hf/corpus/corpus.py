"""A corpus by its name: text from a file, a folder, the Hub or the built-in stories, and its token blocks.

======================================  ===========================================================================
``builtin``                             `nc_hf.corpus.stories`; 50,000 stories to train on and 5,000 others to validate
``tinystories``                         ``roneneldan/TinyStories`` on the Hub
``hub:ID[:config][:split][:column]``    any data set on the Hub; a part left empty keeps its default
a path                                  a txt (texts parted by ``<|endoftext|>``), jsonl, json, csv, tsv or parquet file
                                        with a column ``text``, the text ones also compressed (gz, zst, xz, bz2), a
                                        folder of such files, or a pattern for files of one; ``./builtin`` is a path
``file:PATH[:split:column]``            a path with another column, such as ``file:a.csv::story``; dots lead into
                                        objects, as in ``doc.text``
======================================  ===========================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.files import open_texts
from nc_hf.corpus.folders import choose_split
from nc_hf.corpus.hub import open_hub
from nc_hf.corpus.packing import pack_texts
from nc_hf.corpus.picking import pick_documents
from nc_hf.corpus.reading import ReadRecord, Source, Texts
from nc_hf.corpus.settings import check_inside
from nc_hf.corpus.spec import CorpusSpec
from nc_hf.corpus.stores import Store
from nc_hf.corpus.stories import stories
from nc_hf.errors import CorpusError, InputError, TokenizerError
from nc_hf.errors.remedies import Remedy
from nc_hf.model.anatomy import causal_lm

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

_LOG = logging.getLogger("nc_hf.corpus")

DEFAULT_BLOCK = 1024
CENSUS_CHARACTERS = 4_000_000
"""Of documents from all over a text, by whose tokens the classes are chosen whatever budget is measured: about a
million tokens of most vocabularies."""
_MARGIN = 1.25  # of characters for a budget beyond that, since tokens are not equally long everywhere
BUILTIN_SEEDS = {"train": 0, "validation": 1}
BUILTIN_DOCUMENTS = {"train": 50_000, "validation": 5_000}
"""The stream is endless; as a corpus it has so many stories, unless ``max_documents`` asks for more or fewer."""


@dataclass(frozen=True)
class Corpus:
    """A text to measure on.

    Attributes:
        name: as the user named it.
        split: the split that is read; "all" where a file or folder is not divided.
        texts: the documents, in order; can be read again.
    """

    name: str
    split: str
    texts: Iterable[str]

    @property
    def reading(self) -> ReadRecord | None:
        """What was last read of the texts, as far as that had come; None where they did not come from a source."""
        return deepcopy(self.texts.record) if isinstance(self.texts, Texts) else None

    def check(self) -> None:
        """Read the first document, so that a text that cannot be read costs nothing else.

        Texts that are at hand, and were not opened by a name, are taken as they are.

        Raises:
            CorpusError: it cannot, or there is none.
            HubError: the Hub does not answer.
        """
        if isinstance(self.texts, Texts) and not any(text.strip() for text in self.texts):
            raise CorpusError(
                f"The corpus {self.name!r} ({self.split}) has no text: name one that does, or another split."
            )

    def pack(
        self,
        tokenizer: PreTrainedTokenizerBase,
        block_size: int,
        *,
        packing: str = "documents",
        max_tokens: int | None = None,
        progress: Callable[[int], None] | None = None,
        store: Store | None = None,
    ) -> TokenBlocks:
        """Tokenise the documents and cut them into blocks: as `pack_texts` does, with its errors.

        What was read is logged to ``nc_hf.corpus``, as a warning where it is notable.
        """
        blocks = pack_texts(
            self.texts,
            tokenizer,
            block_size,
            packing=packing,
            max_tokens=max_tokens,
            source=self.name,
            split=self.split,
            progress=progress,
            store=store,
        )
        self._tell()
        return blocks

    def sample(
        self,
        tokenizer: PreTrainedTokenizerBase,
        block_size: int,
        *,
        packing: str = "documents",
        max_tokens: int | None = None,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> TokenBlocks:
        """Pack documents from all over the text, as many as census or budget take, and choose the budget's blocks.

        Of a text that comes over a network the first documents are taken, and no more is fetched.

        Args:
            tokenizer: as of `pack`.
            block_size: as of `pack`.
            packing: as of `pack`.
            max_tokens: the budget, in tokens to be predicted; None takes all of the text.
            seed: of the choice.
            progress: as of `pack`.

        Returns:
            The blocks, with the text's census.

        Raises:
            CorpusError, InputError, TokenizerError: as `pack` does.
        """
        whole = PickedTexts(self, tokenizer, block_size, packing)
        blocks = whole.pack(CENSUS_CHARACTERS)
        census = blocks.token_counts()
        if max_tokens is None:
            return replace(self.pack(tokenizer, block_size, packing=packing, progress=progress), census=census)
        if max_tokens > blocks.num_labels and not whole.exhausted:
            more = max_tokens / blocks.num_labels * _MARGIN
            blocks = whole.pack(int(CENSUS_CHARACTERS * more))
        if progress is not None:
            progress(min(max_tokens, blocks.num_labels))
        chosen = replace(blocks, census=census).spread(max_tokens, seed)
        if isinstance(self.texts, Texts):
            self.texts.record.spread = True if len(chosen) < len(blocks) or not whole.exhausted else None
        self._tell()
        return chosen

    def _tell(self) -> None:
        """Log what was read."""
        if isinstance(self.texts, Texts):
            level = logging.WARNING if self.texts.record.notable else logging.INFO
            _LOG.log(level, "read %s (%s): %s", self.name, self.split, self.texts.record)

    def pack_for(
        self,
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase | None,
        block_size: int | None = None,
        *,
        packing: str = "documents",
        max_tokens: int | None = None,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> TokenBlocks:
        """Sample blocks that fit a model; by default as long as its context, at most ``DEFAULT_BLOCK``.

        Raises:
            TokenizerError: there is no tokenizer, or it does not belong to the model.
            InputError: the block is longer than the model's context.
            CorpusError: as `sample` does.
        """
        if tokenizer is None:
            raise TokenizerError("there is no tokenizer to read the corpus with", Remedy.TOKENIZER)
        from nc_hf.hub.tokenizer import check_tokenizer

        config = causal_lm(model).config.get_text_config()
        check_tokenizer(tokenizer, config)
        context = getattr(config, "max_position_embeddings", None) or DEFAULT_BLOCK
        if block_size is not None and not 2 <= block_size <= context:
            raise InputError(f"block_size is {block_size}: pass 2 to {context}, the model's context.")
        size = block_size or min(context, DEFAULT_BLOCK)
        return self.sample(tokenizer, size, packing=packing, max_tokens=max_tokens, seed=seed, progress=progress)


@dataclass
class PickedTexts:
    """Documents from all over a corpus, packed.

    Attributes:
        corpus: from which they are.
        tokenizer, block_size, packing: as of `Corpus.pack`.
        exhausted: whether the last pick was all of the text.
    """

    corpus: Corpus
    tokenizer: PreTrainedTokenizerBase
    block_size: int
    packing: str
    exhausted: bool = False

    def pack(self, characters: int) -> TokenBlocks:
        """Pick so many characters and pack all of them."""
        texts = self.corpus.texts
        streamed = isinstance(texts, Texts) and texts.source.streamed
        picked = pick_documents(texts, characters, first=streamed)
        self.exhausted = sum(map(len, picked)) < characters
        return pack_texts(
            picked,
            self.tokenizer,
            self.block_size,
            packing=self.packing,
            source=self.corpus.name,
            split=self.corpus.split,
        )


def open_corpus(
    spec: str,
    split: str = "validation",
    *,
    max_documents: int | None = None,
    allow_local: bool = True,
    token: str | bool | None = None,
) -> Corpus:
    """Open a corpus by its name (see the head of this module).

    Args:
        spec: the name.
        split: which part, where the corpus is divided; "val" and "valid" mean "validation".
        max_documents: read so many documents at the most.
        allow_local: whether ``spec``, or the settings of a data set, may name files of this machine; False for whatever
            came over a network.
        token: for data sets of the Hub, the reader's own; default: the one the client finds; False for none.

    Returns:
        The corpus. Texts are read when they are asked for, so what is wrong inside a file is found then.

    Raises:
        CorpusError: if there is no such corpus, or nothing in it that can be read.
        HubError: if the Hub cannot be reached.
        InputError: if ``max_documents`` is not positive.

    >>> corpus = open_corpus("builtin", "train", max_documents=2)
    >>> corpus.split, len(list(corpus.texts))
    ('train', 2)
    """
    if max_documents is not None and max_documents < 1:
        raise InputError(f"max_documents is {max_documents}: pass a positive number, or None for all.")
    parsed = CorpusSpec.parse(spec)
    split = parsed.split or split
    if parsed.kind == "builtin":
        source = _builtin(choose_split(split, BUILTIN_SEEDS, spec), max_documents)
    elif parsed.path is None:
        if not allow_local:
            check_inside(str(parsed.dataset), token)
        source = open_hub(parsed, split, token)
    elif allow_local:
        source = open_texts(parsed.path, split, parsed.column)
    else:
        raise CorpusError(f"{spec[:80]!r} names no corpus: write builtin, tinystories or hub:OWNER/NAME.")
    return Corpus(spec, source.split, Texts(source, max_documents))


def _builtin(split: str, max_documents: int | None) -> Source:
    count = max_documents or BUILTIN_DOCUMENTS[split]

    def read(record: ReadRecord) -> Iterator[str]:
        record.note_unit("story")
        for story in islice(stories(BUILTIN_SEEDS[split]), count):
            record.rows += 1
            yield story

    return Source(split, read)
