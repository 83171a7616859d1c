"""Text by its name, and the blocks of tokens that it is cut into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nc_hf.runtime.lazy import lazy_names

if TYPE_CHECKING:
    from nc_hf.corpus.blocks import TokenBlocks as TokenBlocks
    from nc_hf.corpus.corpus import Corpus as Corpus
    from nc_hf.corpus.corpus import open_corpus as open_corpus
    from nc_hf.corpus.packed_once import PackedOnce as PackedOnce
    from nc_hf.corpus.packing import pack_texts as pack_texts
    from nc_hf.corpus.spec import CorpusSpec as CorpusSpec

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "blocks": ("TokenBlocks",),
        "corpus": ("Corpus", "open_corpus"),
        "packed_once": ("PackedOnce",),
        "packing": ("pack_texts",),
        "spec": ("CorpusSpec",),
    },
)
