"""The 230 published models as one tidy table, under the names that nc_hf gives to what was really measured.

The two files published beside *Linguistic Collapse* (arXiv 2405.17767) carry no licence, so nc_hf does not redistribute
them: it fetches them once, at one commit of the authors' repository, or reads a copy that the user has; their sha256 is
checked either way.

They analyse the same statistics and use one name for different things. What each column means was settled from the
authors' code and from identities that tie the two files to each other:

* ``lc-2024_05_18``: ``norms_*`` are **squared** norms, so ``norms_log_*`` are twice the log-norm; ``interfere_*`` is
  the cosine of centred class means; ``log_dist_*`` is the log kernel of **uncentred** means; ``dists_*`` means nothing.
* ``lc-2024_10_24``: ``norms_*`` are plain norms; ``interfere_*`` is the raw inner product; ``log_kern_*`` is the log
  kernel of **centred** means; ``*_var`` are variances.
* In both, the CDNV has the squared distance squared again (k = 2), and every class counts.

Standard deviations over classes were taken with ddof 1; here they are in the population form, like all of nc_hf's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
from huggingface_hub import cached_assets_path
from scipy.special import polygamma

from nc_hf.errors import StudyError
from nc_hf.metrics.table import PRESETS
from nc_hf.study.analysis.columns import CENTRED_KERNEL

REPOSITORY = "rhubarbwu/linguistic-collapse"
COMMIT = "9e250206e47ef07a999d3e90f034d4dd07ee58d4"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/artifacts"
MAY, OCTOBER = "lc-2024_05_18.csv", "lc-2024_10_24.csv"
SHA256: Mapping[str, str] = {
    MAY: "a8a43624be87fb380dee400b438dbfc1aef922f57ce319b7a2b70696fe30387f",
    OCTOBER: "8496ad8ab0816948e2d28b1951f7adcd6d5cdca91874ba8fffda1e28ad90511e",
}

CLASSES = 29_233
"""Next-token classes of the training text: the K of every published quantity."""

WEIGHT_DECAY = {"d": 5e-4, "L": 0.1}
"""What the letter of an id stands for."""

SEED_CELL = {"width": 768, "depth": 2, "epochs": 1, "weight_decay": 5e-4, "saved_epoch": 0}
"""The architecture that was trained from 20 further seeds."""

SETUP: dict[str, object] = {
    "train_tokens": 469_514_249,
    "measured_tokens": 469_514_249,
    "corpus": "tinystories",
    "tokenizer": "EleutherAI/gpt-neo-125M",
    "vocab_size": 50_257,
    "packing": "paper",
    "block_size": 2048,
    "heads": 16,
    "window": 256,
    "dropout": 0.0,
    "optimizer": "adamw_torch",
    "learning_rate": 5e-5,
    "lr_scheduler": "linear",
    "warmup_steps": 0,
    "batch_size": {"02x1024": 8, "01x*": 16, "02x*": 16, "04x*": 8, "08x0064": 8, "08x0128": 8, "08x0256": 8, "*": 4},
    "classes": "all",
    "agreement_tokens": "all",
}
"""What all published models have in common, by the columns of a results table; the preset ``paper`` tells its sources.
Batches go by model, as a preset writes them; tokens are next tokens."""

TABLE_1 = PRESETS["paper"]
"""The seven properties of the paper's Table 1, in its order."""

_ID = re.compile(r"(?P<depth>\d+)x(?P<width>\d+)_(?P<epochs>\d\d)(?P<decay>[dL])(?P<seed>\d*)@(?P<saved>\d+)")


def published_folder(path: str | Path | None = None) -> Path:
    """Find the folder that holds both published files, downloading them if no path is given.

    Args:
        path: The folder, or either of the two files in it; None for the cache, filled from the authors' repository at
            the pinned commit where it lacks one of them.

    Returns:
        A folder in which both files have the published sha256.

    Raises:
        StudyError: If a file is missing, has another hash, or cannot be downloaded.
    """
    if path is None:
        folder = cached_assets_path("nc_hf", namespace="published", subfolder=COMMIT[:7])
        for name, expected in SHA256.items():
            download(f"{BASE_URL}/{name}", expected, folder / name)
    else:
        folder = Path(path).parent if Path(path).is_file() else Path(path)
        for name, expected in SHA256.items():
            check(folder / name, expected)
    return folder


def download(url: str, expected: str, target: Path) -> None:
    """Fetch a file over HTTP(S) unless it is there; the target appears whole and checked, or not at all.

    Args:
        url: Where the file is.
        expected: The sha256 of its content, in hexadecimal.
        target: Where it goes.

    Raises:
        StudyError: If it cannot be fetched, or what arrives has another hash.
    """
    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(url, f"sha256:{expected}", fname=target.name, path=target.parent)
    except OSError as error:
        raise StudyError(
            f"{url} cannot be downloaded ({_first_cause(error)}): connect to the network, or name a copy with "
            "--published PATH."
        ) from error
    except ValueError as error:  # of its hash
        raise StudyError(
            f"what {url} sent is not the published file (sha256 {expected[:12]}…): try another network, or name a copy "
            "with --published PATH."
        ) from error


def _first_cause(error: BaseException) -> BaseException:
    """Find what went wrong under the layers of an HTTP client, such as a refused connection."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def check(path: Path, expected: str) -> None:
    """Refuse a file that is not, byte for byte, the published one.

    Args:
        path: The file.
        expected: Its sha256, in hexadecimal.

    Raises:
        StudyError: If the file cannot be read or has another hash.
    """
    try:
        found = pooch.file_hash(str(path))
    except OSError as error:
        raise StudyError(
            f"{path} cannot be read ({error.strerror}): give --published the folder that holds {' and '.join(SHA256)}."
        ) from error
    if found != expected:
        raise StudyError(
            f"{path} is not the published file (sha256 {found[:12]}…, expected {expected[:12]}…): "
            f"remove it and fetch artifacts/{path.name} of {REPOSITORY} at commit {COMMIT[:7]} again."
        )


def parse_id(model: str) -> dict[str, float | int | None]:
    """Read the settings off a published id: depth x width _ epochs, weight-decay letter [seed] @ saved epoch.

    Args:
        model: For example ``"02x0768_01d07@0"``.

    Returns:
        ``width``, ``depth``, ``epochs`` (the length of the schedule), ``weight_decay``, ``seed`` (None where the id
        has none), ``saved_epoch`` (from 0) and ``trained_epochs`` (``saved_epoch + 1``).

    Raises:
        StudyError: If the id has another form.

    Example:
        >>> parse_id("12x1024_10L@5")["trained_epochs"]
        6
    """
    match = _ID.fullmatch(model)
    if match is None:
        raise StudyError(f"{model!r} is no id of a published model: write it like 02x0768_01d07@0.")
    return {
        "width": int(match["width"]),
        "depth": int(match["depth"]),
        "epochs": int(match["epochs"]),
        "weight_decay": WEIGHT_DECAY[match["decay"]],
        "seed": int(match["seed"]) if match["seed"] else None,
        "saved_epoch": int(match["saved"]),
        "trained_epochs": int(match["saved"]) + 1,
    }


def load_published(path: str | Path | None = None) -> pd.DataFrame:
    """Load the published measurements under nc_hf's names.

    Args:
        path: The folder with the two files, or one of them; None downloads them once.

    Returns:
        One row per model, indexed by its published id: its settings, ``parameters``, ``val_loss`` (nats a token),
        ``val_accuracy``, ``perplexity``, then the metrics. ``seed`` is missing for the 210 models of the grid.

    Raises:
        StudyError: If the files are missing, have another hash, or cannot be downloaded.
    """
    folder = published_folder(path)
    may = pd.read_csv(folder / MAY, index_col="model")
    october = pd.read_csv(folder / OCTOBER, index_col="model").loc[may.index]  # the two are in different order
    settings = pd.DataFrame([parse_id(model) for model in may.index], index=may.index).astype({"seed": "Int64"})
    names = {"n_params": "parameters", "val_loss": "val_loss", "val_acc": "val_accuracy", "perplex": "perplexity"}
    outcomes = may[list(names)].rename(columns=names)
    return pd.concat([settings, outcomes, translate(may, october, settings["width"])], axis=1)


def translate(may: pd.DataFrame, october: pd.DataFrame, width: pd.Series[int]) -> pd.DataFrame:
    """Put the published columns under the names of what they measure.

    Args:
        may: ``lc-2024_05_18``, indexed by model.
        october: ``lc-2024_10_24``, in the same row order.
        width: The feature dimension D of each model.

    Returns:
        One column per nc_hf metric, with every class, and ``CENTRED_KERNEL``.
    """
    population = np.sqrt((CLASSES - 1) / CLASSES)  # ddof 1 over classes -> ddof 0; over pairs the two agree to 1e-9
    log_norm_std = may["norms_log_std"] / 2 * population
    cosine_std = may["sims_std"] * population
    kernel_std = np.sqrt(october["log_kern_var"])
    participation = (CLASSES - 1) * (1 - october["etf_error"] ** 2 / 2) ** 2  # identity 3 of the definitions
    half = (width.to_numpy() - 1) / 2
    uniform_std = np.sqrt(polygamma(1, half) - polygamma(1, 2 * half)) / 2  # the uniform law on the sphere
    return pd.DataFrame(
        {
            "nc1_cdnv_paper": may["cdnv_mean"],
            "nc1_cdnv_scale_free": may["cdnv_mean"] * may["norms_mean"],
            "nc2_norm_cov": np.sqrt(october["norms_var"]) * population / october["norms_mean"],
            "nc2_log_norm_std": log_norm_std,
            "nc2_log_norm_cov_paper": log_norm_std / (may["norms_log_mean"] / 2),
            "nc2_cos_std": may["interfere_std"],
            "nc2_cos_cov_paper": may["interfere_std"] / may["interfere_mean"],
            "nc2_cos_mean": may["interfere_mean"],
            "nc2_etf_error": october["etf_error"],
            "nc2_participation_ratio": participation,
            "nc2_participation_ratio_per_dim": participation / width,
            "gnc2_log_mean": october["log_kern_mean"],
            "gnc2_log_std": kernel_std,
            "gnc2_log_std_ratio": kernel_std / uniform_std,
            CENTRED_KERNEL: kernel_std / october["log_kern_mean"],
            "gnc2_log_cov_paper": may["log_dist_std"] / may["log_dist_mean"],
            "nc3_cos_mean": may["sims_mean"],
            "nc3_dual_error": october["dual_error"],
            "unc3_cos_cov_paper": cosine_std / may["sims_mean"],
            "unc3_cos_std": cosine_std,
            "nc4_agreement": may["matches"] / (may["matches"] + may["misses"]),
        }
    )
