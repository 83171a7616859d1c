"""Per-class statistics of next-token features in one pass: counts, means and within-class scatter.

The state is a textbook shifted-data accumulation (Chan, Golub and LeVeque, 1983) in float64. With a pivot ``p`` inside
the cloud of features, fixed by the first batch, it keeps for each class ``c``

    n_c = number of tokens    S_c = sum (h - p)    Q_c = sum |h - p|^2

from which ``mu_c = p + S_c / n_c`` and ``M2_c = Q_c - |S_c|^2 / n_c``. Sums make the update a plain scatter-add, and
two statistics merge by moving one to the other's pivot and adding, so any split of the tokens gives the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nc_hf.errors import InputError, MergeError
from nc_hf.runtime.distributed import Process, exchange_tensors
from nc_hf.statistics.accumulation import add_rows, grown
from nc_hf.statistics.batch import checked_batch
from nc_hf.statistics.index import ClassIndex
from nc_hf.statistics.provenance import merge_provenance
from nc_hf.statistics.storage import load_state, save_state

# Of another's sums at a time: few enough to stay in the cache, where copies of all might be as large as the means.
_ROWS = 256


class ClassStatistics:
    """Counts, means and scatter of features by class, accumulated in one pass and mergeable.

    Classes appear as they are seen, so memory follows the classes seen (8 D bytes each), not the vocabulary.

    Args:
        dim: width D of the features.
        device: where the float64 state lives.
        covariance: also keep the (D, D) second moment that ``within_scatter`` (and ``nc1_pinv``) needs.

    >>> stats = ClassStatistics(dim=2)
    >>> stats.update(torch.tensor([[0.0, 0.0], [2.0, 0.0], [5.0, 5.0]]), torch.tensor([7, 7, 3]))
    >>> stats.class_ids.tolist(), stats.counts.tolist(), [round(m2, 12) for m2 in stats.scatter.tolist()]
    ([3, 7], [1, 2], [0.0, 2.0])
    """

    def __init__(self, dim: int, device: str | torch.device = "cpu", *, covariance: bool = False) -> None:
        """Start with no class."""
        if dim < 1:
            raise InputError(f"features have at least one dimension, not {dim}: pass the width of the features.")
        self.dim = dim
        self.device = torch.device(device)
        self.provenance: dict[str, str] = {}
        self._index = ClassIndex(self.device)
        self._counts = torch.empty(0, dtype=torch.int64, device=self.device)
        self._sums = torch.empty(0, dim, dtype=torch.float64, device=self.device)
        self._squares = torch.empty(0, dtype=torch.float64, device=self.device)
        self._pivot: Tensor | None = None
        self._moment = torch.zeros(dim, dim, dtype=torch.float64, device=self.device) if covariance else None
        # Once processes have shared what they hold: whether they have, what that was, and what came since (if any did).
        self._shared = False
        self._since: tuple[dict[str, Tensor], ClassStatistics] | None = None

    def update(self, features: Tensor, labels: Tensor, *, checked: bool = False) -> None:
        """Add a batch of tokens.

        Args:
            features: (N, D) of any float dtype, on any device.
            labels: (N,) integers; a token with a negative label is skipped.
            checked: all features are known to be finite and no label to be negative: to look again would have an
                accelerator wait.

        Raises:
            InputError: the features are not (N, D) floats.
            LabelError: the labels are not N integers.
            FeatureError: a feature is NaN or Inf; the statistics are left as they were.
        """
        features, labels = checked_batch(features, labels, self.dim, self.device, known=checked)
        if len(labels) == 0:
            return
        if (since := self._begun()) is not None:
            since.update(features, labels, checked=True)
        if self._pivot is None:
            self._pivot = features.mean(dim=0, dtype=torch.float64)
        rows = self._rows_of(labels)
        add_rows(features, rows, self._pivot, self._sums, self._squares, self._moment)
        self._counts.index_add_(0, rows, torch.ones_like(rows))

    def merge(self, other: ClassStatistics) -> ClassStatistics:
        """Add the tokens of ``other``, as if they had been seen here, and return ``self``.

        Raises:
            MergeError: the two have other widths, keep other moments, or come from other models, corpora or options.
        """
        provenance = self._merged_provenance(other)
        if (self._moment is None) != (other._moment is None):
            raise MergeError("only one of the two statistics keeps the covariance: collect both with the same setting.")
        self.provenance = provenance
        if other._pivot is not None:
            if (since := self._begun()) is not None:
                since._absorb(other, other._pivot.to(since.device))
            self._absorb(other, other._pivot.to(self.device))
        return self

    @classmethod
    def union(cls, parts: Sequence[ClassStatistics]) -> ClassStatistics:
        """Return the tokens of some statistics together, as `merge` adds them one after another.

        The room for all of their classes is made at once, so that no sums are copied when others join.
        """
        whole = parts[0]._like()
        ids = torch.cat([part.class_ids.to(whole.device) for part in parts])
        whole._rows_of(torch.unique(ids))
        for part in parts:
            whole.merge(part)
        return whole

    def reduce(self, accelerator: Process) -> ClassStatistics:
        """Sum over all processes, so that every rank ends with the whole, and return ``self``.

        Every rank must call this, and may add more afterwards and call it again: only what a rank has added since, of
        the classes that it has seen since, is sent. Ranks are merged in rank order everywhere, so all of them hold the
        same bits.
        """
        if accelerator.num_processes == 1:
            return self
        whole = self._like()
        mine = None if self._shared else self
        if self._since is not None:
            shared, mine = self._since
            whole.load_state_dict(shared)
        elif self._shared:
            whole.load_state_dict(self.state_dict())
        sent = {} if mine is None or mine._pivot is None else mine.state_dict()
        for tensors in exchange_tensors(sent, accelerator):
            if tensors:
                part = self._like()
                part.load_state_dict(tensors)
                whole.merge(part)
        self.load_state_dict(whole.state_dict())
        self._shared = True
        return self

    def save(self, path: Any) -> None:
        """Write everything, with the provenance, to a safetensors file; atomic: the file is whole or untouched."""
        save_state(path, self.state_dict(), self.dim, self.provenance)

    @classmethod
    def load(cls, path: Any, device: str | torch.device = "cpu") -> ClassStatistics:
        """Read what ``save`` wrote.

        Raises:
            FileError: the file is missing, truncated, or not a statistics file.
        """
        state, provenance = load_state(path)
        stats = cls(state["sums"].shape[1], device, covariance="moment" in state)
        stats.load_state_dict(state)
        stats.provenance = provenance
        return stats

    @property
    def class_ids(self) -> Tensor:
        """(C,) int64: the classes seen, ascending."""
        return self._index.ids

    @property
    def counts(self) -> Tensor:
        """(C,) int64: tokens of each class, in the order of ``class_ids``."""
        return self._counts[self._index.rows]

    def census(self) -> Tensor:
        """(T,) int64 on the CPU: tokens of each class by its id, T one more than the highest id that was seen."""
        counts = torch.zeros(1 + int(self.class_ids.max()) if self.num_classes else 0, dtype=torch.int64)
        counts[self.class_ids.cpu()] = self.counts.cpu()
        return counts

    @property
    def means(self) -> Tensor:
        """(C, D) float64: mean feature of each class, in the order of ``class_ids``."""
        return self.means_at(slice(None))

    def means_at(self, places: slice | Tensor) -> Tensor:
        """(N, D) float64: mean features of the classes at these places of ``class_ids``."""
        rows = self._index.rows[places]
        means: Tensor = self._sums[rows]  # a copy, and the only one: it may be as large as all else
        if self._pivot is None:
            return means
        return means.div_(self._counts[rows].unsqueeze(1)).add_(self._pivot)

    @property
    def scatter(self) -> Tensor:
        """(C,) float64: M2_c, the sum over a class's tokens of their squared distance to its mean."""
        counts, norms = self.counts, torch.linalg.vector_norm(self._sums, dim=1)[self._index.rows]
        spread = self._squares[self._index.rows] - norms.square_() / counts
        # Rounding may leave a tiny negative, and a class of one token has none by definition.
        scatter: Tensor = spread.clamp_(min=0.0).masked_fill_(counts == 1, 0.0)
        return scatter

    @property
    def within_scatter(self) -> Tensor | None:
        """(D, D) float64: sum over tokens of (h - mu_y)(h - mu_y)^T, or None without ``covariance=True``."""
        if self._moment is None:
            return None
        sums = self._sums[self._index.rows]
        return self._moment - sums.T @ (sums / self.counts.unsqueeze(1))

    @property
    def num_tokens(self) -> int:
        """Tokens counted so far."""
        return int(self._counts.sum())

    @property
    def num_classes(self) -> int:
        """Classes seen so far."""
        return len(self._index)

    @property
    def has_covariance(self) -> bool:
        """Whether the (D, D) moment is kept."""
        return self._moment is not None

    def state_dict(self) -> dict[str, Tensor]:
        """Return the exact state as tensors: what is saved, exchanged between ranks, and resumed from."""
        state = {
            "class_ids": self._index.ids,
            "counts": self._counts[self._index.rows],
            "sums": self._sums[self._index.rows],
            "squares": self._squares[self._index.rows],
        }
        if self._pivot is not None:
            state["pivot"] = self._pivot
        if self._moment is not None:
            state["moment"] = self._moment.clone()  # what update() adds to in place
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replace the state by one that ``state_dict`` returned."""
        tensors = {name: tensor.to(self.device, copy=True) for name, tensor in state.items()}
        self._index.replace(tensors["class_ids"])
        self._counts, self._sums, self._squares = tensors["counts"], tensors["sums"], tensors["squares"]
        self._pivot, self._moment = tensors.get("pivot"), tensors.get("moment")
        self._shared, self._since = False, None

    def __repr__(self) -> str:
        """Say how much has been seen."""
        return f"ClassStatistics(dim={self.dim}, num_classes={self.num_classes}, num_tokens={self.num_tokens})"

    def _absorb(self, other: ClassStatistics, pivot: Tensor) -> None:
        """Add the tokens of ``other``, which were counted from ``pivot`` (D,)."""
        if self._pivot is None:
            self._pivot = pivot.clone()
        shift = pivot - self._pivot
        rows = self._rows_of(other._index.by_row().to(self.device))
        counts = other._counts.to(self.device)
        self._counts.index_add_(0, rows, counts)
        along = []  # of each sum, along the shift
        for place, count, sums in zip(*(torch.split(each, _ROWS) for each in (rows, counts, other._sums)), strict=True):
            sums = sums.to(self.device)
            along.append(sums @ shift)
            self._sums.index_add_(0, place, torch.addcmul(sums, count.unsqueeze(1).to(sums.dtype), shift))
        squares = other._squares.to(self.device) + 2 * torch.cat(along) + counts * shift.dot(shift)
        self._squares.index_add_(0, rows, squares)
        if self._moment is not None and other._moment is not None:
            cross = torch.outer(other._sums.sum(dim=0).to(self.device), shift)
            self._moment += other._moment.to(self.device) + cross + cross.T + counts.sum() * torch.outer(shift, shift)

    def _like(self) -> ClassStatistics:
        """Return statistics of the same kind that have seen nothing."""
        return ClassStatistics(self.dim, self.device, covariance=self._moment is not None)

    def _begun(self) -> ClassStatistics | None:
        """Return what takes in the tokens that other processes do not know of; None before they share any."""
        if not self._shared:
            return None
        if self._since is None:
            self._since = self.state_dict(), self._like()
        return self._since[1]

    def _rows_of(self, labels: Tensor) -> Tensor:
        """Row of the state for each label; the state grows by the classes not seen before."""
        rows = self._index.rows_of(labels)
        if (classes := len(self._index)) > len(self._counts):
            self._counts, self._squares = grown(self._counts, classes), grown(self._squares, classes)
            self._sums = grown(self._sums, classes)
        return rows

    def _merged_provenance(self, other: ClassStatistics) -> dict[str, str]:
        if self.dim != other.dim:
            raise MergeError(
                f"features of width {self.dim} and {other.dim} do not merge: collect both from one model and one layer."
            )
        mine = self.provenance if self.provenance or self.num_tokens else other.provenance
        return merge_provenance(mine, other.provenance) if mine is not other.provenance else dict(mine)
