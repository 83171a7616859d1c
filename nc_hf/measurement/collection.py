"""What one pass gathers: every layer's statistics, the sample for NC4, the loss, and the checked head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from nc_hf.measurement.checks import checked
from nc_hf.measurement.head import HeadReading
from nc_hf.measurement.layer import Layer, TokenBatch, positions_of
from nc_hf.measurement.mark_losses import MarkLosses
from nc_hf.measurement.options import OPTIONS
from nc_hf.measurement.outcomes import Outcomes
from nc_hf.measurement.outliers import norms_by_position, outlying_positions
from nc_hf.measurement.sample import UNDECIDED, DecidedSample, TokenSample
from nc_hf.metrics.decisions import Decisions
from nc_hf.model.forward_pass import FINAL, TapBatch
from nc_hf.model.head import ClassifierHead
from nc_hf.runtime.distributed import Process, exchange_tensors
from nc_hf.statistics.class_statistics import ClassStatistics

# Room in a token's place for its position in the row; rows stay apart up to sequences of a million tokens.
_POSITIONS = 1 << 20


class Collection:
    """Accumulates the batches of a tap, from a pass of one's own or from a Trainer's evaluation.

    Args:
        model: whose features these are, with its wrappers. Its head is read off and checked on the first batch, or,
            where every rank has to be there to read it, in ``reduce``.
        layers: ``final``, or ``all``, as for the tap.
        covariance: keep the (D, D) moment of the features of each layer.
        agreement_tokens: capacity of the NC4 sample; 0 decides nothing.
        groups: groups of rows whose statistics are kept apart, for standard errors. Neighbours are in one group, so
            that a document of several rows is hardly ever in two.
        inner_groups: whether layers before the final one keep their groups apart too.
        rows: rows of the corpus in all; needed for more than one group.
        marks: tokens that begin, end or part documents, whose losses are told by themselves.
        head: read the head; without it nothing is decided, and what needs no head is measured of any model.
        calibration: count predictions by their confidence.

    Attributes:
        layers: what was gathered of each layer; whole after ``reduce``.
        sample: tokens on which NC4 is decided, with their features in all layers; of this process alone.
        outliers: positions that a layer keeps out, as `find_outliers` found them.
        outcomes: loss, accuracy and calibration, of each group of rows.
        marks: what was found about the marks.
        apart: whether the model read each document of a block as if it stood alone; None where no mark parts them.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        layers: str = FINAL,
        covariance: bool = False,
        agreement_tokens: int = OPTIONS["agreement_tokens"].default,
        groups: int = 1,
        inner_groups: bool = False,
        rows: int = 0,
        marks: Iterable[int] = (),
        head: bool = True,
        calibration: bool = False,
    ) -> None:
        """Start empty."""
        self._model, self._reading = model, HeadReading(model, wanted=head)
        self._covariance = covariance
        self._num_groups, self._inner_groups, self._rows = groups, inner_groups, rows
        self.identity = {
            "layers": layers,
            "covariance": str(covariance),
            "groups": f"{groups} of neighbouring rows, in {'every' if inner_groups else 'the final'} layer",
            "agreement_tokens": str(agreement_tokens),
        }
        self.identity |= {"calibration": "by confidence"} if calibration else {}
        self.layers: dict[str, Layer] = {}
        self.sample = TokenSample(agreement_tokens if head else 0)
        self._process: Process | None = None
        self.outliers: dict[str, Tensor] = {}
        self.outcomes = Outcomes(groups, calibration=calibration)
        self.marks = MarkLosses(marks)
        self.apart: bool | None = None

    def find_outliers(self, batch: TapBatch | None, positions: Tensor | None, length: int, process: Process) -> None:
        """Find the positions that each layer before the final one keeps out, from the first batch of all processes.

        Args:
            batch: of this process; None where it has none.
            positions: as of `add`.
            length: of a row.
            process: all of whose ranks call this.
        """
        sums = {}
        for name, features in ({} if batch is None else batch.features).items():
            if batch is not None and name != FINAL:
                sums[name] = norms_by_position(features, positions_of(batch, positions), length)
        every: dict[str, Tensor] = {}
        for part in exchange_tensors(sums, process) if process.num_processes > 1 else [sums]:
            for name, mine in part.items():
                every[name] = every.get(name, 0) + mine.cpu()
        self.outliers = {name: outlying_positions(found) for name, found in every.items()}

    def add(self, batch: TapBatch, rows: Tensor, batch_number: int, positions: Tensor | None = None) -> None:
        """Take in one batch.

        Args:
            batch: as the tap gives it.
            rows: (B,) the place in the corpus of each row of the forward pass.
            batch_number: names the batch in an error.
            positions: (B, L) int64, where the model was told that each token stands; default: its place in the row.

        Raises:
            FeatureError: NaN or Inf; nothing of the batch is kept.
            HeadError: on the first batch with labels, if the head does not reproduce the model's logits.
            LabelError: a label beyond the head.
        """
        if len(batch.labels) == 0:
            return
        highest = checked(batch, batch_number)
        self._reading.meet(batch.sample)
        self._reading.refuse_beyond(highest)
        row = rows.to(batch.index.device)[batch.index // batch.sequence_length]
        # Groups differ in size by one row at the most.
        group = row * self._num_groups // self._rows if self._num_groups > 1 else torch.zeros_like(row)
        tokens = TokenBatch(batch.labels, group, positions_of(batch, positions))
        self._add_decisions(batch, row * _POSITIONS + batch.index % batch.sequence_length, tokens)
        self.marks.add(batch)
        for name, features in batch.features.items():
            self._layer(name, features.shape[1], features.device).add(features, tokens)

    def reduce(self, process: Process, *, contributes: bool = True) -> None:
        """Add up all processes and groups; every rank then holds the whole.

        Args:
            process: all of whose ranks call this.
            contributes: False where another rank has read the same rows (`nc_hf.model.readers`).

        Raises:
            HeadError: a head that is read only here does not reproduce the model's logits; on every rank alike.
            LabelError: a label beyond such a head.
        """
        self._process = process
        if not contributes:
            self._empty()
        self.outcomes.reduce(process, contributes=contributes)
        self.marks.reduce(process)
        if self.tokens == 0:
            return
        self._complete_parts(process)
        # From the first to the final, also after a restart and where a rank met them late: layer.9 before layer.10.
        order = sorted(self.layers, key=lambda name: (name == FINAL, len(name), name))
        self.layers = {name: self.layers[name] for name in order}
        for layer in self.layers.values():
            layer.reduce(process)
        self.sample.reduce(process)
        self._reading.complete(process)
        self._reading.refuse_beyond(int(self.statistics.class_ids.max()))

    @property
    def head(self) -> ClassifierHead | None:
        """The classifier head, once it is read."""
        return self._reading.head

    @property
    def head_error(self) -> float:
        """Largest relative difference between head(features) and the model's logits on the first batch."""
        return self._reading.error

    @property
    def wants_logits(self) -> bool:
        """Whether the head is still to be checked, and needs the logits of a batch for that."""
        return self._reading.wants_logits

    @property
    def tokens(self) -> int:
        """Labelled positions."""
        return int(self.outcomes.sums[0].sum())

    @property
    def loss_sum(self) -> float:
        """Their summed loss, in nats."""
        return float(self.outcomes.sums[1].sum())

    @property
    def correct(self) -> int:
        """How many of them the model's argmax gets right."""
        return int(self.outcomes.sums[2].sum())

    @property
    def final(self) -> Layer:
        """The layer whose features enter the head."""
        return self.layers[FINAL]

    @property
    def statistics(self) -> ClassStatistics:
        """The final layer's statistics; call ``reduce`` first."""
        return self.final.statistics

    def decided(self, classes: Tensor | None = None) -> DecidedSample:
        """Let the linear classifier decide the sample, among ``classes`` (K,) where not every one competes."""
        return self.sample.decided(self.head, classes)

    def decisions(
        self,
        decided: DecidedSample,
        layer: str = FINAL,
        *,
        centres: ClassStatistics | None = None,
        leave_one_out: bool = True,
        without: Sequence[int] = (),
    ) -> Decisions:
        """Decide a sample by the nearest centres of a layer; every process calls this, and has the tokens of all.

        Args:
            decided: what `decided` returned.
            layer: whose features.
            centres: the statistics to decide by; default: the layer's own.
            leave_one_out: the tokens are among those that made the centres.
            without: groups of rows whose tokens are left out.
        """
        mine = decided.nearest(
            layer,
            self.layers[layer].statistics if centres is None else centres,
            leave_one_out=leave_one_out,
            without=without,
            outliers=self.layers[layer].outliers,
        )
        if self._process is None or self._process.num_processes == 1:
            return mine
        parts = exchange_tensors({"rows": mine.to_rows()}, self._process)
        return Decisions.from_rows(torch.cat([part["rows"].cpu() for part in parts], dim=1))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the exact state of this process as tensors."""
        state = {**self.outcomes.state_dict(), "marks": self.marks.sums}
        state |= {f"sample/{part}": tensor for part, tensor in self.sample.state_dict().items()}
        state |= self._reading.state_dict()
        for name, layer in self.layers.items():
            state |= {f"layer/{name}/{part}": tensor for part, tensor in layer.state_dict().items()}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replace the state by one that ``state_dict`` returned; the head is read off the model again."""
        self.outcomes.load_state_dict(dict(state))
        self.marks.sums = state["marks"]
        parts: dict[str, dict[str, Tensor]] = {}
        for key, tensor in state.items():
            kind, _, rest = key.partition("/")
            if kind == "layer":
                name, _, part = rest.partition("/")
                parts.setdefault(name, {})[part] = tensor
        self.sample.load_state_dict(
            {key.removeprefix("sample/"): tensor for key, tensor in state.items() if key.startswith("sample/")}
        )
        device = next(self._model.parameters()).device
        for name, tensors in parts.items():
            self._layer(name, tensors["group/0/sums"].shape[1], device).load_state_dict(tensors)
        self._reading.load_state_dict(state, begun=self.tokens > 0)

    def _layer(self, name: str, dim: int, device: torch.device) -> Layer:
        """Return a layer, made when it is first met."""
        if name not in self.layers:
            self.layers[name] = Layer(
                dim,
                device,
                groups=self._num_groups if name == FINAL or self._inner_groups else 1,
                covariance=self._covariance,
                outliers=self.outliers.get(name),
            )
        return self.layers[name]

    def _empty(self) -> None:
        """Let go of what was gathered; what checks the head may stay."""
        self.layers, self.sample = {}, TokenSample(self.sample.capacity)
        self.marks = MarkLosses(self.marks.marks)

    def _complete_parts(self, process: Process) -> None:
        """Give this rank, empty, what only others have: all its rows may have been repeats, or without labels."""
        if process.num_processes > 1:
            mine = {name: torch.tensor([layer.dim]) for name, layer in self.layers.items()}
            device = next(self._model.parameters()).device
            for theirs in exchange_tensors(mine, process):
                for name, width in theirs.items():
                    self._layer(name, int(width), device)
        self._reading.meet(None)

    def _add_decisions(self, batch: TapBatch, places: Tensor, tokens: TokenBatch) -> None:
        """Add up loss and accuracy by group, and offer the tokens to the NC4 sample."""
        predictions, tied = batch.predictions, batch.tied
        self.outcomes.add(batch, tokens.group)
        if predictions is None or tied is None:  # the head is left to decide the few that the sample keeps
            predictions, tied = (
                torch.full_like(batch.labels, UNDECIDED),
                torch.zeros_like(batch.labels, dtype=torch.bool),
            )
        self.sample.add(places, batch.features, **vars(tokens), predictions=predictions, tied=tied)
