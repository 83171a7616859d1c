"""The tokens that a tokenizer puts around a text, and texts rid of the marks that they spell themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nc_hf.errors import TokenizerError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.encoding import encoded_alone

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBE = "a"


@dataclass(frozen=True)
class Marks:
    """What a tokenizer puts around a text, as its model knows it from training.

    Attributes:
        begin: token ids in front of a text, as Llama's ``<s>``; empty for GPT-2, GPT-NeoX and Qwen.
        end: token ids after it, as T5's ``</s>``.
        note: what a reader has to know of how they were found; None where they are simply what the tokenizer does.
    """

    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    note: str | None = None


NO_MARKS = Marks()


def own_marks(tokenizer: PreTrainedTokenizerBase) -> Marks:
    """Return what ``tokenizer(text)`` puts around a text, whatever puts it: found by tokenizing one with and without.

    Raises:
        TokenizerError: it does something else to a text than to put tokens around it.
    """
    if tokenizer.num_special_tokens_to_add() == 0:
        return NO_MARKS
    marked, plain = (encoded_alone(tokenizer, _PROBE, special_tokens=special) for special in (True, False))
    for at in range(len(marked) - len(plain) + 1):
        if marked[at : at + len(plain)] == plain:
            return Marks(tuple(marked[:at]), tuple(marked[at + len(plain) :]))
    raise TokenizerError(
        "The tokenizer does more to a text than to put tokens around it, so documents cannot be packed as its model "
        "knows them",
        Remedy.TOKENIZER,
    )


def document_marks(tokenizer: PreTrainedTokenizerBase) -> Marks:
    """Return the marks of a document: the tokenizer's own, or those that its settings declare.

    transformers takes ``tokenizer.json`` as authoritative: where it lies beside ``tokenizer_config.json``, an
    ``add_bos_token`` there is dropped, and a post-processor that puts the token is obeyed whatever the settings say.
    Llama, Gemma and Mistral have such a post-processor; GPT-2, GPT-NeoX and Qwen have none and declare nothing.
    Settings that declare a beginning that nothing puts say how texts were to begin, so it is put here, and a note says
    so.

    Raises:
        TokenizerError: as `own_marks`.
    """
    own = own_marks(tokenizer)
    declared = tokenizer.init_kwargs.get("add_bos_token") is True and tokenizer.bos_token_id is not None
    if own.begin or not declared:
        return own
    note = f"add_bos_token is set but nothing in the tokenizer acts on it: {tokenizer.bos_token} was put all the same"
    return Marks((int(tokenizer.bos_token_id),), own.end, note)


class Spelled:
    """Takes out of texts the marks that they spell out, where the packing puts them by itself.

    Args:
        tokenizer: that recognises them.
        marks: what is put around each document.
        between: what is put between documents, None if nothing is.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, marks: Marks, between: int | None) -> None:
        """Prepare the search."""
        begin, end = (
            re.escape("".join(tokenizer.convert_ids_to_tokens(list(ids))))
            for ids in (marks.begin, marks.end if between is None else (between,))
        )
        several = {begin, end, *(re.escape(str(t)) for t in (tokenizer.bos_token, tokenizer.eos_token) if t)} - {""}
        self._begin = re.compile(begin) if begin else None
        self._front = re.compile(rf"(?:\s*{end})+") if end else None
        self._back = re.compile(rf"(?:{end}\s*)+\Z") if end else None
        self._several = re.compile(rf"({'|'.join(several)})(?:\s*\1)+")

    def documents(self, text: str) -> Iterator[str]:
        """Yield the documents of a text, without the marks that will be put around them; none of a text without words.

        A beginning that is spelled within the text parts it in two. Other marks within stay: one where several of a
        kind follow each other.
        """
        text = self._several.sub(r"\1", text)
        for part in self._begin.split(text) if self._begin else (text,):
            document = self._trimmed(part)
            if document and not document.isspace():
                yield document

    def _trimmed(self, text: str) -> str:
        """Leave out what ends a document, before it and after it; blanks stay but for those outside of such a mark."""
        front = self._front.match(text) if self._front else None
        text = text[front.end() :] if front else text
        back = self._back.search(text) if self._back else None
        return text[: back.start()] if back else text
