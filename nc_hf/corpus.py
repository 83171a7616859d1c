"""A corpus by its name: text from a file, a folder, the Hub or the built-in stories, and its token blocks.

======================================  ===========================================================================
``builtin``                             `nc_hf.stories`; 50,000 stories to train on and 5,000 others to validate
``tinystories``                         ``roneneldan/TinyStories`` on the Hub
``hub:ID[:config][:split][:column]``    any data set on the Hub; a part left empty keeps its default
a path                                  a txt (texts parted by ``<|endoftext|>``), jsonl, json or parquet file with
                                        a column ``text``, or a folder of such files; ``./builtin`` is a path
======================================  ===========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nc_hf.anatomy import causal_lm
from nc_hf.errors import CorpusError, HubError, InputError, NCError, TokenizerError
from nc_hf.packing import TokenBlocks as TokenBlocks
from nc_hf.packing import pack_texts, tokenizer_hash
from nc_hf.stories import stories
from nc_hf.textfiles import TEXT_COLUMN, choose_split, column_text, open_texts

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

TINYSTORIES = "roneneldan/TinyStories"
DEFAULT_BLOCK = 1024
BUILTIN_SEEDS = {"train": 0, "validation": 1}
BUILTIN_DOCUMENTS = {"train": 50_000, "validation": 5_000}
"""The stream is endless; as a corpus it has so many stories, unless ``max_documents`` asks for more or fewer."""

# An id on the Hub: never a step upwards, never absolute, never one of the loaders that `datasets` brings ("json").
_DATASET_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class CorpusSpec:
    """What the name of a corpus asks for, before anything is opened.

    Attributes:
        kind: where the text comes from; only "path" reads a file that the name chooses.
        path: of kind "path".
        dataset: of kind "hub": owner/name.
        config: of kind "hub": the configuration, None for the default.
        split: of kind "hub": the split, if the name says which; it goes before the caller's.
        column: of kind "hub": the column with the text.
    """

    kind: Literal["builtin", "hub", "path"]
    path: Path | None = None
    dataset: str | None = None
    config: str | None = None
    split: str | None = None
    column: str = TEXT_COLUMN

    @classmethod
    def parse(cls, spec: str) -> CorpusSpec:
        """Read the name of a corpus; nothing is opened.

        >>> CorpusSpec.parse("hub:owner/name::test").split
        'test'
        >>> CorpusSpec.parse("stories.txt").kind
        'path'

        Raises:
            CorpusError: if it cannot be the name of a corpus.
        """
        if spec == "builtin":
            return cls("builtin")
        if spec == "tinystories":
            return cls("hub", dataset=TINYSTORIES)
        if not spec.startswith("hub:"):
            if not spec.strip() or "\0" in spec:
                raise CorpusError("A corpus needs a name: pass builtin, tinystories, hub:OWNER/NAME or a path.")
            try:
                return cls("path", path=Path(spec).expanduser())
            except RuntimeError:
                raise CorpusError(f"There is no user's folder {spec!r}: name a file or folder that exists.") from None
        dataset, *rest = spec.removeprefix("hub:").split(":")
        if not _DATASET_ID.fullmatch(dataset) or len(dataset) > 96 or ".." in dataset or len(rest) > 3:
            raise CorpusError(f"{spec!r} names no data set of the Hub: write hub:OWNER/NAME[:config][:split][:column].")
        config, split, column = (*rest, *[""] * (3 - len(rest)))
        return cls("hub", None, dataset, config or None, split or None, column or TEXT_COLUMN)


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

    def pack(
        self,
        tokenizer: PreTrainedTokenizerBase,
        block_size: int,
        *,
        packing: str = "documents",
        max_tokens: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> TokenBlocks:
        """Tokenise the documents and cut them into blocks: see `nc_hf.packing.pack_texts`, also for the errors."""
        return pack_texts(
            self.texts,
            tokenizer,
            block_size,
            packing=packing,
            max_tokens=max_tokens,
            source=self.name,
            split=self.split,
            progress=progress,
        )

    def pack_for(
        self,
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase | None,
        block_size: int | None = None,
        *,
        packing: str = "documents",
        max_tokens: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> TokenBlocks:
        """Cut the text into blocks that fit a model; by default as long as its context, at most ``DEFAULT_BLOCK``.

        Raises:
            TokenizerError: there is no tokenizer, or it does not belong to the model.
            InputError: the block is longer than the model's context.
            CorpusError: as `pack` does.
        """
        if tokenizer is None:
            raise TokenizerError(
                "there is no tokenizer to read the corpus with: name the one that the model was trained with "
                "(in a Trainer, its processing_class)."
            )
        from nc_hf.hub.tokenizer import check_tokenizer

        config = causal_lm(model).config.get_text_config()
        check_tokenizer(tokenizer, config)
        context = getattr(config, "max_position_embeddings", None) or DEFAULT_BLOCK
        if block_size is not None and not 2 <= block_size <= context:
            raise InputError(f"block_size is {block_size}: pass 2 to {context}, the model's context.")
        size = block_size or min(context, DEFAULT_BLOCK)
        return self.pack(tokenizer, size, packing=packing, max_tokens=max_tokens, progress=progress)


@dataclass(frozen=True)
class PackedOnce(Corpus):
    """A corpus that remembers how it was packed, for several models with one tokenizer."""

    packed: dict[tuple[object, ...], TokenBlocks] = field(default_factory=dict)

    @classmethod
    def of(cls, corpus: Corpus) -> PackedOnce:
        """Make any corpus remember."""
        return cls(corpus.name, corpus.split, corpus.texts)

    def pack(
        self,
        tokenizer: PreTrainedTokenizerBase,
        block_size: int,
        *,
        packing: str = "documents",
        max_tokens: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> TokenBlocks:
        """Pack as `Corpus.pack` does, or return the blocks that the same call gave before."""
        key = (tokenizer_hash(tokenizer), tokenizer.eos_token_id, block_size, packing, max_tokens)
        if key not in self.packed:
            self.packed[key] = super().pack(
                tokenizer, block_size, packing=packing, max_tokens=max_tokens, progress=progress
            )
        return self.packed[key]


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
    read: Callable[[], Iterator[str]]
    if parsed.kind == "builtin":
        split = choose_split(split, BUILTIN_SEEDS, spec)
        max_documents = max_documents or BUILTIN_DOCUMENTS[split]
        read = partial(stories, BUILTIN_SEEDS[split])
    elif parsed.path is None:
        if not allow_local:
            from nc_hf.hub.datacards import check_inside

            check_inside(str(parsed.dataset), token)
        split, read = _open_hub(parsed, parsed.split or split, token)
    elif allow_local:
        split, read = open_texts(parsed.path, split)
    else:
        raise CorpusError(f"{spec[:80]!r} names no corpus: write builtin, tinystories or hub:OWNER/NAME.")
    return Corpus(spec, split, _Texts(read, max_documents))


@dataclass(frozen=True)
class _Texts:
    """The documents of a corpus: each iteration begins anew."""

    read: Callable[[], Iterator[str]]
    limit: int | None

    def __iter__(self) -> Iterator[str]:
        return islice(self.read(), self.limit)


def _open_hub(spec: CorpusSpec, split: str, token: str | bool | None) -> tuple[str, Callable[[], Iterator[str]]]:
    """Find the split of a data set on the Hub; it is streamed, so only what is read is fetched."""
    from datasets import load_dataset

    dataset = str(spec.dataset)
    if Path(dataset).exists():  # datasets would take it for the data set
        raise CorpusError(f"A local {dataset!r} hides the data set of that name on the Hub: work in another folder.")
    with _hub_faults(dataset, token):
        splits = load_dataset(dataset, spec.config, streaming=True, token=token)
    chosen = choose_split(split, splits, f"hub:{dataset}")
    return chosen, partial(_read_hub, splits[chosen], dataset, spec.column, token)


def _read_hub(rows: Any, dataset: str, column: str, token: str | bool | None) -> Iterator[str]:
    from nc_hf.hub.datacards import text_alone

    with _hub_faults(dataset, token):
        for row in text_alone(rows, column, f"hub:{dataset}"):
            yield column_text(row, column, f"hub:{dataset}")


@contextmanager
def _hub_faults(dataset: str, token: str | bool | None) -> Iterator[None]:
    """Turn whatever the libraries between us and the Hub raise into one sentence."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    from nc_hf.hub.faults import way_in

    try:
        yield
    except NCError:
        raise
    except DatasetNotFoundError as error:
        raise HubError(
            f"There is no data set {dataset} on the Hub that you may read: check its name or, if it is private or "
            f"gated, accept its conditions and {way_in(token)}."
        ) from error
    except (DatasetsError, FileNotFoundError, ValueError) as error:
        reason = " ".join(str(error).splitlines()[:2]).rstrip(".")
        raise CorpusError(
            f"The data set {dataset} cannot be opened ({reason}): name a configuration that it has, as in "
            f"hub:{dataset}:CONFIG, or another data set."
        ) from error
    except Exception as error:  # fsspec, pyarrow and the HTTP client have no root in common
        raise HubError(
            f"Reading {dataset} from the Hub failed ({type(error).__name__}): check the network and HF_ENDPOINT, and "
            "try again."
        ) from error
