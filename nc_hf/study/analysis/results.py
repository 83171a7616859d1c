"""A study's results as a table: one row per saved checkpoint, its settings, its outcomes, then every metric by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nc_hf.errors import StudyError
from nc_hf.metrics import METRICS

SETTINGS = ("width", "depth", "epochs", "weight_decay", "seed", "saved_epoch")
"""What tells one row from another. ``saved_epoch`` counts from 0, as in the published ids; -1 is initialisation."""

OUTCOMES = ("val_loss", "val_accuracy", "perplexity")
"""How well the model predicts validation text: nats a token, a share, and exp of the first."""

AXES = ("width", "depth", "trained_epochs", "weight_decay")
"""The settings along which a study looks for a trend."""

CELL = ("width", "depth", "epochs", "weight_decay", "saved_epoch")
"""What two rows share that differ in their seed alone."""


def read_results(path: str | Path) -> pd.DataFrame:
    """Read a results table and make sure that it can be analysed.

    Args:
        path: A CSV file with the columns of ``SETTINGS`` and ``OUTCOMES``, then metrics by name; others are kept.

    Returns:
        The rows with ``trained_epochs`` (``saved_epoch + 1``) added; ``seed`` may be missing.

    Raises:
        StudyError: If the file cannot be read, is no such table, has no row or no metric, or holds text for a number.
    """
    frame = _read_csv(path)
    missing = [name for name in (*SETTINGS, *OUTCOMES) if name not in frame]
    if missing:
        raise StudyError(f"{path} lacks {', '.join(missing)}: give the results.csv of a study, with its header.")
    metrics = metric_columns(frame)
    for name in (*SETTINGS, *OUTCOMES, *metrics):
        numbers = pd.to_numeric(frame[name], errors="coerce")
        wrong = numbers.isna() & frame[name].notna()
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise StudyError(
                f"column {name} of {path} holds text on line {row + 2} ({str(frame[name][row])[:40]!r}): put a number "
                "or nothing there."
            )
        # Infinite where a definition diverges, as of a pair of means that coincide: no analysis can use that.
        frame[name] = numbers.where(np.isfinite(numbers)) if name in metrics else numbers
    for name in (*CELL, "val_loss"):
        missing_here = ~np.isfinite(frame[name].to_numpy(dtype=np.float64))
        if missing_here.any():
            row = int(missing_here.argmax()) + 2
            raise StudyError(f"{path} has no {name} on line {row}: fill it in or remove the line.")
    if frame.empty:
        raise StudyError(f"{path} has no rows: run the study until one cell is finished.")
    return frame.copy().assign(trained_epochs=frame["saved_epoch"] + 1)  # whole: its columns were put in one by one


def _read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV file, and say in plain words why one cannot be read."""
    hint = "give the results.csv of a study."
    try:
        frame = pd.read_csv(path)
        if not isinstance(frame.index, pd.RangeIndex):  # pandas takes a field too many for the name of the row
            raise StudyError(f"the rows of {path} have more fields than its header: {hint}")
        return frame
    except FileNotFoundError:
        raise StudyError(f"there is no file {path}: {hint}") from None
    except IsADirectoryError:
        raise StudyError(f"{path} is a folder: {hint}") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}): {hint}") from error
    except pd.errors.EmptyDataError:
        raise StudyError(f"{path} is empty: {hint}") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path} is not text in UTF-8: {hint}") from None
    except ValueError as error:  # pandas' words go over two lines and name its parser
        raise StudyError(f"{path} is not a table in CSV: {hint}") from error


def metric_columns(frame: pd.DataFrame, wanted: Sequence[str] | None = None) -> list[str]:
    """List the metrics of a table, or check that it has the ones that are wanted.

    Args:
        frame: A results table.
        wanted: Names of metrics; None for all that the table has.

    Returns:
        Column names, in the order of the table or of ``wanted``.

    Raises:
        StudyError: If there is none, or a wanted one is missing.
    """
    present = [name for name in frame.columns if name in METRICS]
    if wanted is not None:
        missing = [name for name in wanted if name not in frame]
        if missing:
            raise StudyError(f"the results have no column {', '.join(missing)}: choose from {', '.join(present)}.")
        return list(wanted)
    if not present:
        raise StudyError("the results hold no metric: add columns under the names of nc_hf.METRICS.")
    return present


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out models at initialisation, which would stretch every correlation with the loss."""
    return frame[frame["trained_epochs"] > 0]
