"""What each column of a results table is: a setting, a size, or something that was measured.

A setting is whatever is none of the others: a column that nobody foresaw is one too, so that no difference between rows
goes unseen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nc_hf.metrics.table import METRICS
from nc_hf.study.table import CALIBRATION, HALVES, OTHER_TEXT, OUTCOMES, SIZES, STATE, STDERR

CENTRED_KERNEL = "gnc2_log_cov_centred"
"""The CoV of the centred log kernel: no metric of nc_hf, but Table 1's GNC2 once class means are centred."""

_MEASURED = frozenset((*OUTCOMES, *CALIBRATION, CENTRED_KERNEL, *METRICS))

REPEATS = ("seed", "data_seed")
"""What tells repetitions apart: of the initialisation, and of the order of the data."""

ARCHITECTURE = ("family", "width", "depth", "heads", "tied", "head")
"""The settings that make a model's shape."""


def is_measured(name: str) -> bool:
    """Tell whether a column holds what was measured: a metric, an outcome, a part of one, or the error of one.

    >>> [is_measured(name) for name in ("nc4_agreement_half_1", "ood_loss", "val_loss_stderr", "learning_rate")]
    [True, True, True, False]
    """
    bare = name.removesuffix(STDERR)
    for half in HALVES:
        bare = bare.removesuffix(half)
    return bare in _MEASURED or bare.startswith(OTHER_TEXT)


def settings_of(frame: pd.DataFrame) -> list[str]:
    """List the columns that are settings, the state of training left out, in the order of the table."""
    return [name for name in frame.columns if not (name in SIZES or name in STATE or is_measured(str(name)))]


def labels(values: pd.Series[float]) -> NDArray[np.object_]:
    """Name each row's level of a setting the same way however a CSV wrote it; a missing value is a level of its own.

    >>> labels(pd.Series(["5e-05", "0.00005", "all", None], dtype=object)).tolist()
    ['5e-05', '5e-05', 'all', '']
    """
    return np.array([_label(value) for value in values.tolist()], dtype=object)


def _label(value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]  # one value, whatever its type
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    try:
        return f"{float(str(value)):.12g}"
    except ValueError:
        return str(value)


def codes(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.int64]:
    """Number the combinations of levels of some columns; all rows are 0 where there is no column."""
    if not names:
        return np.zeros(len(frame), dtype=np.int64)
    levels = pd.DataFrame({name: labels(frame[name]) for name in names})
    return np.asarray(levels.groupby(list(names), sort=False).ngroup(), dtype=np.int64)


def decides(frame: pd.DataFrame, some: Sequence[str], others: Sequence[str]) -> bool:
    """Tell whether the levels of some columns determine those of others in every row."""
    return int(pd.Series(codes(frame, others)).groupby(codes(frame, some)).nunique().max()) == 1


def level_names(values: pd.Series[float]) -> list[str]:
    """List the levels of a setting, numbers in their order before words, ``-`` for a missing value."""
    found = sorted(set(labels(values)), key=lambda label: (_number(label) is None, _number(label) or 0.0, label))
    return [label or "-" for label in found]


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def numbers_of(values: pd.Series[float]) -> NDArray[np.float64] | None:
    """Return a setting as numbers, or None where a row has a word or nothing; true and false are words."""
    if values.dtype == bool:
        return None
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    return numbers if np.isfinite(numbers).all() else None


def errors_of(frame: pd.DataFrame, name: str) -> NDArray[np.float64] | None:
    """Return the standard errors of a column, or None where the table has none for some row that has a value."""
    column = f"{name}{STDERR}"
    if column not in frame:
        return None
    errors = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64)
    known = np.isfinite(frame[name].to_numpy(np.float64))
    return errors if np.isfinite(errors[known]).all() else None
