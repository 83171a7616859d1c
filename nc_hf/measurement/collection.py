"""What one pass gathers: statistics by layer and group, the NC4 sample, the loss, and the checked head."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nc_hf.errors import FeatureError, LabelError
from nc_hf.measurement.sample import TokenSample
from nc_hf.metrics import AgreementCounts
from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.decisions import Decisions
from nc_hf.model.head import ClassifierHead
from nc_hf.model.tap import TapBatch
from nc_hf.runtime.distributed import Process, exchange_tensors, sum_over_processes
from nc_hf.statistics.class_statistics import ClassStatistics, all_finite

# Room in a token's place for its position in the row; rows stay apart up to sequences of a million tokens.
_POSITIONS = 1 << 20


class Collection:
    """Accumulates the batches of a tap, from a pass of one's own or from a Trainer's evaluation.

    Args:
        model: whose features these are; its head is read off and checked on the first batch.
        layers: ``final``, or ``all``, as for the tap.
        covariance: keep the (D, D) moment of the final features.
        agreement_tokens: capacity of the NC4 sample.
        groups: groups of rows whose final statistics are kept apart, for standard errors. Neighbours are in one group,
            so that a document of several rows is hardly ever in two.
        rows: rows of the corpus in all; needed for more than one group.

    Attributes:
        head: the classifier head, once a batch has come.
        head_error: largest relative difference between head(features) and the model's logits on the first batch.
        layers: statistics of each layer; ``final`` is whole only after ``reduce``.
        groups: the final statistics by group of rows.
        tokens, loss_sum, correct: labelled positions, their summed loss in nats, and how many the argmax gets right.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        layers: str = "final",
        covariance: bool = False,
        agreement_tokens: int = 16_384,
        groups: int = 1,
        rows: int = 0,
    ) -> None:
        """Start empty."""
        self._model = model
        self._covariance = covariance
        self.identity = {
            "layers": layers,
            "covariance": str(covariance),
            "groups": f"{groups} of neighbouring rows",
            "agreement_tokens": str(agreement_tokens),
        }
        self.head: ClassifierHead | None = None
        self._head_sample: tuple[Tensor, Tensor] | None = None
        self.head_error = 0.0
        self.layers: dict[str, ClassStatistics] = {}
        self.groups: list[ClassStatistics] = []
        self._num_groups, self._rows = groups, rows
        self.samples = [TokenSample(-(-agreement_tokens // groups)) for _ in range(groups)]
        self.tokens, self.loss_sum, self.correct = 0, 0.0, 0

    def add(self, batch: TapBatch, rows: Tensor, batch_number: int) -> None:
        """Take in one batch.

        Args:
            batch: as the tap gives it.
            rows: (B,) the place in the corpus of each row of the forward pass.
            batch_number: names the batch in an error.

        Raises:
            FeatureError: NaN or Inf; nothing of the batch's layer is kept.
            HeadError: on the first batch with labels, if the head does not reproduce the model's logits.
            LabelError: a label beyond the head.
        """
        if len(batch.labels) == 0:
            return
        self._check_finite(batch, batch_number)
        if self.head is None:
            self._read_head(batch.sample)
        assert self.head is not None
        if int(batch.labels.max()) >= self.head.vocab_size:
            raise LabelError(
                f"label {int(batch.labels.max())} is beyond the head's {self.head.vocab_size} classes: use the model's "
                "own tokenizer."
            )
        row = rows.to(batch.index.device)[batch.index // batch.sequence_length]
        self._add_statistics(batch, row)
        self._add_decisions(batch, row)

    def reduce(self, process: Process) -> None:
        """Add up all processes and groups; every rank then holds the whole."""
        self._process = process
        sums = sum_over_processes([float(self.tokens), self.loss_sum, float(self.correct)], process)
        self.tokens, self.loss_sum, self.correct = int(sums[0]), sums[1], int(sums[2])
        if self.tokens == 0:
            return
        self._complete_parts(process)
        for name in sorted(self.layers):
            self.layers[name].reduce(process)
        whole = ClassStatistics(self.groups[0].dim, self.groups[0].device, covariance=self._covariance)
        for group in self.groups:
            group.reduce(process)
            # Sorted by class, as after a restart: the order of the rows is the order in which they are summed.
            group.load_state_dict(group.state_dict())
            whole.merge(group)
        self.layers["final"] = whole
        for sample in self.samples:
            sample.reduce(process)

    @property
    def statistics(self) -> ClassStatistics:
        """The final layer's statistics; call ``reduce`` first."""
        return self.layers["final"]

    def decisions(self, *, leave_one_out: bool = True, centres: ClassStatistics | None = None) -> list[Decisions]:
        """Decide the sample of each group, of all processes; against ``centres`` if they come from other text."""
        decided = []
        for sample in self.samples:
            rows = sample.decide(centres or self.statistics, leave_one_out=leave_one_out).to_rows()
            if self._process.num_processes > 1:
                parts = exchange_tensors({"rows": rows}, self._process)
                rows = torch.cat([part["rows"].cpu() for part in parts], dim=1)
            decided.append(Decisions.from_rows(rows))
        return decided

    def agreement(self, *, leave_one_out: bool = True, centres: ClassStatistics | None = None) -> list[AgreementCounts]:
        """Count the decisions of each group."""
        return [group.counts() for group in self.decisions(leave_one_out=leave_one_out, centres=centres)]

    def metrics(
        self, preset: str | Sequence[str], min_count: int, *, centres: ClassStatistics | None = None
    ) -> dict[str, float]:
        """Compute metrics of what was gathered; call ``reduce`` first."""
        total = sum(self.agreement(leave_one_out=centres is None, centres=centres), AgreementCounts())
        return compute_metrics(self.statistics, self.head, preset, min_count, total if total.tokens else None)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the exact state of this process as tensors."""
        totals = torch.tensor([self.tokens, self.loss_sum, self.correct], dtype=torch.float64)
        state = {"totals": totals, "head_error": torch.tensor(self.head_error, dtype=torch.float64)}
        parts = {f"layer/{name}": stats.state_dict() for name, stats in self.layers.items()}
        parts |= {f"group/{number}": stats.state_dict() for number, stats in enumerate(self.groups)}
        parts |= {f"sample/{number}": sample.state_dict() for number, sample in enumerate(self.samples)}
        if self._head_sample is not None:
            parts["head"] = dict(zip(("features", "logits"), self._head_sample, strict=True))
        for part, tensors in parts.items():
            state |= {f"{part}/{name}": tensor for name, tensor in tensors.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replace the state by one that ``state_dict`` returned; the head is read off the model again."""
        tokens, self.loss_sum, correct = state["totals"].tolist()
        self.tokens, self.correct = int(tokens), int(correct)
        parts: dict[str, dict[str, Tensor]] = {}
        for key, tensor in state.items():
            part, slash, name = key.rpartition("/")
            if slash:
                parts.setdefault(part, {})[name] = tensor
        for part, tensors in parts.items():
            kind, _, name = part.partition("/")
            if kind == "sample":
                self.samples[int(name)].load_state_dict(tensors)
                continue
            if part == "head":
                self._read_head((tensors["features"], tensors["logits"]))
                continue
            stats = ClassStatistics(tensors["sums"].shape[1], covariance="moment" in tensors)
            stats.load_state_dict(tensors)
            if kind == "layer":
                self.layers[name] = stats
            else:
                self._group_list(stats.dim)[int(name)].load_state_dict(tensors)
        if self.head is None and self.tokens:
            self._read_head(None)
        self.head_error = float(state["head_error"])

    def _group_list(self, dim: int) -> list[ClassStatistics]:
        if not self.groups:
            self.groups = [ClassStatistics(dim, covariance=self._covariance) for _ in range(self._num_groups)]
        return self.groups

    def _group_of(self, row: Tensor) -> Tensor:
        """Number the group of each row; they differ in size by one row at the most."""
        return row * self._num_groups // self._rows if self._num_groups > 1 else torch.zeros_like(row)

    def _read_head(self, sample: tuple[Tensor, Tensor] | None) -> None:
        """Read the head off the model; where the forward pass built no logits, the head makes its own short one."""
        self.head = ClassifierHead.from_model(self._model, sample)
        self.head_error = 0.0 if sample is None else self.head.check(*sample)
        self._head_sample = sample

    def _complete_parts(self, process: Process) -> None:
        """Give this rank, empty, what only others have: all its rows may have been repeats, or without labels."""
        if process.num_processes > 1:
            widths = {name: stats.dim for name, stats in self.layers.items()}
            if self.groups:
                widths["final"] = self.groups[0].dim
            mine = {name: torch.tensor([width]) for name, width in widths.items()}
            for theirs in exchange_tensors(mine, process):
                widths |= {name: int(width) for name, width in theirs.items()}
            self._group_list(widths.pop("final"))
            for name, width in widths.items():
                self.layers.setdefault(name, ClassStatistics(width))
        if self.head is None:
            self._read_head(None)

    def _add_statistics(self, batch: TapBatch, row: Tensor) -> None:
        final = batch.features["final"]
        groups = self._group_list(final.shape[1])
        for number, group in enumerate(groups):
            mine = self._group_of(row) == number
            group.update(
                final if len(groups) == 1 else final[mine], batch.labels if len(groups) == 1 else batch.labels[mine]
            )
        for name, features in batch.features.items():
            if name != "final":
                stats = self.layers.setdefault(name, ClassStatistics(features.shape[1]))
                stats.update(features, batch.labels)

    def _add_decisions(self, batch: TapBatch, row: Tensor) -> None:
        self.tokens += len(batch.labels)
        if batch.nll is not None:
            self.loss_sum += float(batch.nll.double().sum())
        predictions, tied = batch.predictions, batch.tied
        if predictions is None or tied is None:
            if not any(sample.capacity for sample in self.samples):
                return
            assert self.head is not None
            predictions, tied = self.head.predict(batch.features["final"])
        self.correct += int((predictions == batch.labels).sum())
        places = row * _POSITIONS + batch.index % batch.sequence_length
        for number, sample in enumerate(self.samples):
            mine = self._group_of(row) == number
            sample.add(places[mine], batch.features["final"][mine], batch.labels[mine], predictions[mine], tied[mine])

    @staticmethod
    def _check_finite(batch: TapBatch, batch_number: int) -> None:
        for name, features in batch.features.items():
            if not all_finite(features):
                raise FeatureError(
                    f"batch {batch_number} has NaN or Inf in the {name} features: look for a diverged model, or load "
                    "it in float32."
                )


def perplexity(loss: float) -> float:
    """exp(loss), infinite where that overflows.

    >>> perplexity(0.0)
    1.0
    """
    return math.exp(loss) if loss < 700 else math.inf
