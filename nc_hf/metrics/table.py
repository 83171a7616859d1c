"""Every metric as data: the one place where it is registered, and from which everything else about it derives.

Nothing here is computed and nothing heavy is imported, so that a report can be read where there is no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from nc_hf.metrics import random_directions as chance
from nc_hf.metrics.families import FAMILIES as FAMILIES
from nc_hf.metrics.families import Family as Family

Direction = Literal["down", "up", "none"]
Need = Literal["head", "agreement", "covariance", "categories", "second"]
Pairs = Literal[
    "cdnv", "cdnv_median", "cdnv_quantiles", "cdnv_paper", "directions", "directions_riesz", "directions_paper"
]
Change = Literal["rotation", "order", "scale", "shift", "head_shift", "duplication"]
CHANGES: tuple[Change, ...] = get_args(Change)
"""What may be done to a model or a text: features and head turned together; tokens in another order; features
multiplied; one vector added to all features; one vector added to all rows of the head; every token twice. Where there
is a second corpus, the same is done to it."""
MIN_COUNT = 10
"""Tokens that a class needs to count, unless another number is asked for: with fewer, its mean is mostly noise."""


@dataclass(frozen=True)
class Metric:
    """One number of the contract: what it is called, means, and is computed from.

    Attributes:
        name: stable identifier in reports, logs and on the command line.
        family: the property it measures, a key of ``FAMILIES``.
        title: a few words for tables and axes.
        direction: which way is more collapsed.
        formula: the definition, in the notation of the documentation.
        source: where the definition comes from.
        function: ``module.function`` of ``nc_hf.metrics`` that computes it.
        needs: inputs beyond the statistics.
        pairs: the sweep over pairs that it reads, if any.
        by_drawing: whether pairs that are drawn evenly estimate it, as they do a mean over pairs; a maximum, a number
            of pairs, and a mean that a few pairs make, they do not.
        changed_by: what changes its value though it changes nothing of the collapse.
        share_of: of a share of sampled tokens, which count of ``AgreementCounts`` it is a share of.
        qualifies: the values beside which it stands in every report, since it says how far they can be trusted, or why
            one is infinite or undefined.
        debiased: whether measurements take the bias of few tokens out of it, by groups of text: it falls as 1/n.
        smooth: whether it moves smoothly with the text, so that leaving out a group shows its bias and small
            differences of it; medians and maxima do not, and a median's bias is seen in halves.
        signed: whether it can be negative: a logarithm, a cosine, or a quotient by a mean of either.
        at_random: what it is of random directions, where that follows from their dimension alone.
    """

    name: str
    family: str
    title: str
    direction: Direction
    formula: str
    source: str
    function: str
    needs: tuple[Need, ...] = ()
    pairs: Pairs | None = None
    by_drawing: bool = False
    changed_by: tuple[Change, ...] = ()
    share_of: Literal["tokens", "linear_correct"] | None = None
    qualifies: tuple[str, ...] = ()
    signed: bool = False
    debiased: bool = False
    smooth: bool = True
    at_random: chance.AtRandom | None = None

    @property
    def diagnostic(self) -> bool:
        """Whether it qualifies other values rather than being one."""
        return bool(self.qualifies)

    @property
    def needs_every_pair(self) -> bool:
        """Whether nothing is known of it before every pair has been looked at."""
        return self.pairs is not None and not self.by_drawing

    @property
    def presets(self) -> tuple[str, ...]:
        """The presets that have it, but ``full``, which has all."""
        return tuple(preset for preset, names in PRESETS.items() if preset != "full" and self.name in names)

    @property
    def invariances(self) -> tuple[Change, ...]:
        """What leaves its value as it is."""
        return tuple(change for change in CHANGES if change not in self.changed_by)


_LC = "Linguistic Collapse, arXiv 2405.17767"
_LC1 = f"{_LC}, Table 1"

_ALL = (
    Metric("nc0_row_sum", "NC0", "head row balance", "down", "|W^T 1|^2 / (K ||W||_F^2)", "arXiv 2602.16642",
           "duality.row_sum", needs=("head",), changed_by=("head_shift",)),
    Metric("nc1_cdnv", "NC1", "CDNV", "down",
           "mean over pairs of (s2_c + s2_c') / (2 d2), d2 = |mu_c - mu_c'|^2 - s2_c/n_c - s2_c'/n_c'",
           "Galanti, arXiv 2112.15121, with bias correction", "variability.cdnv", pairs="cdnv", by_drawing=True,
           changed_by=("duplication",)),
    Metric("nc1_cdnv_log_mean", "NC1", "CDNV, mean of log", "down", "mean over pairs of log CDNV, +inf with d2 <= 0",
           "Galanti, arXiv 2112.15121", "variability.cdnv_log_mean", pairs="cdnv_quantiles", by_drawing=True,
           changed_by=("duplication",), signed=True),
    Metric("nc1_cdnv_median", "NC1", "CDNV, median", "down", "median over pairs of CDNV, those with d2 <= 0 above all",
           "Galanti, arXiv 2112.15121", "variability.cdnv_median", pairs="cdnv_median", by_drawing=True,
           changed_by=("duplication",),
           debiased=True, smooth=False),
    Metric("nc1_cdnv_excluded_share", "NC1", "CDNV, pairs not told apart", "none", "share of pairs with d2 <= 0",
           "nc_hf", "variability.cdnv_excluded_share", pairs="cdnv_median", by_drawing=True,
           changed_by=("duplication",),
           qualifies=("nc1_cdnv", "nc1_cdnv_log_mean", "nc1_cdnv_median")),
    Metric("nc1_cdnv_top_share", "NC1", "CDNV, share of ten pairs", "none",
           "share of the sum over pairs of CDNV that the ten largest make", "nc_hf", "variability.cdnv_top_share",
           pairs="cdnv", changed_by=("duplication",), qualifies=("nc1_cdnv",)),
    Metric("nc1_cdnv_paper", "NC1", "CDNV as published", "down",
           "mean over pairs of (var_c + var_c') / (2 |mu_c - mu_c'|^4)", _LC1, "variability.cdnv_paper",
           pairs="cdnv_paper", by_drawing=True, changed_by=("scale",)),
    Metric("nc1_cdnv_scale_free", "NC1", "CDNV as published, scale-free", "down", "nc1_cdnv_paper x mean_c |m_c|^2",
           "nc_hf", "variability.cdnv_scale_free", pairs="cdnv_paper", by_drawing=True),
    Metric("nc1_coincident_pairs_paper", "NC1", "coincident means, as published", "none",
           "number of pairs with mu_c = mu_c'", "nc_hf", "variability.coincident_pairs_paper", pairs="cdnv_paper",
           qualifies=("nc1_cdnv_paper", "nc1_cdnv_scale_free")),
    Metric("nc1_trace_ratio", "NC1", "within/between trace ratio", "down",
           "mean_c s2_c / (mean_c |m_c|^2 - (1 - 1/K) mean_c s2_c/n_c)", "Tirer 2023, bias-corrected",
           "variability.trace_ratio", changed_by=("duplication",), debiased=True),
    Metric("nc1_trace_ratio_token_weighted", "NC1", "within/between trace ratio of tokens", "down",
           "sum_c n_c s2_c / (sum_c n_c |mu_c - g|^2 - sum_c (1 - n_c/N) s2_c)",
           "Papyan 2020, Tr(Sigma_W) / Tr(Sigma_B), bias-corrected", "variability.trace_ratio_token_weighted",
           changed_by=("duplication",)),
    Metric("nc1_pinv", "NC1", "Tr(S_W S_B^+)/K", "down", "Tr(Sigma_W Sigma_B^+) / K", "Papyan 2020", "variability.pinv",
           needs=("covariance",)),
    Metric("nc1_context_share", "NC1", "variance within classes", "down", "share of token variance within classes",
           "after arXiv 2607.09487", "variability.context_share"),
    Metric("nc1_identity_share", "NC1", "variance between classes", "up",
           "share of token variance between classes; given categories, between classes of one category",
           "after arXiv 2607.09487", "variability.identity_share"),
    Metric("nc1_category_share", "NC1", "variance between categories", "up",
           "share of token variance between categories", "after arXiv 2607.09487", "variability.category_share",
           needs=("categories",)),
    Metric("nc2_norm_cov", "NC2", "norm spread", "down", "CoV of |m_c|", "Papyan 2020", "geometry.norm_cov"),
    Metric("nc2_log_norm_std", "NC2", "log-norm spread", "down", "std of log|m_c|", "nc_hf", "geometry.log_norm_std",
           debiased=True),
    Metric("nc2_log_norm_cov_paper", "NC2", "equinormness as published", "down", "CoV of log|m_c|", _LC1,
           "geometry.log_norm_cov_paper", changed_by=("scale",), signed=True),
    Metric("nc2_undirected_classes", "NC2", "means at the centre", "none", "number of classes with m_c = 0", "nc_hf",
           "geometry.undirected_classes",
           qualifies=("nc2_log_norm_std", "nc2_cos_std", "nc2_cos_mean", "nc2_max_cos", "nc2_max_cos_gap",
                      "gnc2_log_mean", "gnc2_log_std", "gnc2_log_std_ratio", "gnc2_riesz_mean")),
    Metric("nc2_undirected_classes_paper", "NC2", "means at the centre, as published", "none",
           "number of classes with m_c = 0", "nc_hf", "geometry.undirected_classes_paper",
           qualifies=("nc2_log_norm_cov_paper", "nc2_cos_cov_paper")),
    Metric("nc2_cos_std", "NC2", "cosine spread", "down", "std over pairs of cos(m_c, m_c')", "Papyan 2020",
           "geometry.cos_std", debiased=True, at_random=chance.ONE_OVER_ROOT),
    Metric("nc2_cos_cov_paper", "NC2", "equiangularity as published", "none", "std / mean over pairs of cos(m_c, m_c')",
           _LC1, "geometry.cos_cov_paper", signed=True),
    Metric("nc2_cos_mean", "NC2", "mean cosine", "none", "mean over pairs of cos(m_c, m_c')", "Papyan 2020",
           "geometry.cos_mean", signed=True, at_random=chance.ZERO),
    Metric("nc2_etf_error", "NC2", "distance to an ETF", "down", "|| G/||G|| - E/||E|| ||_F",
           "Kothapalli, arXiv 2206.04041", "geometry.etf_error"),
    Metric("nc2_participation_ratio", "NC2", "effective rank of means", "up",
           "(tr S)^2 / ||S||_F^2, S the covariance of class means", "participation ratio",
           "geometry.participation_ratio"),
    Metric("nc2_participation_ratio_per_dim", "NC2", "effective rank / D", "up", "nc2_participation_ratio / D",
           "participation ratio", "geometry.participation_ratio_per_dim"),
    Metric("nc2_max_cos", "NC2", "largest cosine", "down", "max over pairs of cos(m_c, m_c')", "coherence of a frame",
           "geometry.max_cos", pairs="directions", signed=True, smooth=False),
    Metric("nc2_max_cos_gap", "NC2", "largest cosine over the bound", "down",
           "nc2_max_cos - sqrt((K-D)/(D(K-1))), or + 1/(K-1) up to K = D+1", "Welch 1974", "geometry.max_cos_gap",
           pairs="directions", signed=True, smooth=False),
    Metric("gnc2_log_mean", "GNC2", "log kernel, mean", "down", "mean over pairs of log(1/|u_c - u_c'|)",
           "Liu, arXiv 2303.06484", "uniformity.log_mean", pairs="directions", by_drawing=True,
           signed=True, at_random=chance.LOG_MEAN),
    Metric("gnc2_log_std", "GNC2", "log kernel, spread", "down", "std over pairs of log(1/|u_c - u_c'|)",
           "Liu, arXiv 2303.06484", "uniformity.log_std", pairs="directions", by_drawing=True,
           debiased=True, at_random=chance.LOG_STD),
    Metric("gnc2_log_std_ratio", "GNC2", "log kernel spread / uniform", "down",
           "gnc2_log_std / that of the uniform law on the sphere", "nc_hf", "uniformity.log_std_ratio",
           pairs="directions", by_drawing=True, debiased=True, at_random=chance.LOG_STD_RATIO),
    Metric("gnc2_log_cov_paper", "GNC2", "hyperspherical uniformity as published", "none",
           "CoV over pairs of log(1/|v_c - v_c'|), v_c = mu_c/|mu_c|", _LC1, "uniformity.log_cov_paper",
           pairs="directions_paper", by_drawing=True, changed_by=("shift",), signed=True, at_random=chance.LOG_COV),
    Metric("gnc2_riesz_mean", "GNC2", "Riesz kernel, log of mean", "down",
           "log of mean over pairs of |u_c - u_c'|^-(D-2)", "Liu, arXiv 2303.06484", "uniformity.riesz_mean",
           pairs="directions_riesz", signed=True),
    Metric("gnc2_coincident_pairs", "GNC2", "coincident directions", "none", "number of pairs with u_c = u_c'", "nc_hf",
           "uniformity.coincident_pairs", pairs="directions",
           qualifies=("gnc2_log_mean", "gnc2_log_std", "gnc2_log_std_ratio", "gnc2_riesz_mean", "nc2_max_cos")),
    Metric("gnc2_coincident_pairs_paper", "GNC2", "coincident directions, as published", "none",
           "number of pairs with v_c = v_c'", "nc_hf", "uniformity.coincident_pairs_paper", pairs="directions_paper",
           changed_by=("shift",), qualifies=("gnc2_log_cov_paper",)),
    Metric("gnc2_undirected_classes_paper", "GNC2", "means of zero, as published", "none",
           "number of classes with mu_c = 0", "nc_hf", "uniformity.undirected_classes_paper", pairs="directions_paper",
           changed_by=("shift",), qualifies=("gnc2_log_cov_paper",)),
    Metric("nc3_cos_mean", "NC3", "self-duality", "up", "mean_c cos(w_c, m_c)", _LC1, "duality.cosine_mean",
           needs=("head",), changed_by=("head_shift",), signed=True, at_random=chance.ZERO),
    Metric("nc3_cos_mean_centred", "NC3", "self-duality, centred", "up", "mean_c cos(w~_c, m_c), w~_c = w_c - mean row",
           "nc_hf", "duality.cosine_mean_centred", needs=("head",), signed=True, debiased=True, at_random=chance.ZERO),
    Metric("nc3_cos_mean_centred_token_weighted", "NC3", "self-duality of tokens, centred", "up",
           "sum_c n_c cos(w~_c, m_c) / sum_c n_c", "nc_hf", "duality.cosine_mean_token_weighted", needs=("head",),
           signed=True, at_random=chance.ZERO),
    Metric("nc3_undirected_classes", "NC3", "rows or means of zero", "none",
           "number of classes with w_c = 0 or m_c = 0", "nc_hf", "duality.undirected_classes", needs=("head",),
           changed_by=("head_shift",), qualifies=("nc3_cos_mean", "unc3_cos_std")),
    Metric("nc3_undirected_classes_centred", "NC3", "rows or means at the centre", "none",
           "number of classes with w~_c = 0 or m_c = 0", "nc_hf", "duality.undirected_classes_centred", needs=("head",),
           qualifies=("nc3_cos_mean_centred", "nc3_cos_mean_centred_token_weighted", "unc3_cos_std_centred")),
    Metric("nc3_undirected_classes_paper", "NC3", "rows or means of zero, as published", "none",
           "number of classes with w_c = 0 or m_c = 0", "nc_hf", "duality.undirected_classes_paper", needs=("head",),
           changed_by=("head_shift",), qualifies=("unc3_cos_cov_paper",)),
    Metric("nc3_dual_error", "NC3", "distance to a self-dual ETF", "down", "|| WM^T/||WM^T|| - E/||E|| ||_F",
           "Kothapalli, arXiv 2206.04041", "duality.dual_error", needs=("head",), changed_by=("head_shift",),
           at_random=chance.DUAL_ERROR),
    Metric("unc3_cos_cov_paper", "UNC3", "uniform duality as published", "down", "CoV over c of cos(w_c, m_c)", _LC1,
           "duality.cosine_cov_paper", needs=("head",), changed_by=("head_shift",), signed=True),
    Metric("unc3_cos_std", "UNC3", "uniform duality", "down", "std over c of cos(w_c, m_c)", _LC, "duality.cosine_std",
           needs=("head",), changed_by=("head_shift",), at_random=chance.ONE_OVER_ROOT),
    Metric("unc3_cos_std_centred", "UNC3", "uniform duality, centred", "down", "std over c of cos(w~_c, m_c)", "nc_hf",
           "duality.cosine_std_centred", needs=("head",), debiased=True, at_random=chance.ONE_OVER_ROOT),
    Metric("nc4_agreement", "NC4", "agreement with nearest centre", "up",
           "share of tokens with argmax_c logit_c = argmin_c |h - mu_c|", _LC1, "agreement.agreement",
           needs=("agreement",), changed_by=("duplication",), share_of="tokens"),
    Metric("nc4_ncc_accuracy", "NC4", "nearest-centre accuracy", "up", "share of tokens with y = argmin_c |h - mu_c|",
           _LC, "agreement.ncc_accuracy", needs=("agreement",), changed_by=("duplication",), share_of="tokens"),
    Metric("nc4_linear_accuracy", "NC4", "model accuracy", "up", "share of tokens with y = argmax_c logit_c", _LC,
           "agreement.linear_accuracy", needs=("agreement",), share_of="tokens"),
    Metric("nc4_agreement_when_correct", "NC4", "agreement where the model is right", "up",
           "agreement among tokens with y = argmax_c logit_c", "nc_hf", "agreement.agreement_when_correct",
           needs=("agreement",), changed_by=("duplication",), share_of="linear_correct"),
    Metric("nc4_nearest_ties", "NC4", "ties of nearest centres", "none",
           "share of tokens with two equally near centres", "nc_hf", "agreement.nearest_ties", needs=("agreement",),
           changed_by=("duplication",), share_of="tokens",
           qualifies=("nc4_agreement", "nc4_ncc_accuracy", "nc4_agreement_when_correct")),
    Metric("nc4_linear_ties", "NC4", "ties of logits", "none", "share of tokens whose largest logit is attained twice",
           "nc_hf", "agreement.linear_ties", needs=("agreement",), share_of="tokens",
           qualifies=("nc4_agreement", "nc4_linear_accuracy", "nc4_agreement_when_correct")),
    Metric("nc5_ood_orthogonality", "NC5", "class means along other text", "down", "mean_c |cos(mu_c, g_ood)|",
           "NECO, arXiv 2310.06823", "orthogonality.cosine", needs=("second",), changed_by=("shift",),
           at_random=chance.MEAN_ABS_COSINE),
    Metric("nc5_ood_orthogonality_centred", "NC5", "class means along other text, centred", "down",
           "mean_c |cos(mu_c - g, g_ood - g)|", "after NECO, arXiv 2310.06823", "orthogonality.cosine_centred",
           needs=("second",), at_random=chance.MEAN_ABS_COSINE),
    Metric("nc5_undirected_classes", "NC5", "means of zero, or other text's", "none",
           "number of classes with mu_c = 0 or g_ood = 0", "nc_hf", "orthogonality.undirected_classes",
           needs=("second",), changed_by=("shift",), qualifies=("nc5_ood_orthogonality",)),
    Metric("nc5_undirected_classes_centred", "NC5", "means at that of the text, or other text's", "none",
           "number of classes with mu_c = g or g_ood = g", "nc_hf", "orthogonality.undirected_classes_centred",
           needs=("second",), qualifies=("nc5_ood_orthogonality_centred",)),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}

PRESETS: dict[str, tuple[str, ...]] = {
    "core": (
        "nc1_cdnv_median", "nc1_trace_ratio", "nc2_cos_std", "nc2_log_norm_std", "gnc2_log_std_ratio",
        "nc3_cos_mean_centred", "unc3_cos_std_centred", "nc4_agreement",
    ),
    "paper": (
        "nc1_cdnv_paper", "nc2_log_norm_cov_paper", "nc2_cos_cov_paper", "gnc2_log_cov_paper", "nc3_cos_mean",
        "unc3_cos_cov_paper", "nc4_agreement",
    ),
    "full": tuple(METRICS),
}  # fmt: skip

DIAGNOSTICS = tuple(metric.name for metric in _ALL if metric.diagnostic)


def diagnostics_of(names: Collection[str]) -> tuple[str, ...]:
    """Return what qualifies any of these values and is not among them.

    >>> diagnostics_of(("nc1_cdnv", "nc2_norm_cov", "nc1_cdnv_top_share"))
    ('nc1_cdnv_excluded_share',)
    """
    return tuple(
        name for name in DIAGNOSTICS if name not in names and not set(names).isdisjoint(METRICS[name].qualifies)
    )


def needs_of(names: Iterable[str]) -> frozenset[Need]:
    """Return the inputs beyond the statistics that any of these metrics asks for.

    >>> sorted(needs_of(("nc1_pinv", "nc4_agreement", "nc2_cos_std")))
    ['agreement', 'covariance']
    """
    return frozenset(need for name in names for need in METRICS[name].needs)
