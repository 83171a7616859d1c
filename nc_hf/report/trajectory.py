"""The course of a model's metrics over its saved states: one report a revision, kept together."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.errors import FileError, InputError
from nc_hf.hub.steps import step_of
from nc_hf.report.codec import to_text
from nc_hf.report.comparison import compare
from nc_hf.report.course import CourseTable
from nc_hf.report.markdown import markdown_course
from nc_hf.report.record import TrajectoryFailure
from nc_hf.report.report import Report
from nc_hf.runtime.files import read_json, write_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

SCHEMA_VERSION = 1

Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class TrajectoryPoint:
    """One revision: its name, its commit, and what was measured of that, without the table of single tokens."""

    revision: str
    commit: str
    report: Report

    @property
    def step(self) -> int | None:
        """The step of training, as far as the name tells."""
        return step_of(self.revision)


@dataclass(frozen=True)
class Trajectory:
    """What ``trajectory`` returns.

    Attributes:
        model: id on the Hub.
        points: one a revision, in the order in which they were listed, which is that of training.
        failures: the revisions that could not be measured.
    """

    model: str
    points: list[TrajectoryPoint]
    failures: list[TrajectoryFailure] = field(default_factory=list)

    @property
    def metric_names(self) -> list[str]:
        """The metrics of any point, in the order of the reports."""
        return list(dict.fromkeys(name for point in self.points for name in point.report.metrics))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that say why the points are not comparable; empty when they are."""
        reports = [point.report for point in self.points]
        return compare(reports).warnings if len(reports) > 1 else ()

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

    def rows(self) -> list[Row]:
        """Return one row a revision: its name, commit and step, tokens, loss, every metric and its standard error."""
        rows = []
        for point in self.points:
            row: Row = {
                "revision": point.revision,
                "commit": point.commit,
                "step": point.step,
                "tokens": point.report.tokens,
                "loss": point.report.loss,
            }
            for name in self.metric_names:
                metric = point.report.metrics.get(name)
                row[name] = None if metric is None else metric.value
                row[f"{name}_stderr"] = None if metric is None else metric.stderr
            rows.append(row)
        return rows

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a data frame.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise InputError("pandas is not installed: pip install 'nc_hf[study]', or use rows().") from None
        return pd.DataFrame(self.rows()).astype({"step": "Int64"})

    def to_csv(self) -> str:
        """Return a header line and one row a revision; floats to the last bit, nothing where there is no value."""
        text = io.StringIO()
        rows = self.rows()
        writer = csv.DictWriter(text, rows[0] if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def to_markdown(self) -> str:
        """Return a table for a model card or an issue."""
        return markdown_course(self)

    def to_table(self) -> RenderableType:
        """Return the course of every metric for a terminal."""
        return CourseTable(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: the reports in theirs."""
        return {
            "trajectory_version": SCHEMA_VERSION,
            "model": self.model,
            "points": [
                {"revision": point.revision, "commit": point.commit, "report": point.report.to_dict()}
                for point in self.points
            ],
            "failures": [vars(failure) for failure in self.failures],
        }

    def to_json(self) -> str:
        """Return the JSON form as text: strict JSON, floats to the last bit."""
        return to_text(self.to_dict()) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the JSON form; atomic: the file is whole or untouched."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Trajectory:
        """Read what ``save`` wrote.

        Raises:
            FileError: the file is missing, truncated, not a trajectory, or of a newer nc_hf.
        """
        document = read_json(path)
        entries: dict[str, Any] = document if isinstance(document, dict) else {}
        version = entries.get("trajectory_version")
        if type(version) is not int:
            raise FileError(f"{path} is not a trajectory: pass a JSON file that `nc-hf trajectory --output` wrote.")
        if version > SCHEMA_VERSION:
            raise FileError(f"{path} has version {version}, newer than {SCHEMA_VERSION}: upgrade nc_hf to read it.")
        try:
            return cls(
                model=str(entries["model"]),
                points=[_point(entry) for entry in entries["points"]],
                failures=[TrajectoryFailure(**entry) for entry in entries["failures"]],
            )
        except FileError as error:
            raise FileError(f"{path}: {error}") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise FileError(f"{path} is damaged ({error!r:.60}): measure the trajectory again.") from None


def _point(entry: Mapping[str, Any]) -> TrajectoryPoint:
    return TrajectoryPoint(str(entry["revision"]), str(entry["commit"]), Report.from_dict(entry["report"]))
