"""The measurement's page: upload features, labels and head weights, read the metrics with direction and definition."""

from __future__ import annotations

import math
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import evaluate
import gradio as gr
import numpy as np
import safetensors
import torch

from nc_hf.errors import InputError, NCError
from nc_hf.metrics import METRICS, PRESETS
from nc_hf.report.html import RESULT_STYLE, html_formulas, html_values
from nc_hf.report.record import MetricValue
from nc_hf.space.look import STYLE, heading, theme

HERE = Path(__file__).resolve().parent
ARRAYS = ("features", "labels", "weight", "bias")
MAX_BYTES = 512 * 2**20  # of an upload, unpacked
MAX_WIDTH = 8192  # a covariance of 512 MB
MAX_CLASSES = 65_536  # two thousand million pairs, about a minute

TITLE = "Neural collapse of features and a head"
_ABOUT = """\
Upload a `.npz` or `.safetensors` file with `features` (N, D), `labels` (N,), the next token of each feature, and, if
you like, the head's `weight` (V, D) and `bias` (V,).
"""


def read_arrays(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the arrays of the measurement from an upload; no pickle is loaded, and no more memory used than allowed.

    Args:
        path: a ``.npz`` or ``.safetensors`` file, told apart by what is in it.

    Raises:
        InputError: the file is neither, too large, broken, or lacks features or labels.
    """
    unreadable = "the file could not be read: upload a .npz or .safetensors file of plain numbers."
    try:
        found, arrays = _read_npz(path) if zipfile.is_zipfile(path) else _read_safetensors(path)
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, TypeError, SyntaxError, MemoryError) as error:
        raise InputError(unreadable) from error
    except (NotImplementedError, zipfile.BadZipFile, zlib.error, safetensors.SafetensorError) as error:
        raise InputError(unreadable) from error
    missing = [name for name in ARRAYS[:2] if name not in arrays]
    if missing:
        raise InputError(f"the file has {found} arrays and none named {missing[0]!r}: save the arrays by these names.")
    return arrays


def _read_npz(path: str | Path) -> tuple[int, dict[str, torch.Tensor]]:
    with zipfile.ZipFile(path) as archive:
        _refuse_large(sum(entry.file_size for entry in archive.infolist()))
    with np.load(path, allow_pickle=False) as arrays:
        return len(arrays.files), {name: torch.from_numpy(arrays[name]) for name in ARRAYS if name in arrays}


def _read_safetensors(path: str | Path) -> tuple[int, dict[str, torch.Tensor]]:
    _refuse_large(Path(path).stat().st_size)
    with safetensors.safe_open(path, framework="pt") as arrays:
        names = list(arrays.keys())
        return len(names), {name: arrays.get_tensor(name) for name in ARRAYS if name in names}


def _refuse_large(size: int) -> None:
    if size > MAX_BYTES:
        raise InputError(f"the arrays have {size / 2**20:,.0f} MB, of {MAX_BYTES // 2**20} allowed: take fewer tokens.")


def measure(file: str | None, preset: str = "core", min_count: int = 10) -> tuple[str, dict[str, float | None]]:
    """Compute neural-collapse metrics of uploaded arrays.

    Args:
        file: a .npz or .safetensors file with features (N, D), labels (N,), and perhaps weight (V, D) and bias (V,).
        preset: core, paper or full.
        min_count: tokens that a class needs to count.

    Returns:
        An HTML table of the metrics with direction and definition, and the values at full precision, null where
        one is undefined.
    """
    try:
        if not file:
            raise InputError("there is no file: upload one first.")
        if not min_count or min_count < 1:
            raise InputError("the tokens that a class needs count from 1: choose 1 or more.")
        arrays = read_arrays(file)
        kind = arrays["labels"].dtype
        if kind.is_floating_point or kind.is_complex or kind == torch.bool:
            raise InputError(f"the labels are {kind}: save the id of each feature's next token as an integer.")
        if (
            max(arrays["features"].shape[1:], default=0) > MAX_WIDTH
            or len(torch.unique(arrays["labels"])) > MAX_CLASSES
        ):
            raise InputError(
                f"the page takes {MAX_CLASSES:,} classes and features of width {MAX_WIDTH:,} at most: use nc_hf on "
                "your own machine for more."
            )
        measurement = evaluate.load(str(HERE), module_type="measurement")
        values = measurement.compute(**arrays, preset=preset, min_count=int(min_count))
    except NCError as error:
        raise gr.Error(str(error), duration=None, print_exception=False) from error
    return _table(values), {name: value if math.isfinite(value) else None for name, value in values.items()}


def _table(values: dict[str, float]) -> str:
    table = html_values({name: MetricValue(value) for name, value in values.items()}, {}, "the arrays")
    return table + html_formulas({name: METRICS[name].formula for name in values})


def build() -> gr.Blocks:
    """Lay out the page."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.HTML(heading(TITLE, "NC1 to NC4 of what enters a language model's head."), elem_id="title")
        gr.Markdown(_ABOUT)
        with gr.Row():
            file = gr.File(label="Features, labels and head", file_types=[".npz", ".safetensors"])
            with gr.Column():
                preset = gr.Radio(list(PRESETS), value="core", label="Metrics")
                min_count = gr.Number(10, precision=0, minimum=1, label="Tokens that a class needs to count")
                button = gr.Button("Measure", variant="primary")
        with tempfile.TemporaryDirectory() as folder:  # what the page shows is Gradio's own copy
            example = _example(Path(folder))
            gr.Examples([[str(example)]], [file], label="An example: 40 classes around nearly equidistant means")
        table = gr.HTML(label="Metrics")
        with gr.Accordion("Values at full precision", open=False):
            values = gr.JSON(label="Values")
        button.click(measure, [file, preset, min_count], [table, values], api_name="measure")
    return page


def _example(folder: Path) -> Path:
    """Write a small file to try the page with."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 25)
    weight = rng.normal(size=(40, 32)).astype(np.float32)
    features = weight[labels] + rng.normal(scale=0.5, size=(1000, 32)).astype(np.float32)
    path = folder / "example.npz"
    np.savez(path, features=features, labels=labels, weight=weight)
    return path


def launch_options() -> dict[str, Any]:
    """Return what ``launch()`` needs: the look is that of the collapse meter."""
    return {
        "theme": theme(),
        "css_paths": [RESULT_STYLE, STYLE],
        "footer_links": ["api", "settings"],
        "max_file_size": MAX_BYTES,
    }


if __name__ == "__main__":
    build().launch(**launch_options())
