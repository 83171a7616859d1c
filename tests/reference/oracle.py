"""Every metric as its definition reads: exact integers, all pairs written out, nothing of nc_hf.

Slow on purpose. A float is an integer over a power of two, so sums, means, differences and products of the given
numbers are taken exactly (``exact.py``), and rounding begins where a definition divides, takes a root or a logarithm:
two means coincide if they do, a class is at the centre if it is, and near ones keep all digits. The ETF is a matrix,
the leave-one-out centre is made by taking the token out, and no identity or closed form stands in for a definition; so
what this file and nc_hf agree on, they agree on independently.

``features`` is (N, D), ``labels`` (N,) with negative labels skipped, ``weight`` (V, D) indexed by class id.

No pair or class is dropped because its value is not finite. What is left out is what METRICS.md leaves out: from the
mean CDNV the pairs with d2 <= 0, which are infinite in its median and its logarithm, and from cosines what has no
direction. Then values are those of arithmetic with infinities: x/0 is infinite, 0/0 is NaN, and so is a spread around
infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy.special import logsumexp, polygamma, psi

from tests.reference.exact import Exact, exactly, floats, pseudo_inverse_trace, roots


@dataclass(frozen=True)
class Classes:
    """The classes that are used, in order of id, straight from their tokens."""

    ids: np.ndarray  # (K,)
    n: np.ndarray  # (K,)
    mu: Exact  # (K, D)
    M2: np.ndarray  # (K,) Fractions: sum over the class's tokens of |h - mu_c|^2
    K: int
    D: int

    @property
    def var(self):
        return floats(self.M2 / self.n.astype(object))

    @property
    def s2(self):
        return floats(self.M2 / (self.n - 1).astype(object))

    @cached_property
    def m(self):
        """Means centred by the type mean, the unweighted mean over the classes used."""
        return self.mu.about_their_mean()


def tokens_by_class(features, labels):
    """The features (n_c, D) of every class seen, in order of class id."""
    return {c: features[labels == c] for c in sorted(set(labels.tolist())) if c >= 0}


def classes_with(features, labels, min_count):
    tokens = {c: rows for c, rows in tokens_by_class(features, labels).items() if len(rows) >= min_count}
    if not tokens:
        return None
    whole = exactly(np.concatenate(list(tokens.values())))  # in order of class
    ends = np.cumsum([len(rows) for rows in tokens.values()])
    groups = np.split(whole.rows, ends[:-1])
    mu = Exact.of_fractions([[Fraction(s, len(rows)) for s in rows.sum(axis=0)] for rows in groups], whole.denominator)
    M2 = [
        Fraction(len(rows) * (rows**2).sum() - (rows.sum(axis=0) ** 2).sum(), len(rows) * whole.denominator**2)
        for rows in groups
    ]
    n = np.array([len(rows) for rows in groups])
    return Classes(np.array(list(tokens)), n, mu, np.array(M2, dtype=object), len(n), features.shape[1])


def oracle_metrics(features, labels, weight=None, *, min_count=None, classes=None, categories=None, second=None):
    """Every metric of NC1, NC2, GNC2, with ``weight`` of NC3, UNC3 and NC0, and with ``second`` of NC5, by name.

    The classes are those with ``min_count`` tokens, or of the ids ``classes`` those with two. ``second`` (M, D) are the
    features of another text.
    """
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if classes is None:
        used = classes_with(features, labels, min_count)
    else:
        listed, min_count = np.isin(labels, list(classes)), 2
        used = classes_with(features[listed], labels[listed], min_count)
    spread = used if (used.n > 1).all() else classes_with(features, labels, max(min_count, 2))  # s2_c needs two tokens
    every = used if min_count == 1 else classes_with(features, labels, 1)  # the _paper names
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            **(cdnv(spread) | trace_ratios(spread) if spread and spread.K > 1 else {}),
            **cdnv_paper(every),
            "nc1_pinv": pinv_ratio(features, labels, used),
            **variance_shares(features, labels, used, categories),
            **norms(used),
            "nc2_log_norm_cov_paper": cov(np.log(every.m.lengths())),
            "nc2_undirected_classes_paper": np.sum(every.m.lengths() == 0),
            **cosines(used),
            "nc2_cos_cov_paper": cov(pair_cosines(every.m)),
            **simplex(used),
            **kernels(used),
            "gnc2_log_cov_paper": cov(log_kernel(every.mu)),
            "gnc2_coincident_pairs_paper": np.sum(log_kernel(every.mu) == np.inf),
            "gnc2_undirected_classes_paper": np.sum(every.mu.lengths() == 0),
        }
        if weight is not None:
            weight = np.asarray(weight, dtype=np.float64)
            values |= duality(used, exactly(weight[used.ids]))
            cosines_of_every = row_cosines(exactly(weight[every.ids]), every.m)
            values["unc3_cos_cov_paper"] = cov(defined(cosines_of_every))
            values["nc3_undirected_classes_paper"] = np.isnan(cosines_of_every).sum()
        if second is not None:
            values |= orthogonality(used, features[labels >= 0], np.asarray(second, dtype=np.float64))
    return {name: float(value) for name, value in values.items()}


# -- small words of METRICS.md


def pairs(K):
    """Indices of all unordered pairs c < c'."""
    return np.triu_indices(K, 1)


def mean(x):
    return np.sum(x) / len(x) if len(x) else np.nan


def std(x):
    """In the population form; around an infinite mean there is none."""
    return np.sqrt(mean((x - mean(x)) ** 2))


def cov(x):
    """Coefficient of variation; by a mean of 0, from where it has another sign on either side, there is none."""
    return std(x) / mean(x) if mean(x) != 0 else np.nan


def median(x):
    x = np.sort(x)
    return (x[(len(x) - 1) // 2] + x[len(x) // 2]) / 2


def defined(x):
    return x[~np.isnan(x)]


def pair_cosines(rows):
    """Cosine of every pair of which both have a direction."""
    return rows.directed.pair_angles[0]


def squared_chords(rows):
    """|u_c - u_c'|^2 of every pair of which both have a direction."""
    return rows.directed.pair_angles[1]


def row_cosines(W, M):
    """cos(w_c, m_c) of every class; NaN where one has no direction."""
    products, whole = (W.rows * M.rows).sum(axis=1), (W.rows**2).sum(axis=1) * (M.rows**2).sum(axis=1)
    found = np.full(len(products), np.nan)
    found[whole > 0] = roots(products[whole > 0], whole[whole > 0])
    return found


def etf_distance(A):
    """Frobenius distance of two K x K matrices, each scaled to norm 1: A and the simplex equiangular tight frame."""
    K = len(A)
    E = np.eye(K) - np.ones((K, K)) / K
    return np.linalg.norm(A / np.linalg.norm(A) - E / np.linalg.norm(E))


# -- NC1


def cdnv(classes):
    """Corrected; a pair with d2 <= 0 is left out of the mean, and above all others in median and logarithm."""
    i, j = pairs(classes.K)
    noise = classes.M2 / ((classes.n - 1) * classes.n).astype(object)
    distances, unit = classes.mu.pair_squares, classes.mu.denominator**2
    d2 = floats(distances, unit) - floats(noise)[i] - floats(noise)[j]
    # Where the noise takes up nearly all of the distance, their difference is one of exact numbers.
    for pair in np.flatnonzero(abs(d2) < 1e-3 * floats(distances, unit)):
        d2[pair] = float(Fraction(distances[pair], unit) - noise[i[pair]] - noise[j[pair]])
    values = np.where(d2 > 0, (classes.s2[i] + classes.s2[j]) / (2 * d2), np.inf)
    kept = values[values < np.inf]
    return {
        "nc1_cdnv": mean(kept),
        "nc1_cdnv_log_mean": mean(np.log(values)),
        "nc1_cdnv_median": median(values),
        "nc1_cdnv_excluded_share": mean(values == np.inf),
        "nc1_cdnv_top_share": np.sum(np.sort(kept)[-10:]) / np.sum(kept),
    }


def cdnv_paper(classes):
    i, j = pairs(classes.K)
    d2 = floats(classes.mu.pair_squares, classes.mu.denominator**2)
    value = mean((classes.var[i] + classes.var[j]) / (2 * d2**2))
    return {
        "nc1_cdnv_paper": value,
        "nc1_cdnv_scale_free": value * mean(classes.m.lengths() ** 2),
        "nc1_coincident_pairs_paper": np.sum(d2 == 0),
    }


def trace_ratios(classes):
    """Within over between; where the noise of the means covers what is between them, nothing is."""
    s2, n, N = classes.M2 / (classes.n - 1).astype(object), classes.n.astype(object), int(classes.n.sum())
    bias = (1 - Fraction(1, classes.K)) * (s2 / n).sum() / classes.K
    between = classes.m.squares().sum() / classes.K - bias
    about_tokens = classes.mu.about(classes.mu.weighted_mean(n)).squares()
    of_tokens = (n * about_tokens).sum() - ((1 - n * Fraction(1, N)) * s2).sum()
    return {
        "nc1_trace_ratio": np.float64(s2.sum() / classes.K) / np.float64(max(between, 0)),
        "nc1_trace_ratio_token_weighted": np.float64((n * s2).sum()) / np.float64(max(of_tokens, 0)),
    }


def pinv_ratio(features, labels, used):
    """Tr(Sigma_W Sigma_B^+)/K; Sigma_W pools all tokens, whatever their class's count.

    With no direction at all in which the means differ, it is what it tends to as they approach: infinite.
    """
    tokens = list(tokens_by_class(features, labels).values())
    whole = exactly(np.concatenate(tokens))
    groups = np.split(whole.rows, np.cumsum([len(rows) for rows in tokens])[:-1])
    D = features.shape[1]
    sigma_w = np.full((D, D), Fraction(0))
    for rows in groups:
        sums = rows.sum(axis=0)
        sigma_w = sigma_w + (rows.T @ rows) - np.outer(sums, sums) * Fraction(1, len(rows))
    sigma_w = sigma_w / Fraction(len(whole.rows) * whole.denominator**2)
    sigma_b = (used.m.rows.T @ used.m.rows) * Fraction(1, used.K * used.m.denominator**2)
    if not sigma_b.any():
        return np.float64(np.trace(sigma_w)) / np.float64(0)
    return float(pseudo_inverse_trace(sigma_w, sigma_b) / used.K)


def variance_shares(features, labels, used, categories):
    """Total variance of the used classes' tokens about their mean g, by class and by category of classes."""
    n = used.n.astype(object)
    g = used.mu.weighted_mean(n)
    within, between = used.M2.sum(), (n * used.mu.about(g).squares()).sum()
    total = np.float64(within + between)
    shares = {"nc1_context_share": np.float64(within) / total, "nc1_identity_share": np.float64(between) / total}
    if categories is not None:
        of = np.array([categories[c] for c in used.ids.tolist()])
        among = inside = Fraction(0)
        for k in sorted(set(of.tolist())):
            mine = used.mu.at(of == k)
            centre = mine.weighted_mean(n[of == k])
            inside += (n[of == k] * mine.about(centre).squares()).sum()
            among += n[of == k].sum() * sum((a - b) ** 2 for a, b in zip(centre, g, strict=True))
        shares["nc1_category_share"] = np.float64(among) / total
        shares["nc1_identity_share"] = np.float64(inside) / total
    return shares


# -- NC2 and GNC2


def norms(used):
    lengths = used.m.lengths()
    return {
        "nc2_norm_cov": cov(lengths),
        "nc2_log_norm_std": std(np.log(lengths)),
        "nc2_undirected_classes": np.sum(lengths == 0),
    }


def cosines(used):
    values = pair_cosines(used.m)
    K, D = len(used.m.directed.rows), used.D
    welch = np.sqrt((K - D) / (D * (K - 1))) if K > D + 1 else np.float64(-1) / (K - 1)
    greatest = np.max(values) if len(values) else np.nan
    return {
        "nc2_cos_mean": mean(values),
        "nc2_cos_std": std(values),
        "nc2_max_cos": greatest,
        "nc2_max_cos_gap": greatest - welch,
    }


def simplex(used):
    m = used.m.values()
    covariance = sum(np.outer(row, row) for row in m) / used.K
    participation = np.trace(covariance) ** 2 / (covariance**2).sum()
    return {
        "nc2_etf_error": etf_distance(m @ m.T),
        "nc2_participation_ratio": participation,
        "nc2_participation_ratio_per_dim": participation / used.D,
    }


def log_kernel(rows):
    """log(1/|u_c - u_c'|) of every pair of which both have a direction."""
    return -np.log(np.sqrt(squared_chords(rows)))


def uniform_log_std(D):
    """Standard deviation of the log kernel of two independent uniform directions in D dimensions."""
    return np.sqrt(polygamma(1, (D - 1) / 2) - polygamma(1, D - 1)) / 2


def uniform_log_mean(D):
    return -(np.log(4) + psi((D - 1) / 2) - psi(D - 1)) / 2


def kernels(used):
    values = log_kernel(used.m)
    # Any distance to the power 0 is 1, and so is that of directions that meet.
    riesz = (used.D - 2) * values if used.D != 2 else 0 * np.ones_like(values)
    return {
        "gnc2_log_mean": mean(values),
        "gnc2_log_std": std(values),
        "gnc2_log_std_ratio": std(values) / uniform_log_std(used.D) if used.D > 1 else np.nan,
        "gnc2_riesz_mean": logsumexp(riesz) - np.log(len(values)) if len(values) else np.nan,
        "gnc2_coincident_pairs": np.sum(values == np.inf),
    }


# -- NC3, UNC3, NC0


def duality(used, W):
    raw, centred = row_cosines(W, used.m), row_cosines(W.about_their_mean(), used.m)
    n = used.n[~np.isnan(centred)]
    return {
        "nc3_cos_mean": mean(defined(raw)),
        "nc3_cos_mean_centred": mean(defined(centred)),
        "nc3_cos_mean_centred_token_weighted": np.sum(n * defined(centred)) / np.float64(np.sum(n)),
        "nc3_undirected_classes": np.isnan(raw).sum(),
        "nc3_undirected_classes_centred": np.isnan(centred).sum(),
        "nc3_dual_error": etf_distance(W.values() @ used.m.values().T),
        "unc3_cos_std": std(defined(raw)),
        "unc3_cos_std_centred": std(defined(centred)),
        "nc0_row_sum": floats(W.rows.sum(axis=0) ** 2).sum() / (used.K * floats(W.rows**2).sum()),
    }


# -- NC5


def orthogonality(used, features, second):
    """|cos| of every class mean and the mean of all tokens of another text; about that of this text, too."""
    g, g_ood = (exactly(text).weighted_mean(np.ones(len(text), dtype=object)) for text in (features, second))
    of_second = Exact.of_fractions([g_ood] * used.K)
    raw, centred = row_cosines(of_second, used.mu), row_cosines(of_second.about(g), used.mu.about(g))
    return {
        "nc5_ood_orthogonality": mean(np.abs(defined(raw))),
        "nc5_ood_orthogonality_centred": mean(np.abs(defined(centred))),
        "nc5_undirected_classes": np.isnan(raw).sum(),
        "nc5_undirected_classes_centred": np.isnan(centred).sum(),
    }


# -- NC4


def oracle_agreement(centre_features, centre_labels, features, labels, logits, leave_one_out, classes=None):
    """The NC4 metrics of ``features`` (N, D), ``labels`` (N,), ``logits`` (N, V), one token at a time.

    With ``leave_one_out`` each token is one of those that made the centres: it is found there and taken out before the
    centre of its class is computed again. With ``classes`` only tokens of these are decided, and only these compete.
    """
    centre_features, features = np.asarray(centre_features, np.float64), np.asarray(features, np.float64)
    centre_labels, labels, logits = np.asarray(centre_labels), np.asarray(labels), np.asarray(logits)
    tokens_of = tokens_by_class(centre_features, centre_labels)
    listed = set(range(logits.shape[1])) if classes is None else {int(c) for c in classes}
    centres = {c: tokens.mean(axis=0) for c, tokens in tokens_of.items() if c in listed}
    rows = []
    for h, y, scores in zip(features, labels.tolist(), logits, strict=True):
        if y not in listed:
            continue
        own = dict(centres)
        if leave_one_out:
            tokens = tokens_of[y]
            place = next(i for i, token in enumerate(tokens) if (token == h).all())
            rest = np.delete(tokens, place, axis=0)
            if len(rest):
                own[y] = rest.mean(axis=0)
            else:
                del own[y]
        distance = {c: ((h - centre) ** 2).sum() for c, centre in own.items()}
        best = min(distance.values())
        nearest = [c for c in sorted(distance) if distance[c] == best]
        highest = max(scores[c] for c in listed)
        linear = [c for c in sorted(listed) if scores[c] == highest]
        rows.append((nearest[0] == linear[0], nearest[0] == y, linear[0] == y, len(nearest) > 1, len(linear) > 1))
    agree, ncc, right, nearest_tie, linear_tie = np.array(rows).T
    return {
        "nc4_agreement": float(agree.mean()),
        "nc4_ncc_accuracy": float(ncc.mean()),
        "nc4_linear_accuracy": float(right.mean()),
        "nc4_agreement_when_correct": float(agree[right].mean()) if right.any() else float("nan"),
        "nc4_nearest_ties": float(nearest_tie.mean()),
        "nc4_linear_ties": float(linear_tie.mean()),
    }


# -- strata of class frequency, and single tokens


def oracle_bin(count):
    """The k for which 10^(k/2) <= count < 10^((k+1)/2), in whole numbers."""
    return max(k for k in range(41) if count**2 >= 10**k)


def oracle_strata(features, labels, weight, *, classes=None):
    """For each bin, rarest first, of the classes that do not count and of those that do: their ids and counts.

    Those that count are every one, or of ``classes`` those with two tokens. They have their mean norm, mean duality and
    metrics too: the metrics are those of the tokens of these classes alone; norm and duality are taken about the mean
    of all that count.
    """
    features, labels, weight = np.asarray(features, np.float64), np.asarray(labels), np.asarray(weight, np.float64)
    counts = {c: len(tokens) for c, tokens in tokens_by_class(features, labels).items()}
    used = [c for c, n in counts.items() if classes is None or (c in classes and n > 1)]
    counting = np.isin(labels, used)
    table = oracle_tokens(features[counting], labels[counting], weight, min_count=1)
    strata = []
    for k, count in sorted({(oracle_bin(n), c in used) for c, n in counts.items()}):
        ids = [c for c, n in counts.items() if oracle_bin(n) == k and (c in used) == count]
        stratum = {"ids": ids, "counts": [counts[c] for c in ids]}
        if count:
            inside = np.isin(labels, ids)
            stratum["norm"] = np.mean([table[c]["norm"] for c in ids])
            stratum["duality"] = np.nanmean([table[c]["duality"] for c in ids])
            if len(ids) > 1:
                stratum["metrics"] = oracle_metrics(features[inside], labels[inside], weight, min_count=1)
        strata.append(stratum)
    return strata


def oracle_tokens(features, labels, weight, *, min_count):
    """What each class with ``min_count`` tokens is like, by class id; all distances written out."""
    used = classes_with(np.asarray(features, np.float64), np.asarray(labels), min_count)
    W = exactly(np.asarray(weight, np.float64)[used.ids]).about_their_mean()
    norm, mu = used.m.lengths(), used.mu.values()
    typical = np.sqrt(np.mean(norm**2))
    duality, within_over_between = row_cosines(W, used.m), np.full(used.K, np.nan)
    if (used.n > 1).all():
        with np.errstate(divide="ignore", invalid="ignore"):
            within_over_between = used.s2 / (np.mean(used.s2) / trace_ratios(used)["nc1_trace_ratio"])
    table = {}
    for i, c in enumerate(used.ids.tolist()):
        away = [np.inf if j == i else np.linalg.norm(mu[i] - mu[j]) for j in range(used.K)]
        table[c] = {
            "count": int(used.n[i]),
            "variability": within_over_between[i],
            "norm": norm[i] / typical,
            "duality": duality[i],
            "nearest": int(used.ids[np.argmin(away)]),
            "distance": min(away) / typical,
        }
    return table


def oracle_map(means, rows, axes_of):
    """Coordinates of means and rows (K, D) on the first two right singular vectors of the one, and shares of variance.

    Signs are free: a caller compares up to that of each axis.
    """
    centred = {name: np.asarray(points, np.float64) for name, points in (("means", means), ("rows", rows))}
    centred = {name: points - points.sum(axis=0) / len(points) for name, points in centred.items()}
    axes = np.linalg.svd(centred[axes_of], full_matrices=False)[2][:2]
    found = {}
    for name, points in centred.items():
        along = np.array([[point @ axis for axis in axes] for point in points])
        variance = sum(np.linalg.norm(point) ** 2 for point in points)
        found[name] = along / np.sqrt(variance / len(points)), (along**2).sum(axis=0) / variance
    return found
