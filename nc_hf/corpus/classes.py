"""Which next tokens count as classes: chosen by their share of a text, whatever part of it is then measured.

Who reads 100,000 tokens and who reads 10 million would else speak of different classes, the second of many rarer ones,
and so of different values. The choice is made from the text's token counts alone (`TokenBlocks.census`), without a
forward pass, and has a hash by which reports can tell that they speak of the same classes.

==================  ====================================================================
a share, as 0.001   the tokens that make up at least that share of the text
``top:300``         the 300 commonest; of equally common ones the lower ids
a path              of a file with one token or one id a line (``file:PATH`` for any name)
a list              of token ids, or of tokens as text
``all``             every token that is seen, even once: what arXiv 2405.17767 does
==================  ====================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.errors import InputError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.encoding import encoded_alone

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

ClassRule = float | str | Sequence[int | str]
"""What may be written for the classes that count."""

EVERY = "all"
SHARE = 0.0005
"""Unless other classes are asked for: those with one token of 2,000, which come up 50 times in 100,000 on average."""
_FORMS = "a share such as 0.001, top:N, a file with one token a line, a list of ids or tokens, or all"


@dataclass(frozen=True, eq=False)
class ClassChoice:
    """The classes that count.

    Attributes:
        rule: as it was given, in a word; what was listed is ``a given list``.
        ids: (K,) int64, ascending; None where every class that is seen counts.
        census: tokens of the text that were counted for it; 0 where the text was not asked.
    """

    rule: str
    ids: Tensor | None
    census: int = 0

    @property
    def hash(self) -> str:
        """The beginning of the sha256 of the ids, in hexadecimal; ``all`` of all."""
        if self.ids is None:
            return EVERY
        return hashlib.sha256(self.ids.numpy().astype("<i8").tobytes()).hexdigest()[:16]


def checked_rule(rule: ClassRule) -> ClassRule:
    """Return a rule in one form: a share as a number, and what a file lists as a list, so that it is read once.

    Raises:
        InputError: it is none of the forms at the head of this module, or a file that is not there.

    >>> checked_rule("2e-4"), checked_rule("top:300"), checked_rule((7, 5))
    (0.0002, 'top:300', [5, 7])
    """
    kind, value = _parse(rule)
    read: ClassRule = value if kind in ("share", "list") else rule
    return read


def names_file(rule: ClassRule) -> bool:
    """Whether a rule is the name of a file, rather than of classes.

    >>> names_file("classes.txt"), names_file("0.001"), names_file("top:9"), names_file([3, 7])
    (True, False, False, False)
    """
    if not isinstance(rule, str) or rule == EVERY or rule.startswith("top:"):
        return False
    try:
        float(rule)
    except ValueError:
        return True
    return False


def choose_classes(rule: ClassRule, census: Tensor, tokenizer: PreTrainedTokenizerBase | None) -> ClassChoice:
    """Choose the classes that count.

    Args:
        rule: one of the forms at the head of this module.
        census: (T,) int64, how often each token is to be predicted in the text.
        tokenizer: reads tokens that are given as text; None takes ids alone.

    Raises:
        InputError: the rule is no such form, or leaves fewer than two classes.

    >>> import torch
    >>> choose_classes(0.2, torch.tensor([5, 1, 4]), None).ids
    tensor([0, 2])
    """
    kind, value = _parse(rule)
    counts, total = census.cpu(), int(census.sum())
    if kind == EVERY:
        return ClassChoice(EVERY, None)
    if kind == "share":
        chosen = ClassChoice(f"{value:g}", (counts >= value * total).nonzero().flatten(), total)
    elif kind == "top":
        order = counts.argsort(descending=True, stable=True)
        chosen = ClassChoice(f"top:{value}", order[: min(value, int((counts > 0).sum()))].sort().values, total)
    else:
        ids = sorted({each if isinstance(each, int) else _token_id(each, tokenizer) for each in value})
        chosen = ClassChoice("a given list", counts.new_tensor(ids))
    assert chosen.ids is not None
    if len(chosen.ids) < 2:
        raise InputError(
            f"classes is {chosen.rule}, which leaves {len(chosen.ids)}, and collapse is a property of two or more",
            Remedy.MORE_CLASSES,
        )
    return chosen


def _parse(rule: ClassRule) -> tuple[str, Any]:
    """Return the kind of a rule and its value: ``all``, ``share``, ``top`` or ``list``."""
    if isinstance(rule, str):
        if rule == EVERY:
            return EVERY, None
        if rule.startswith("top:"):
            return "top", _top(rule)
        return ("list", _of_file(rule.removeprefix("file:"))) if names_file(rule) else ("share", _share(float(rule)))
    if isinstance(rule, int | float):
        return "share", _share(rule)
    return "list", _listed(rule)


def _share(share: float) -> float:
    if not 0 < share < 1:
        number = f", or top:{share:g} for so many classes" if share >= 2 and share % 1 == 0 else ""
        raise InputError(f"classes is {share:g}: pass a share of the text between 0 and 1, such as 0.001{number}.")
    return share


def _top(rule: str) -> int:
    number = rule.removeprefix("top:")
    if not number.isdecimal() or int(number) < 2:
        raise InputError(f"classes is {rule!r}: pass top: with a number from 2, such as top:300.")
    return int(number)


def _of_file(path: str) -> list[int | str]:
    """Return what a file lists, a line each: ids where all are, else tokens as text."""
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError):
        raise InputError(f"classes is {path[:80]!r}, and there is no text file of that name: pass {_FORMS}.") from None
    return _listed([int(line) for line in lines] if all(line.strip().isdecimal() for line in lines) else lines)


def _listed(tokens: Sequence[int | str]) -> list[int | str]:
    """Return ids in order, each once, or tokens as they are."""
    if not isinstance(tokens, Sequence):
        raise InputError(f"classes is {tokens!r}: pass {_FORMS}.")
    if tokens and all(isinstance(each, str) for each in tokens):
        return list(tokens)
    ids = [each for each in tokens if isinstance(each, int) and not isinstance(each, bool) and each >= 0]
    if len(ids) < len(tokens):
        raise InputError("classes has something that is no token id: pass whole numbers from 0.")
    return sorted(set(ids))


def _token_id(text: str, tokenizer: Any) -> int:
    """Return the one token that a text is: as it is spelled, or as the vocabulary writes it."""
    if tokenizer is None:
        raise InputError(f"classes has the token {text[:40]!r}, and there is no tokenizer to read it with: pass ids.")
    ids = encoded_alone(tokenizer, text, special_tokens=False)
    if len(ids) == 1:
        return ids[0]
    known: int | None = tokenizer.get_vocab().get(text)
    if known is None:
        raise InputError(f"{text[:40]!r} of classes is {len(ids)} tokens: write one token a line, or its id.")
    return known
