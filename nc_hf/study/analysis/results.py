"""A study's results as a table: one row per saved checkpoint, its settings, its outcomes, then every metric by name."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from nc_hf.errors import StudyError
from nc_hf.metrics.table import METRICS, PRESETS
from nc_hf.runtime.cells import from_cell
from nc_hf.runtime.nearest import did_you_mean
from nc_hf.study.analysis.columns import is_measured
from nc_hf.study.sealing import edited
from nc_hf.study.table import OTHER_TEXT, OUTCOMES, STDERR

_LOG = logging.getLogger("nc_hf.study")

SETTINGS = ("width", "depth", "epochs", "weight_decay", "seed", "saved_epoch")
"""What every table tells. ``saved_epoch`` counts from 0, as in the published ids; -1 is initialisation."""

_NEEDED = ("width", "depth", "epochs", "weight_decay", "saved_epoch", "val_loss")  # in every row


def read_results(path: str | Path) -> pd.DataFrame:
    """Read a results table and make sure that it can be analysed.

    Args:
        path: A CSV file with the columns of ``SETTINGS`` and ``OUTCOMES``, then metrics by name; others are kept.

    Returns:
        The rows with ``trained_epochs`` (``saved_epoch + 1``) added; ``seed`` may be missing. That the table was edited
        since its study wrote it is logged.

    Raises:
        StudyError: If the file cannot be read, is no such table, has no row or no metric, or holds text for a number.
    """
    frame = _read_csv(path)
    if said := edited(Path(path)):
        _LOG.warning(said)
    missing = [name for name in (*SETTINGS, *OUTCOMES) if name not in frame]
    if missing:
        raise StudyError(f"{path} lacks {', '.join(missing)}: give the results.csv of a study, with its header.")
    metric_columns(frame)
    measured = [str(name) for name in frame.columns if is_measured(str(name)) and name not in OUTCOMES]
    for name in dict.fromkeys((*SETTINGS, *OUTCOMES, *measured)):
        numbers = pd.to_numeric(frame[name], errors="coerce")
        wrong = numbers.isna() & frame[name].notna()
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise StudyError(
                f"column {name} of {path} holds text on line {row + 2} ({str(frame[name][row])[:40]!r}): put a number "
                "or nothing there."
            )
        # Infinite where a definition diverges, as of a pair of means that coincide: no analysis can use that.
        frame[name] = numbers.where(np.isfinite(numbers)) if name in measured else numbers
    for name in _NEEDED:
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
        for name in frame:
            if not is_numeric_dtype(frame[name]):
                frame[name] = pd.Series([from_cell(each) for each in frame[name]], frame.index, frame[name].dtype)
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
        wanted: Names of metrics and of presets (``core``, ``paper``, ``full``); None for all that the table has. Of a
            preset, what the table has is meant.

    Returns:
        Column names, in the order of the table or of ``wanted``, each once.

    Raises:
        StudyError: If there is none, or a wanted one is missing or is no measurement.
    """
    present = [str(name) for name in frame.columns if name in METRICS or _elsewhere(str(name))]
    if wanted is None:
        if not any(name in METRICS for name in present):
            raise StudyError("the results hold no metric: add columns under the names of nc_hf.METRICS.")
        return [name for name in present if name in METRICS]
    known = [str(name) for name in frame.columns if is_measured(str(name)) and not str(name).endswith(STDERR)]
    missing = [name for name in wanted if name not in PRESETS and name not in known]
    if missing:
        near = did_you_mean(missing[0], (*known, *PRESETS))
        raise StudyError(
            f"the results have no column {', '.join(missing)}{near}: choose from {', '.join(present)}, or a preset: "
            f"{', '.join(PRESETS)}."
        )
    chosen = with_presets(wanted, known)
    if not chosen:
        raise StudyError(f"the results have no metric of {', '.join(wanted)}: choose from {', '.join(present)}.")
    return chosen


def with_presets(wanted: Sequence[str], present: Collection[str]) -> list[str]:
    """Put in the place of each preset those of its metrics that are present; every name stands once.

    >>> with_presets(("nc2_norm_cov", "core"), {"nc2_cos_std", "nc4_agreement"})
    ['nc2_norm_cov', 'nc2_cos_std', 'nc4_agreement']
    """
    each = [[one for one in PRESETS[name] if one in present] if name in PRESETS else [name] for name in wanted]
    return list(dict.fromkeys(one for names in each for one in names))


def default_metrics(frame: pd.DataFrame) -> list[str]:
    """List the metrics of the preset ``core`` that a table has, or all of its metrics where it has none of these."""
    return [name for name in PRESETS["core"] if name in frame] or metric_columns(frame)


def _elsewhere(name: str) -> bool:
    """Tell whether a column is a metric on the second text."""
    return name.startswith(OTHER_TEXT) and name.removeprefix(OTHER_TEXT) in METRICS


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out models at initialisation, which would stretch every correlation with the loss."""
    return frame[frame["trained_epochs"] > 0]
