"""The preset core from its definitions, in float64: NumPy and nothing of nc_hf, fast enough for many evaluations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

Array = NDArray[np.float64]
SHARE = 0.0005  # of the labels, from which a token counts as a class


def core_values(
    features: Array, labels: NDArray[np.int64], weight: Array, bias: Array | None = None, share: float = SHARE
) -> dict[str, float]:
    """The values of ``features`` (N, D) with the next tokens ``labels`` (N,), under a head ``weight`` (V, D)."""
    ids, counts = np.unique(labels, return_counts=True)
    listed = ids[counts >= share * len(labels)]
    kept = np.isin(labels, listed)
    features, labels = features[kept], labels[kept]
    used = [c for c in listed if (labels == c).sum() >= 2]
    of = {c: features[labels == c] for c in listed}
    n = np.array([len(of[c]) for c in used], dtype=np.float64)
    mu = np.array([of[c].mean(axis=0) for c in used])
    s2 = np.array([((of[c] - of[c].mean(axis=0)) ** 2).sum() / (len(of[c]) - 1) for c in used])
    m, W = mu - mu.mean(axis=0), weight[used] - weight[used].mean(axis=0)
    K, D = mu.shape
    i, j = np.triu_indices(K, 1)

    d2 = ((mu[i] - mu[j]) ** 2).sum(axis=1) - s2[i] / n[i] - s2[j] / n[j]
    cdnv = np.where(d2 > 0, (s2[i] + s2[j]) / (2 * np.where(d2 > 0, d2, 1.0)), np.inf)
    between = (m**2).sum(axis=1).mean() - (1 - 1 / K) * (s2 / n).mean()
    lengths = np.linalg.norm(m, axis=1)
    u = m / lengths[:, None]
    kernel = -np.log(np.linalg.norm(u[i] - u[j], axis=1))
    uniform = np.sqrt(polygamma(1, (D - 1) / 2) - polygamma(1, D - 1)) / 2
    duality = (W * m).sum(axis=1) / (np.linalg.norm(W, axis=1) * lengths)
    return {
        "nc1_cdnv_median": float(np.median(cdnv)),
        "nc1_trace_ratio": float(s2.mean() / between) if between > 0 else float("inf"),
        "nc2_cos_std": float((u[i] * u[j]).sum(axis=1).std()),
        "nc2_log_norm_std": float(np.log(lengths).std()),
        "gnc2_log_std_ratio": float(kernel.std() / uniform),
        "nc3_cos_mean_centred": float(duality.mean()),
        "unc3_cos_std_centred": float(duality.std()),
        "nc4_agreement": agreement(features, labels, weight, bias, of),
    }


def agreement(
    features: Array, labels: NDArray[np.int64], weight: Array, bias: Array | None, of: dict[int, Array]
) -> float:
    """How often head and nearest mean decide alike among the classes; a token is no part of its own class's mean."""
    listed, centres = np.array(list(of)), np.array([tokens.mean(axis=0) for tokens in of.values()])
    agreed = 0
    for h, y in zip(features, labels, strict=True):
        mine, own = centres.copy(), int(np.flatnonzero(listed == y)[0])
        count = len(of[y])
        mine[own] = (count * centres[own] - h) / (count - 1) if count > 1 else np.inf
        scores = weight[listed] @ h + (0 if bias is None else bias[listed])
        agreed += int(np.argmin(((mine - h) ** 2).sum(axis=1)) == np.argmax(scores))
    return agreed / len(labels)
