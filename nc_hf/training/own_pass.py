"""The callback's own pass over held-out text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from transformers import TrainingArguments

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.corpus import open_corpus
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import check_tokens, collect
from nc_hf.training.fitness import refuse_if_it_reads_ahead


@dataclass
class OwnPass:
    """A text to measure on beside the Trainer's own.

    Attributes:
        corpus: name, path or blocks.
        max_tokens: tokens of the pass, None for all.
        options: those of `nc_hf.measure` that say how it is read.
    """

    corpus: str | TokenBlocks
    max_tokens: int | None
    options: Mapping[str, Any]
    _blocks: TokenBlocks | None = field(default=None, repr=False)

    def read(self, model: nn.Module, tokenizer: Any) -> TokenBlocks:
        """Return the blocks, packed at the first call.

        Raises:
            NCError: a text that cannot be read, or does not suit the model.
        """
        if isinstance(self.corpus, TokenBlocks):
            return self.corpus
        if self._blocks is None:
            self._blocks = open_corpus(str(self.corpus), self.options["split"]).pack_for(
                model,
                self.options["tokenizer"] or tokenizer,
                self.options["block_size"],
                packing=self.options["packing"],
                max_tokens=self.max_tokens,
                seed=self.options["seed"],
            )
        return self._blocks

    def refuse_what_cannot_be_measured(self, model: nn.Module, tokenizer: Any) -> None:
        """Refuse a text or a model for which the pass would fail, before a training is begun; every rank calls this.

        Raises:
            NCError: a text that cannot be read, or does not suit the model.
            ModelError: a model that reads ahead.
        """
        blocks = self.read(model, tokenizer)
        check_tokens(model, blocks)
        refuse_if_it_reads_ahead(model, blocks.input_ids[0].tolist())

    def collect(
        self, args: TrainingArguments, model: nn.Module, tokenizer: Any, gathered: Mapping[str, Any]
    ) -> tuple[Collection, Tensor]:
        """Run the pass; every rank calls this.

        Returns:
            The collection of all ranks, and the token counts (T,) of the text.
        """
        blocks = self.read(model, tokenizer)
        collection = collect(
            model,
            blocks,
            batch_size=self.options["batch_size"] or args.eval_batch_size,
            **gathered,
            compiled=False,  # or the training step would be compiled anew after every pass
            progress=not args.disable_tqdm,
        )
        return collection, blocks.token_counts() if blocks.census is None else blocks.census
