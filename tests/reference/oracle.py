"""Every metric but nc5 as its definition reads: NumPy, float64, all pairs written out, nothing of nc_hf.

Slow on purpose. The grids are K x K, the ETF is a matrix, the leave-one-out centre is made by taking the token out, and
no identity or closed form stands in for a definition; so what this file and nc_hf agree on, they agree on
independently.

``features`` is (N, D), ``labels`` (N,) with negative labels skipped, ``weight`` (V, D) indexed by class id. A quantity
that does not exist for the data (0/0) is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import logsumexp, polygamma, psi

# Eigenvalues of a K-class Sigma_B below this share of the largest are rounding, not between-class variance.
PINV_RTOL = 1e-11


@dataclass(frozen=True)
class Classes:
    """The classes that are used, in order of id, straight from their tokens."""

    ids: np.ndarray  # (K,)
    n: np.ndarray  # (K,)
    mu: np.ndarray  # (K, D)
    M2: np.ndarray  # (K,) sum over the class's tokens of |h - mu_c|^2
    K: int
    D: int

    @property
    def var(self):
        return self.M2 / self.n

    @property
    def s2(self):
        return self.M2 / (self.n - 1)

    @property
    def m(self):
        """Means centred by the type mean, the unweighted mean over the classes used."""
        return self.mu - self.mu.mean(axis=0)


def tokens_by_class(features, labels):
    """The features (n_c, D) of every class seen, in order of class id."""
    return {c: features[labels == c] for c in sorted(set(labels.tolist())) if c >= 0}


def classes_with(features, labels, min_count):
    ids, n, mu, M2 = [], [], [], []
    for c, tokens in tokens_by_class(features, labels).items():
        if len(tokens) >= min_count:
            ids.append(c)
            n.append(len(tokens))
            mu.append(tokens.mean(axis=0))
            M2.append(((tokens - tokens.mean(axis=0)) ** 2).sum())
    return Classes(np.array(ids), np.array(n, dtype=float), np.array(mu), np.array(M2), len(ids), features.shape[1])


def oracle_metrics(features, labels, weight=None, *, min_count, categories=None):
    """Every metric of NC1, NC2, GNC2, and with ``weight`` of NC3, UNC3 and NC0, by name."""
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    used = classes_with(features, labels, min_count)
    spread = classes_with(features, labels, max(min_count, 2))  # s2_c needs two tokens
    every = classes_with(features, labels, 1)  # the _paper names
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            **(cdnv(spread) | {"nc1_trace_ratio": trace_ratio(spread)} if spread.K > 1 else {}),
            **cdnv_paper(every),
            "nc1_pinv": pinv_ratio(features, labels, used),
            **variance_shares(features, labels, used, categories),
            **norms(used),
            "nc2_log_norm_cov_paper": cov(np.log(lengths(nonzero(every.m)))),
            **cosines(used),
            "nc2_cos_cov_paper": cov(pair_cosines(every.m)),
            **simplex(used),
            **kernels(used),
            "gnc2_log_cov_paper": cov(log_kernel(every.mu)),
        }
        if weight is not None:
            weight = np.asarray(weight, dtype=np.float64)
            values |= duality(used, weight[used.ids])
            values["unc3_cos_cov_paper"] = cov(row_cosines(weight[every.ids], every.m))
    return {name: float(value) for name, value in values.items()}


# -- small words of METRICS.md


def cov(x):
    """Coefficient of variation, with the population standard deviation."""
    return np.std(x, ddof=0) / np.mean(x) if len(x) else np.nan


def pairs(K):
    """Indices of all unordered pairs c < c'."""
    return np.triu_indices(K, 1)


def lengths(rows):
    return np.sqrt((rows**2).sum(axis=1))


def nonzero(rows):
    return rows[lengths(rows) > 0]


def units(rows):
    rows = nonzero(rows)
    return rows / lengths(rows)[:, None]


def squared_distances(rows):
    """|row_c - row_c'|^2 of every pair, from the difference itself."""
    first, second = pairs(len(rows))
    return ((rows[first] - rows[second]) ** 2).sum(axis=1)


def pair_cosines(rows):
    u = units(rows)
    first, second = pairs(len(u))
    return (u[first] * u[second]).sum(axis=1)


def row_cosines(W, M):
    """cos(w_c, m_c) of every class where both have a direction."""
    both = (lengths(W) > 0) & (lengths(M) > 0)
    return np.array([w @ m / (np.sqrt(w @ w) * np.sqrt(m @ m)) for w, m in zip(W[both], M[both], strict=True)])


def etf_distance(A):
    """Frobenius distance of two K x K matrices, each scaled to norm 1: A and the simplex equiangular tight frame."""
    K = len(A)
    E = np.eye(K) - np.ones((K, K)) / K
    return np.linalg.norm(A / np.linalg.norm(A) - E / np.linalg.norm(E))


# -- NC1


def cdnv(classes):
    first, second = pairs(classes.K)
    s2, error = classes.s2, classes.s2 / classes.n
    d2 = squared_distances(classes.mu) - error[first] - error[second]
    kept = d2 > 0
    values = (s2[first] + s2[second])[kept] / (2 * d2[kept])
    return {
        "nc1_cdnv": np.mean(values),
        "nc1_cdnv_log_mean": np.mean(np.log(values)),
        "nc1_cdnv_median": np.median(values),
        "nc1_cdnv_excluded_share": np.mean(~kept),
    }


def cdnv_paper(classes):
    first, second = pairs(classes.K)
    d2 = squared_distances(classes.mu)
    apart = d2 > 0
    value = np.mean((classes.var[first] + classes.var[second])[apart] / (2 * d2[apart] ** 2))
    mean_square_norm = np.mean((classes.m**2).sum(axis=1))
    return {"nc1_cdnv_paper": value, "nc1_cdnv_scale_free": value * mean_square_norm}


def trace_ratio(classes):
    bias = (1 - 1 / classes.K) * np.mean(classes.s2 / classes.n)
    return np.mean(classes.s2) / (np.mean((classes.m**2).sum(axis=1)) - bias)


def pinv_ratio(features, labels, used):
    """Tr(Sigma_W Sigma_B^+)/K; Sigma_W pools all tokens, whatever their class's count."""
    deviations = np.concatenate([tokens - tokens.mean(axis=0) for tokens in tokens_by_class(features, labels).values()])
    sigma_w = sum(np.outer(x, x) for x in deviations) / len(deviations)
    sigma_b = sum(np.outer(m, m) for m in used.m) / used.K
    return np.trace(sigma_w @ np.linalg.pinv(sigma_b, rtol=PINV_RTOL, hermitian=True)) / used.K


def variance_shares(features, labels, used, categories):
    """Total variance of the used classes' tokens about their mean g, split token by token."""
    of_class = {int(c): mean for c, mean in zip(used.ids, used.mu, strict=True)}
    kept = [(h, int(y)) for h, y in zip(features, labels, strict=True) if int(y) in of_class]
    g = np.mean([h for h, _ in kept], axis=0)
    total = sum(((h - g) ** 2).sum() for h, _ in kept)
    shares = {
        "nc1_context_share": sum(((h - of_class[y]) ** 2).sum() for h, y in kept) / total,
        "nc1_identity_share": sum(((of_class[y] - g) ** 2).sum() for _, y in kept) / total,
    }
    if categories is not None:
        members = {k: [h for h, y in kept if categories[y] == k] for k in {categories[y] for _, y in kept}}
        of_category = {k: np.mean(tokens, axis=0) for k, tokens in members.items()}
        shares["nc1_category_share"] = sum(((of_category[categories[y]] - g) ** 2).sum() for _, y in kept) / total
        shares["nc1_identity_share"] = (
            sum(((of_class[y] - of_category[categories[y]]) ** 2).sum() for _, y in kept) / total
        )
    return shares


# -- NC2 and GNC2


def norms(used):
    return {"nc2_norm_cov": cov(lengths(used.m)), "nc2_log_norm_std": np.std(np.log(lengths(nonzero(used.m))))}


def cosines(used):
    values = pair_cosines(used.m)
    K, D = len(units(used.m)), used.D
    welch = np.sqrt((K - D) / (D * (K - 1))) if K > D + 1 else -1 / (K - 1)
    return {
        "nc2_cos_mean": np.mean(values),
        "nc2_cos_std": np.std(values),
        "nc2_max_cos": np.max(values),
        "nc2_max_cos_gap": np.max(values) - welch,
    }


def simplex(used):
    covariance = sum(np.outer(m, m) for m in used.m) / used.K
    participation = np.trace(covariance) ** 2 / (covariance**2).sum()
    gram = used.m @ used.m.T
    return {
        "nc2_etf_error": etf_distance(gram),
        "nc2_participation_ratio": participation,
        "nc2_participation_ratio_per_dim": participation / used.D,
    }


def log_kernel(rows):
    """log(1/|u_c - u_c'|) of every pair whose directions differ."""
    squared = squared_distances(units(rows))
    return -np.log(np.sqrt(squared[squared > 0]))


def uniform_log_std(D):
    """Standard deviation of the log kernel of two independent uniform directions in D dimensions."""
    return np.sqrt(polygamma(1, (D - 1) / 2) - polygamma(1, D - 1)) / 2


def uniform_log_mean(D):
    return -(np.log(4) + psi((D - 1) / 2) - psi(D - 1)) / 2


def kernels(used):
    values = log_kernel(used.m)
    return {
        "gnc2_log_mean": np.mean(values),
        "gnc2_log_std": np.std(values),
        "gnc2_log_std_ratio": np.std(values) / uniform_log_std(used.D) if used.D > 1 else np.nan,
        "gnc2_riesz_mean": logsumexp((used.D - 2) * values) - np.log(len(values)),
    }


# -- NC3, UNC3, NC0


def duality(used, W):
    raw = row_cosines(W, used.m)
    return {
        "nc3_cos_mean": np.mean(raw),
        "nc3_cos_mean_centred": np.mean(row_cosines(W - W.mean(axis=0), used.m)),
        "nc3_dual_error": etf_distance(W @ used.m.T),
        "unc3_cos_std": np.std(raw),
        "nc0_row_sum": (W.sum(axis=0) ** 2).sum() / (used.K * (W**2).sum()),
    }


# -- NC4


def oracle_agreement(centre_features, centre_labels, features, labels, logits, leave_one_out):
    """The NC4 metrics of ``features`` (N, D), ``labels`` (N,), ``logits`` (N, V), one token at a time.

    With ``leave_one_out`` each token is one of those that made the centres: it is found there and taken out before the
    centre of its class is computed again.
    """
    centre_features, features = np.asarray(centre_features, np.float64), np.asarray(features, np.float64)
    centre_labels, labels, logits = np.asarray(centre_labels), np.asarray(labels), np.asarray(logits)
    tokens_of = tokens_by_class(centre_features, centre_labels)
    centres = {c: tokens.mean(axis=0) for c, tokens in tokens_of.items()}
    rows = []
    for h, y, scores in zip(features, labels.tolist(), logits, strict=True):
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
        linear = np.flatnonzero(scores == scores.max()).tolist()
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


def oracle_bin(count, min_count):
    """The k for which min_count 10^(k/2) <= count < min_count 10^((k+1)/2), in whole numbers."""
    reached = [k for k in range(-40, 41) if Fraction(count) ** 2 >= Fraction(min_count) ** 2 * Fraction(10) ** k]
    return max(reached)


def oracle_strata(features, labels, weight, *, min_count):
    """For each bin, rarest first: its class ids, and where they are used its mean norm, mean duality and metrics.

    The metrics are those of the tokens of these classes alone; norm and duality are taken about the mean of all used.
    """
    features, weight = np.asarray(features, np.float64), np.asarray(weight, np.float64)
    counts = {c: len(tokens) for c, tokens in tokens_by_class(features, labels).items()}
    table = oracle_tokens(features, labels, weight, min_count=min_count)
    strata = []
    for k in sorted({oracle_bin(n, min_count) for n in counts.values()}):
        ids = [c for c, n in counts.items() if oracle_bin(n, min_count) == k]
        stratum = {"ids": ids, "counts": [counts[c] for c in ids]}
        if k >= 0:
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
    W = np.asarray(weight, np.float64)[used.ids]
    W = W - W.mean(axis=0)
    norm = lengths(used.m)
    typical = np.sqrt(np.mean(norm**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        within_over_between = used.s2 / (np.mean(used.s2) / trace_ratio(used))
        duality = (W * used.m).sum(axis=1) / (lengths(W) * norm)
    table = {}
    for i, c in enumerate(used.ids.tolist()):
        away = [np.inf if j == i else lengths((used.mu[i] - used.mu[j])[None])[0] for j in range(used.K)]
        table[c] = {
            "count": int(used.n[i]),
            "variability": within_over_between[i],
            "norm": norm[i] / typical,
            "duality": duality[i],
            "nearest": int(used.ids[np.argmin(away)]),
            "distance": min(away) / typical,
        }
    return table
