"""A tokenizer in which each letter is a token, and blocks as plain lists."""

from __future__ import annotations

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from nc_hf.corpus.blocks import TokenBlocks

EOT, BOS = 0, 1
VOCABULARY = {"<eot>": EOT, "<bos>": BOS, **{word: 2 + number for number, word in enumerate("abcdefghij")}}


def letters(*, eos: bool = True, bos_first: bool = False, eos_last: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer in which each letter a-j is a token, 2 to 11."""
    backend = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<eot>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if bos_first or eos_last:
        single = f"{'<bos> ' * bos_first}$A{' <eot>' * eos_last}"
        backend.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=[("<bos>", BOS), ("<eot>", EOT)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", **({"eos_token": "<eot>"} if eos else {})
    )


def tokens(blocks: TokenBlocks) -> list[int]:
    return blocks.input_ids.flatten().tolist()


def owners(blocks: TokenBlocks) -> list[int]:
    return blocks.document_ids.flatten().tolist()
