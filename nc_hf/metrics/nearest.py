"""The nearest of many centres, exactly: a cheap product bounds all distances from below, few are looked at in float64.

Of a token h and centres mu_c, about a common origin, |h - mu_c|^2 - |h|^2 = |mu_c|^2 - 2 h . mu_c. In place of h and
mu_c the product may take rows near to them, h' and mu_c', since

    |h . mu_c - h' . mu_c'|  <=  |h - h'| |mu_c|  +  |h'| |mu_c - mu_c'|

and the rounding of float32 adds its own bound. Whatever cannot be nearer than a centre whose distance is known is left
out; the distances of the others are taken in float64 from the differences, and they alone decide. Rows of int8 take a
fifth of the time of float32 where the processor multiplies them, and leave a few centres of thirty thousand; the few
dimensions in which centres differ most, and for which a step of int8 would have to be large, are multiplied in float32.
Where too many centres are left all the same, the whole product is of float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nc_hf.metrics.pairwise import Scratch
from nc_hf.runtime.precision import full_float32

# Bounds of a chunk of tokens to all centres: 32 MB, and as much for the product in integers.
_CHUNK_ELEMENTS = 1 << 23
_FIRST_CHUNK = 64  # tokens on which int8 is tried
_RECHECKED = 256  # pairs at a time, which stay in the cache
_STEPS = 127  # of int8
_WORTH_IT = 1 << 20  # numbers in all centres
_CHECKED = 64
_APART = 6  # dimensions
# Beyond this share of centres left, the differences take longer than what int8 saves.
_MANY = 1 / 150
# Distances in float64 that differ by less than this share of the squares behind them are equal.
_TIED = 1e-12
_ROUNDING = 2.0**-24  # of float32


class Centres:
    """Centres among which tokens look for their nearest.

    Args:
        centres: (K, D) float64, one or more, about an origin among them.
    """

    def __init__(self, centres: Tensor) -> None:
        """Prepare the product."""
        self._exact = centres
        worth_it = centres.numel() >= _WORTH_IT and multiplies_int8(centres.device)
        self._coarse = _Coarse(centres) if worth_it else None
        self._squares = torch.linalg.vector_norm(centres, dim=1, keepdim=True).square_()
        self._scratch = Scratch()
        if self._coarse is None:
            self._without_int8()
        else:
            self._beside = self._columns(centres[:, self._coarse.apart], roundings=4 * (_APART + 4))

    def _without_int8(self) -> None:
        self._coarse, self._beside = None, self._columns(-2 * self._exact, roundings=2 * (self._exact.shape[1] + 8))

    def _columns(self, rows: Tensor, roundings: int) -> Tensor:
        """Return (K, 2 + D) float32: |mu|^2 less what so many roundings may add to it, |mu|, and the rows."""
        lower = (1 - roundings * _ROUNDING) * self._squares
        return torch.cat([lower, self._squares.sqrt(), rows], dim=1).float()

    def nearest(self, tokens: Tensor, own: Tensor, own_distance: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
        """Find the nearest centre of each token.

        Args:
            tokens: (N, D) float64, about the same origin.
            own: (N,) int64, the place of a centre to which the distance is given, or -1.
            own_distance: (N,) float64, its squared distance, which may be infinite.
            guess: (N,) int64, the place of a centre that is likely to be near, or -1.

        Returns:
            (N,) int64 places, of equally near ones the lowest, and (N,) bool, where there are such.
        """
        places, tied = torch.empty_like(own), torch.empty_like(own, dtype=torch.bool)
        most = max(_FIRST_CHUNK, _CHUNK_ELEMENTS // len(self._exact))
        start = 0
        while start < len(tokens):
            part = slice(start, start + (most if start else _FIRST_CHUNK))
            places[part], tied[part] = self._of_chunk(tokens[part], own[part], own_distance[part], guess[part])
            start = part.stop
        return places, tied

    def _of_chunk(self, tokens: Tensor, own: Tensor, own_distance: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
        bounds = self._bounds(tokens)
        given, token = (own >= 0).nonzero().squeeze(1), torch.arange(len(tokens), device=tokens.device)
        bounds[given, own[given]] = torch.inf
        likely = _argmin(bounds)
        known = torch.minimum(own_distance, self._distances(token, likely, tokens))
        guessed = ((guess >= 0) & (guess != own)).nonzero().squeeze(1)
        known[guessed] = torch.minimum(known[guessed], self._distances(guessed, guess[guessed], tokens))
        squares = tokens.square().sum(dim=1)
        # What may still be a tie lies above what is known, and the limit is rounded as well.
        limit = known + _TIED * (known + squares) - squares
        rows, columns = _below(bounds, limit.float() + 4 * _ROUNDING * limit.float().abs())
        if self._coarse is not None and len(rows) > _MANY * bounds.numel():
            self._without_int8()
        distances = self._distances(rows, columns, tokens)
        return _decided(
            torch.cat([rows, given]),
            torch.cat([columns, own[given]]),
            torch.cat([distances, own_distance[given]]),
            squares,
        )

    def _bounds(self, tokens: Tensor) -> Tensor:
        """Return (N, K) float32, none above |h - mu|^2 - |h|^2."""
        lengths = torch.linalg.vector_norm(tokens, dim=1, keepdim=True).float()
        ones = torch.ones_like(lengths)
        bounds = self._scratch.of((len(tokens), len(self._exact)), torch.float32, tokens.device, 0)
        if self._coarse is not None:
            off = self._coarse.product(tokens, bounds)
            if off is not None:
                slack = 2 * off + 4 * (_APART + 4) * _ROUNDING * lengths
                apart = -2 * tokens[:, self._coarse.apart].float()
                with full_float32():
                    return bounds.addmm_(torch.cat([ones, -slack, apart], dim=1), self._beside.T)
            self._without_int8()
        slack = 2 * (tokens.shape[1] + 8) * _ROUNDING * lengths
        with full_float32():
            return torch.mm(torch.cat([ones, -slack, tokens.float()], dim=1), self._beside.T, out=bounds)

    def _distances(self, rows: Tensor, columns: Tensor, tokens: Tensor) -> Tensor:
        """Return (M,) float64 squared distances of some tokens of the chunk to some centres."""
        parts = [
            (tokens[i] - self._exact[j]).square_().sum(dim=1)
            for i, j in zip(torch.split(rows, _RECHECKED), torch.split(columns, _RECHECKED), strict=True)
        ]
        return torch.cat(parts) if parts else tokens.new_empty(0)


class _Coarse:
    """The centres in int8, each with its own step."""

    def __init__(self, centres: Tensor) -> None:
        spread = centres.square().mean(dim=0)
        self.apart = spread.argsort(descending=True)[:_APART].sort().values
        """(A,) dimensions that are left out of the product."""
        parts = [self._in_steps(part) for part in torch.split(centres, _RECHECKED)]
        self._rows, self._steps, off = (torch.cat(column) for column in zip(*parts, strict=True))
        lengths = torch.linalg.vector_norm(centres, dim=1)
        # |mu - mu'| <= share |mu| of every centre.
        self._share = float((off / lengths.where(lengths > 0, 1.0)).max())

    def _in_steps(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N, D) int8 and (N, 1) float32 steps, whose product is near to the rows, and (N,) how near."""
        rows = rows.index_fill(1, self.apart, 0.0)
        steps = rows.abs().amax(dim=1, keepdim=True) / _STEPS
        steps = steps.where(steps > 0, 1.0).float()
        near = (rows / steps).round_().clamp_(-_STEPS, _STEPS)
        return near.to(torch.int8), steps, torch.linalg.vector_norm(rows.sub_(near.mul_(steps)), dim=1)

    def product(self, tokens: Tensor, into: Tensor) -> Tensor | None:
        """Write (N, K) products by -2, and return (N, 1) by how much half of one is off, over the length of the centre.

        None where torch multiplies wrongly, as 2.13 does where rows have one dimension: its product is no public name.
        """
        rows, steps, off = self._in_steps(tokens)
        whole = torch._int_mm(rows, self._rows.T)
        ends, some = torch.tensor([0, -1]), self._rows[:_CHECKED]
        if not torch.equal(whole[ends, : len(some)], rows[ends].int() @ some.int().T):
            return None
        lengths = torch.linalg.vector_norm(tokens, dim=1)
        off += self._share * (lengths + off)
        into.copy_(whole).mul_(-2 * steps).mul_(self._steps.T)
        return off.unsqueeze(1).float() * (1 + 4 * _ROUNDING)


def multiplies_int8(device: torch.device) -> bool:
    """Whether there is a product of int8 matrices that is faster than one of float32: on a CPU with VNNI."""
    is_there: Any = getattr(torch.cpu, "_is_vnni_supported", lambda: False)
    return device.type == "cpu" and hasattr(torch, "_int_mm") and bool(is_there())


def _argmin(bounds: Tensor) -> Tensor:
    if bounds.device.type == "cpu":  # NumPy's is six times as fast
        return torch.from_numpy(bounds.numpy().argmin(axis=1))
    return bounds.argmin(dim=1)


def _below(bounds: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places, (M,) rows and (M,) columns, of bounds that are no more than the limit of their row."""
    if bounds.device.type == "cpu":
        places = torch.from_numpy(np.flatnonzero(bounds.numpy() <= limit.unsqueeze(1).numpy()))
    else:
        places = (bounds <= limit.unsqueeze(1)).flatten().nonzero().squeeze(1)
    rows = places.div(bounds.shape[1], rounding_mode="floor")
    return rows, places - rows * bounds.shape[1]


def _decided(rows: Tensor, columns: Tensor, distances: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    """Return the place of the least distance of each row, the lowest of equal ones, and whether there are such.

    Args:
        rows: (M,) of 0 to N - 1, each there at least once.
        columns: (M,) places.
        distances: (M,) float64.
        squares: (N,) float64, of the tokens.
    """
    least = torch.full_like(squares, torch.inf).scatter_reduce_(0, rows, distances, "amin")
    equal = distances <= (least + _TIED * (least + squares))[rows]
    rows, columns = rows[equal], columns[equal]
    place = torch.full_like(squares, torch.iinfo(torch.int64).max, dtype=torch.int64)
    return place.scatter_reduce_(0, rows, columns, "amin"), torch.bincount(rows, minlength=len(squares)) > 1
