"""The course of a model's metrics over its saved states: one report a revision, kept together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.errors import FileError
from nc_hf.report.codec import CodecError, decode, to_text
from nc_hf.report.csv import Row, csv_text, revision_rows
from nc_hf.report.markdown import markdown_course
from nc_hf.report.report import Report
from nc_hf.report.several import PointRecord, TrajectoryFailure, TrajectoryRecord
from nc_hf.runtime.extras import require
from nc_hf.runtime.files import read_json, write_text
from nc_hf.runtime.seal import BrokenSealError, opened, sealed

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class TrajectoryPoint(PointRecord):
    """One revision: its name, its commit, and the report of that, without the table of single tokens."""

    report: Report


@dataclass(frozen=True)
class Trajectory(TrajectoryRecord):
    """What ``trajectory`` returns: the entries of ``TrajectoryRecord`` and the forms in which to keep and show them."""

    points: list[TrajectoryPoint]

    def rows(self) -> list[Row]:
        """Return one row a revision: its name, commit and step, tokens, loss, every metric and its standard error."""
        return revision_rows(self)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a data frame.

        Raises:
            InputError: pandas is not installed.
        """
        require("data frames need", "study", "pandas")
        import pandas as pd

        return pd.DataFrame(self.rows()).astype({"step": "Int64"})

    def to_csv(self) -> str:
        """Return a header line and one row a revision; floats to the last bit, nothing where there is no value."""
        return csv_text(self.rows())

    def to_markdown(self) -> str:
        """Return a table for a model card or an issue."""
        return markdown_course(self)

    def to_table(self) -> RenderableType:
        """Return the course of every metric for a terminal."""
        from nc_hf.report.side_by_side import CourseTable

        return CourseTable(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: the reports in theirs."""
        return {
            "trajectory_version": SCHEMA_VERSION,
            "model": self.model,
            "points": [
                {
                    "revision": point.revision,
                    "commit": point.commit,
                    "same_as": point.same_as,
                    "report": point.report.to_dict(),
                }
                for point in self.points
            ],
            "failures": [vars(failure) for failure in self.failures],
        }

    def to_json(self) -> str:
        """Return the JSON form as text: strict JSON, floats to the last bit, with a seal of it all."""
        return to_text(sealed(self.to_dict())) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the JSON form; atomic: the file is whole or untouched."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Trajectory:
        """Read what ``save`` wrote.

        Raises:
            FileError: the file is missing, truncated, edited, not a trajectory, or of a newer nc_hf.
        """
        document = read_json(path)
        version = document.get("trajectory_version") if isinstance(document, dict) else None
        if not isinstance(document, dict) or type(version) is not int:
            raise FileError(f"{path} is not a trajectory: pass a JSON file that `nc-hf trajectory --output` wrote.")
        if version > SCHEMA_VERSION:
            raise FileError(f"{path} has version {version}, newer than {SCHEMA_VERSION}: upgrade nc_hf to read it.")
        try:
            entries = opened(document)
            kept = decode(_Kept, entries if version > 1 else _with_same_weights(entries))
            points = [
                TrajectoryPoint(point.revision, point.commit, Report.from_dict(point.report), point.same_as)
                for point in kept.points
            ]
        except FileError as error:
            raise FileError(f"{path}: {error}") from None
        except (CodecError, BrokenSealError) as error:
            raise FileError(f"{path} is damaged ({error}): measure the trajectory again.") from None
        return cls(kept.model, points, kept.failures)


@dataclass(frozen=True)
class _KeptPoint:
    """A point as it stands in a file."""

    revision: str
    commit: str
    same_as: str | None
    report: dict[str, Any]


@dataclass(frozen=True)
class _Kept:
    """What ``Trajectory.save`` writes; each report is of a schema of its own."""

    trajectory_version: int
    model: str
    points: list[_KeptPoint]
    failures: list[TrajectoryFailure]


def _with_same_weights(document: object) -> object:
    """Upgrade from version 1, which did not say which revisions have the same weights."""
    if not isinstance(document, dict) or not isinstance(document.get("points"), list):
        return document  # damaged, as the decoder will say
    points = [{**point, "same_as": None} if isinstance(point, dict) else point for point in document["points"]]
    return {**document, "points": points}
