"""Whether a model reads ahead: a feature that depends on tokens after its own has seen the label that it goes with.

Models that fill in gaps, or read a prompt as a whole, do so (XLNet; PaliGemma, unless ``token_type_ids`` tell it which
tokens are its answer). Nothing in a configuration says it reliably, so it is tried: two rows that differ in their last
tokens alone must agree on the features before. Both run in one batch, so that whatever rounds, routes or scans by
batch does the same to both.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from nc_hf.errors import ModelError
from nc_hf.errors.remedies import Remedy
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.probe import Probed, frugal, probe

PROBED = 8
"""Tokens of a row."""
_CHANGED = 3
"""Of them, at the end: an odd number, so that tokens that see each other in blocks of 2, 4 or 8 are parted too."""
_ROUNDING = {torch.bfloat16: 2e-2, torch.float16: 5e-3}
"""The largest relative change of a feature that rounding may explain, by the coarsest dtype at work. Models that read
ahead change theirs by 10 to 50 % with random weights of width 512, and by more with each step that they are trained;
by .5 % the least (XLNet of width 32)."""
_FLOAT32 = 1e-3


def refuse_reading_ahead(model: nn.Module, words: Sequence[int]) -> None:
    """Try a model that is given tokens alone; every rank has to come here where it is sharded.

    Positions that begin anew would not show it: for them some models make a mask that is causal, and for others none.

    Args:
        model: with its wrappers; it is left as it was.
        words: token ids of a text; those beyond ``PROBED`` only stand in for others.

    Raises:
        ModelError: it reads ahead.
    """
    row = list(words[:PROBED])
    rows = torch.tensor([row, _changed(row, words)])
    probed = probe(model, rows, **frugal(model, logits=False))
    moved = _difference(probed, shared=int((rows[0] == rows[1]).sum()))
    if moved > max(_ROUNDING.get(dtype, _FLOAT32) for dtype in probed.dtypes):  # NaN is said where the text is read
        raise ModelError(
            f"{type(causal_lm(model)).__name__} reads ahead: its features change with the tokens after them, so that "
            "each has seen its own label",
            Remedy.LEFT_TO_RIGHT,
        )


def _changed(row: Sequence[int], words: Sequence[int]) -> list[int]:
    """Return a row the last tokens of which, but never the first, are others: of its text where that has any.

    >>> _changed([7, 8, 9, 7, 8], [7, 8]), _changed([7, 7], [7]), _changed([7], [7])
    ([7, 8, 7, 8, 7], [7, 0], [7])
    """
    kept = max(1, len(row) - _CHANGED)
    return [*row[:kept], *(next(other for other in (*words, 0, 1) if other != word) for word in row[kept:])]


def _difference(probed: Probed, shared: int) -> float:
    """The largest change of a feature of the first tokens, which both rows share, relative to its length."""
    if len(probed.features) != 1 or probed.features[0].dim() != 3:
        return 0.0  # what is wrong with it, the tap says
    one, other = probed.features[0][:, :shared].cpu().double()
    lengths = torch.linalg.vector_norm(one, dim=-1).clamp(min=torch.finfo(torch.float32).tiny)
    return float((torch.linalg.vector_norm(one - other, dim=-1) / lengths).max())
