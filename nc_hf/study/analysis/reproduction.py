"""What was published, computed again from the published files: Table 1, and the claims that may be built on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from nc_hf.study.analysis.columns import CENTRED_KERNEL
from nc_hf.study.analysis.correlation import correlations
from nc_hf.study.analysis.published import TABLE_1
from nc_hf.study.analysis.seeds import DRAWS, seed_cell, seed_spread, seed_test
from nc_hf.study.analysis.trends import trends

LOSS_PANEL = (
    "nc1_cdnv_paper",
    "nc4_agreement",
    "nc2_cos_std",
    "nc2_log_norm_cov_paper",
    CENTRED_KERNEL,
    "gnc2_log_cov_paper",
    "unc3_cos_cov_paper",
    "nc2_cos_cov_paper",
    "nc3_cos_mean",
    "nc2_norm_cov",
)
"""What is correlated with validation loss over all models."""

_SWEPT = ("width", "depth", "trained_epochs")


class Claim(NamedTuple):
    """A sentence about the published models, what was found, and whether that bears the sentence out."""

    statement: str
    found: str
    holds: bool


@dataclass(frozen=True)
class Reproduction:
    """The published results, computed again.

    Attributes:
        table_1: The seven properties among the 21 seeds: R^2, permutation p, Holm and Benjamini-Hochberg.
        centred_kernel: The same for GNC2 over centred class means, alone.
        all_models: R^2 with validation loss over all models, linear and on the log of the metric.
        trends: Every metric along every axis, the others fixed.
        spread: Mean, standard deviation and coefficient of variation of each quantity among the seeds.
        claims: What may be said of these models: ``statement``, what was ``found``, and whether it ``holds``.
    """

    table_1: pd.DataFrame
    centred_kernel: pd.DataFrame
    all_models: pd.DataFrame
    trends: pd.DataFrame
    spread: pd.DataFrame
    claims: pd.DataFrame


def reproduce(published: pd.DataFrame, *, permutations: int = DRAWS, seed: int = 0) -> Reproduction:
    """Compute Table 1 and the claims again.

    Args:
        published: What ``load_published`` returned.
        permutations: Draws of the permutation tests (21! pairings cannot be enumerated).
        seed: Seed of the draws.

    Returns:
        Tables and claims.
    """
    seeds = seed_cell(published)
    table_1 = seed_test(seeds, TABLE_1, permutations=permutations, seed=seed)
    centred = seed_test(seeds, [CENTRED_KERNEL], permutations=permutations, seed=seed)
    moves = trends(published)
    return Reproduction(
        table_1=table_1,
        centred_kernel=centred,
        all_models=correlations(published, LOSS_PANEL),
        trends=moves,
        spread=seed_spread(seeds),
        claims=pd.DataFrame(
            [
                one_way(moves, "nc1_cdnv_paper", "falling", "CDNV falls with width, depth and training in every group"),
                one_way(moves, "nc4_agreement", "rising", "NC4 rises with width, depth and training in every group"),
                by_axis(
                    moves,
                    "unc3_cos_cov_paper",
                    {"width": "falling", "trained_epochs": "falling", "depth": None},
                    "UNC3 falls with width and training in every group, and is mixed along depth",
                ),
                by_axis(
                    moves,
                    "nc3_cos_mean",
                    {"width": None, "depth": None, "trained_epochs": None},
                    "NC3 goes both ways along width, along depth and along training",
                ),
                decay_is_scale(moves),
                holm_survivors(table_1),
                centring_matters(table_1, centred),
            ]
        ),
    )


def one_way(moves: pd.DataFrame, metric: str, direction: str, statement: str) -> Claim:
    """Check that a metric moves one way in every group of every swept axis, by rank sign."""
    rows = moves[(moves["metric"] == metric) & moves["axis"].isin(_SWEPT)]
    found = ", ".join(f"{row.axis} {round(row[direction] * row.groups)} of {row.groups}" for _, row in rows.iterrows())
    return Claim(statement, found, bool((rows[direction] == 1).all()))


def by_axis(moves: pd.DataFrame, metric: str, ways: Mapping[str, str | None], statement: str) -> Claim:
    """Check axis by axis that a metric moves one way in every group, or for None rises in some and falls in others."""
    rows = moves[moves["metric"] == metric].set_index("axis")
    found, holds = [], []
    for axis, way in ways.items():
        share = {side: float(rows[side][axis]) for side in ("rising", "falling")}
        groups = int(rows["groups"][axis])
        rise, fall = (round(each * groups) for each in share.values())
        found.append(f"{axis} {rise} rise and {fall} fall of {groups}")
        holds.append(share[way] == 1 if way else min(rise, fall) > 0)
    return Claim(statement, ", ".join(found), all(holds))


def decay_is_scale(moves: pd.DataFrame) -> Claim:
    """Check that weight decay moves CDNV by shrinking the features, not by collapsing them."""
    ratio = moves[moves["axis"] == "weight_decay"].set_index("metric")["median_ratio"]
    plain, free = ratio["nc1_cdnv_paper"], ratio["nc1_cdnv_scale_free"]
    return Claim(
        "Weight decay 0.1 lowers CDNV, but not its scale-free form",
        f"x {plain:.3f} and x {free:.3f}",
        bool(plain < 0.9 and abs(free - 1) < 0.02),
    )


def holm_survivors(table_1: pd.DataFrame) -> Claim:
    """Check which properties still go with the loss when all seven tests are counted."""
    left = table_1.index[table_1["p_holm"] < 0.05]
    return Claim(
        "Under Holm over the seven, only NC4, GNC2 and NC3 stay below .05",
        ", ".join(left),
        set(left) == {"nc4_agreement", "gnc2_log_cov_paper", "nc3_cos_mean"},
    )


def centring_matters(table_1: pd.DataFrame, centred: pd.DataFrame) -> Claim:
    """Check how much of GNC2's tie to the loss rests on class means that were left uncentred."""
    before, after = table_1.loc["gnc2_log_cov_paper"], centred.loc[CENTRED_KERNEL]
    return Claim(
        "With centred class means GNC2 goes with the loss half as closely",
        f"R2 {before['r2']:.3f} (p {before['p']:.4f}) to {after['r2']:.3f} (p {after['p']:.3f})",
        bool(after["r2"] < 0.6 * before["r2"]),
    )
