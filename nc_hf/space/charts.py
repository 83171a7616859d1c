"""Tables of numbers for the plots that one can hover."""

from __future__ import annotations

import math

import pandas as pd

from nc_hf.report import Report

STRATA = ["tokens, from", "tokens", "classes", "scatter", "agreement"]
TOKENS = ["token", "count", "log10 of count", "scatter", "norm", "duality"]


def strata_frame(report: Report) -> pd.DataFrame:
    """Return one row a bin of class frequency, rarest first, with its scatter (NC1) and agreement (NC4)."""
    rows = [
        (
            f"{stratum.low:,}",
            f"{stratum.low:,} to {stratum.high:,}",
            stratum.classes,
            stratum.metrics.get("nc1_trace_ratio", math.nan),
            stratum.metrics.get("nc4_agreement", math.nan),
        )
        for stratum in report.strata
        if stratum.used
    ]
    return pd.DataFrame(rows, columns=STRATA)


def token_frame(report: Report) -> pd.DataFrame:
    """Return one row a class of the report's table, commonest first."""
    if report.token_table is None:
        return pd.DataFrame(columns=TOKENS)
    columns = report.token_table.columns
    frame = pd.DataFrame(
        {
            "token": columns.texts,
            "count": columns.counts,
            "log10 of count": [round(math.log10(count), 4) for count in columns.counts],
            "scatter": columns.variability,
            "norm": columns.norm,
            "duality": columns.duality,
        }
    )
    return frame[TOKENS]
