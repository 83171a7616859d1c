"""The records of several measurements, as data alone: compared, or as the course of one model over its saved states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nc_hf.hub.steps import step_of
from nc_hf.report.comparability import differing_circumstances
from nc_hf.report.record import MetricValue, ReportRecord


@dataclass(frozen=True)
class ComparedMetric:
    """One metric in every report.

    Attributes:
        name: of the metric.
        values: one a report, None where a report lacks the metric.
        differences: to the first report. Reports of the same text are paired group by group, and the standard error is
            that of the difference; else it is that of independent measurements. None where either report lacks the
            metric.
        most_collapsed: index of the report whose value lies farthest in the metric's direction; None for a metric
            without direction, where the foremost values agree to nine digits, or where the reports are not comparable.
            A report that leaves no verdict is never it.
        clear: whether the 95 % interval of its lead over the next leaves out 0; None where that is not known.
    """

    name: str
    values: tuple[MetricValue | None, ...]
    differences: tuple[MetricValue | None, ...]
    most_collapsed: int | None
    clear: bool | None


@dataclass(frozen=True)
class ComparisonRecord:
    """Reports side by side.

    Attributes:
        names: one a report, all different.
        losses: nats a token, one a report.
        metrics: in the order of the first report, then those that only others have.
        warnings: sentences that say why the numbers are not comparable; empty when they are. Else no report is the most
            collapsed of any metric.
        notes: sentences on what else to know: which reports are of one model, and which leave no verdict.
        bits_per_byte: the losses by bytes of text; None where a report does not know them.
    """

    names: tuple[str, ...]
    losses: tuple[float, ...]
    metrics: tuple[ComparedMetric, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()
    bits_per_byte: tuple[float | None, ...] = ()

    @property
    def outcomes(self) -> list[tuple[str, list[str]]]:
        """The loss of each report, and the bits a byte where all know them: what it is, and the values as text."""
        found = [("loss, nats a token", [f"{loss:.4f}" for loss in self.losses])]
        known = [bits for bits in self.bits_per_byte if bits is not None]
        if len(known) == len(self.names):
            found.append(("bits a byte", [f"{bits:.4f}" for bits in known]))
        return found


@dataclass(frozen=True)
class PointRecord:
    """One revision: its name, its commit, and what was measured of that, without the table of single tokens.

    Attributes:
        revision: branch or tag; of a folder of checkpoints the checkpoint's name.
        commit: that it points to; of a checkpoint the hash of its weights.
        report: of that commit.
        same_as: the first revision of the trajectory that has the same weights, measured once for both; None for it.
    """

    revision: str
    commit: str
    report: ReportRecord
    same_as: str | None = None

    @property
    def step(self) -> int | None:
        """The step of training, as far as the name tells."""
        return step_of(self.revision)


@dataclass(frozen=True)
class TrajectoryFailure:
    """A revision that could not be measured.

    Attributes:
        revision: its name.
        commit: that it points to; empty of a checkpoint.
        reason: why, in a sentence.
    """

    revision: str
    commit: str
    reason: str


@dataclass(frozen=True)
class TrajectoryRecord:
    """What was measured of a model's revisions.

    Attributes:
        model: id on the Hub, or the folder with the checkpoints.
        points: one a revision, in the order in which they were listed, which is that of training.
        failures: the revisions that could not be measured.
    """

    model: str
    points: Sequence[PointRecord]
    failures: list[TrajectoryFailure] = field(default_factory=list)

    @property
    def metric_names(self) -> list[str]:
        """The metrics of any point, in the order of the reports."""
        return list(dict.fromkeys(name for point in self.points for name in point.report.metrics))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that say why the points are not comparable; empty when they are."""
        return tuple(differing_circumstances([point.report for point in self.points]))

    @property
    def repeats(self) -> list[str]:
        """A sentence for each revision that has the weights of an earlier one."""
        return [f"{point.revision}: same weights as {point.same_as}." for point in self.points if point.same_as]

    @property
    def values(self) -> dict[str, dict[str, float]]:
        """Loss and metrics by revision."""
        return {
            point.revision: {
                "loss": point.report.loss,
                **{name: metric.value for name, metric in point.report.metrics.items()},
            }
            for point in self.points
        }
