"""Tokens decided by the nearest class centre and by the linear classifier."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from nc_hf.errors import StatisticsError
from nc_hf.errors.remedies import Remedy
from nc_hf.metrics.nearest import Centres
from nc_hf.statistics.class_statistics import ClassStatistics

_CHUNK = 4096


@dataclass(frozen=True)
class AgreementCounts:
    """How often the two classifiers agree, and are right; counts of tokens, so that they add up."""

    tokens: int = 0
    agree: int = 0
    ncc_correct: int = 0
    linear_correct: int = 0
    agree_when_correct: int = 0
    nearest_ties: int = 0
    linear_ties: int = 0

    def __add__(self, other: AgreementCounts) -> AgreementCounts:
        """Return the counts of both sets of tokens."""
        return AgreementCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Decisions:
    """What both classifiers make of N tokens, one by one.

    Attributes:
        labels: (N,) int64, the true next tokens.
        agree: (N,) bool, where the two decide alike.
        ncc_correct: (N,) bool, where the nearest class centre is right.
        linear_correct: (N,) bool, where the linear classifier is right.
        nearest_tied: (N,) bool, where two centres are equally near.
        linear_tied: (N,) bool, where the largest logit is attained more than once.
    """

    labels: Tensor
    agree: Tensor
    ncc_correct: Tensor
    linear_correct: Tensor
    nearest_tied: Tensor
    linear_tied: Tensor

    def counts(self) -> AgreementCounts:
        """Add up all tokens."""
        return AgreementCounts(
            tokens=len(self.labels),
            agree=int(self.agree.sum()),
            ncc_correct=int(self.ncc_correct.sum()),
            linear_correct=int(self.linear_correct.sum()),
            agree_when_correct=int((self.agree & self.linear_correct).sum()),
            nearest_ties=int(self.nearest_tied.sum()),
            linear_ties=int(self.linear_tied.sum()),
        )

    def of_classes(self, class_ids: Tensor) -> Decisions:
        """Return the tokens whose true class is one of ``class_ids``."""
        kept = torch.isin(self.labels, class_ids.to(self.labels.device))
        return Decisions(**{name: tensor[kept] for name, tensor in vars(self).items()})

    def to_rows(self) -> Tensor:
        """Return everything as one (6, N) int64 tensor on the CPU, to send or to join."""
        return torch.stack([tensor.to("cpu", torch.int64) for tensor in vars(self).values()])

    @classmethod
    def from_rows(cls, rows: Tensor) -> Decisions:
        """Undo ``to_rows``."""
        return cls(rows[0], *(row.bool() for row in rows[1:]))


def count_agreement(
    stats: ClassStatistics,
    features: Tensor,
    labels: Tensor,
    linear: Tensor,
    *,
    leave_one_out: bool,
    linear_tied: Tensor | None = None,
    classes: Tensor | None = None,
) -> AgreementCounts:
    """Decide tokens as ``decide`` does, and add them up."""
    decided = decide(
        stats, features, labels, linear, leave_one_out=leave_one_out, linear_tied=linear_tied, classes=classes
    )
    return decided.counts()


def decide(
    stats: ClassStatistics,
    features: Tensor,
    labels: Tensor,
    linear: Tensor,
    *,
    leave_one_out: bool,
    linear_tied: Tensor | None = None,
    classes: Tensor | None = None,
) -> Decisions:
    """Decide tokens by their nearest class centre and compare with the linear classifier.

    Distances that decide are taken in float64 (see `nc_hf.metrics.nearest`); ties go to the lowest class id.

    Args:
        stats: whose class means are the centres.
        features: (N, D), of any float dtype.
        labels: (N,) the true next tokens.
        linear: (N,) the linear classifier's decisions: argmax of the model's logits, among the same classes.
        leave_one_out: the tokens are among those of ``stats``; each is then compared with its own class's centre
            without itself, |h - mu_c^(-h)|^2 = (n_c / (n_c - 1))^2 |h - mu_c|^2.
        linear_tied: (N,) where the largest logit is attained more than once.
        classes: (K,) ids of the classes whose centres compete; None lets every class compete that was seen.

    Raises:
        StatisticsError: there is no centre.
    """
    device, labels, linear = features.device, labels.long(), linear.long()
    kept = slice(None) if classes is None else torch.isin(stats.class_ids, classes.to(stats.class_ids.device))
    class_ids, counts, means = stats.class_ids[kept].to(device), stats.counts[kept].to(device), stats.means[kept]
    if not len(means):
        raise StatisticsError("no class that counts was met", Remedy.MORE_TEXT)
    origin = means.mean(dim=0)
    exact = (means - origin).to(device)
    centres, origin = Centres(exact), origin.to(device)
    nearest, tied = torch.empty_like(labels), torch.empty(len(labels), dtype=torch.bool, device=device)
    for rows in torch.split(torch.arange(len(labels), device=device), _CHUNK):
        tokens = features[rows].double() - origin
        own, guess = _places(class_ids, labels[rows]), _places(class_ids, linear[rows])
        distance = torch.full_like(tokens[:, 0], torch.inf)
        if leave_one_out:
            mine = (own >= 0).nonzero().squeeze(1)
            count = counts[own[mine]].double()
            # The only token of a class leaves it without a centre: n / (n - 1) is infinite there.
            grown = (tokens[mine] - exact[own[mine]]).square_().sum(dim=1) * (count / (count - 1)).square()
            distance[mine] = torch.where(count > 1, grown, torch.inf)
        else:
            own = torch.full_like(own, -1)
        best, tied[rows] = centres.nearest(tokens, own, distance, guess)
        nearest[rows] = class_ids[best]
    return Decisions(
        labels=labels,
        agree=nearest == linear,
        ncc_correct=nearest == labels,
        linear_correct=linear == labels,
        nearest_tied=tied,
        linear_tied=torch.zeros_like(tied) if linear_tied is None else linear_tied,
    )


def _places(class_ids: Tensor, labels: Tensor) -> Tensor:
    """Return the place of each label among the ascending ids, or -1."""
    place = torch.searchsorted(class_ids, labels).clamp_(max=len(class_ids) - 1)
    return place.where(class_ids[place] == labels, -1)
