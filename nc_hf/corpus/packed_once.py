"""A corpus that several models of one tokenizer read: it is packed for the first of them alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.marks import document_marks
from nc_hf.corpus.tokens import tokenizer_hash

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class PackedOnce(Corpus):
    """A corpus that remembers how it was packed, for several models with one tokenizer."""

    packed: dict[tuple[object, ...], TokenBlocks] = field(default_factory=dict)

    @classmethod
    def of(cls, corpus: Corpus) -> PackedOnce:
        """Make any corpus remember."""
        return cls(corpus.name, corpus.split, corpus.texts)

    def check(self) -> None:
        """Check as `Corpus.check` does, if nothing was packed before."""
        if not self.packed:
            super().check()

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
        """Sample as `Corpus.sample` does, or return the blocks that the same call gave before."""
        belongs = (tokenizer_hash(tokenizer), tokenizer.eos_token_id, document_marks(tokenizer))
        key = (*belongs, block_size, packing, max_tokens, seed)
        if key not in self.packed:
            self.packed[key] = super().sample(
                tokenizer, block_size, packing=packing, max_tokens=max_tokens, seed=seed, progress=progress
            )
        return self.packed[key]
