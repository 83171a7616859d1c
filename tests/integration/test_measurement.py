"""The evaluate measurement gives nc_hf's own numbers for every kind of input, and its page survives every upload."""

from __future__ import annotations

import io
import json
import math
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import evaluate
import gradio as gr
import numpy as np
import pytest
import torch
import yaml
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from safetensors.numpy import save_file

from nc_hf import METRICS, PRESETS, ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import FeatureError, InputError, LabelError, StatisticsError
from nc_hf.metrics import count_agreement, metric_names
from nc_hf.metrics.table import needs_of
from nc_hf.report.html.definitions import formula
from tests.architectures import ARCHITECTURES, VOCAB_SIZE
from tests.html_text import text_of
from tests.paths import ROOT
from tests.reference.oracle import oracle_agreement, oracle_metrics
from tests.scripts import load_script
from tests.space import made

FOLDER = ROOT / "spaces" / "neural_collapse"
CLASSES, DIM, TOKENS = 30, 12, 900

_RNG = np.random.default_rng(0)
LABELS = _RNG.integers(0, CLASSES, TOKENS)
WEIGHT = _RNG.normal(size=(CLASSES + 3, DIM)).astype(np.float32)
FEATURES = (WEIGHT[LABELS] + 0.7 * _RNG.normal(size=(TOKENS, DIM))).astype(np.float32)
BIAS = _RNG.normal(size=CLASSES + 3).astype(np.float32)


@pytest.fixture
def collapse() -> evaluate.Measurement:
    return evaluate.load(str(FOLDER), module_type="measurement")


def by_hand(features: torch.Tensor, labels: torch.Tensor, head: ClassifierHead, **options: Any) -> dict[str, float]:
    """What a user of nc_hf would write."""
    needs = needs_of(metric_names(options["preset"]))
    stats = ClassStatistics(features.shape[1], covariance="covariance" in needs)  # it is summed in another order
    stats.update(features, labels)
    linear, tied = head.predict(features)
    agreement = count_agreement(stats, features, labels, linear, leave_one_out=True, linear_tied=tied)
    return compute_metrics(stats, head, agreement=agreement, **options)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_every_bit_is_that_of_compute_metrics(collapse: evaluate.Measurement, preset: str, dtype: torch.dtype) -> None:
    features, labels = torch.from_numpy(FEATURES).to(dtype), torch.from_numpy(LABELS)
    head = ClassifierHead(torch.from_numpy(WEIGHT), torch.from_numpy(BIAS))
    values = collapse.compute(features=features, labels=labels, weight=WEIGHT, bias=BIAS, preset=preset, min_count=5)
    assert values == by_hand(features, labels, head, preset=preset, min_count=5)
    beyond = {"categories", "second"}
    assert values.keys() == {name for name in PRESETS[preset] if beyond.isdisjoint(METRICS[name].needs)}


def test_values_are_those_of_the_oracle(collapse: evaluate.Measurement) -> None:
    features, weight = FEATURES.astype(np.float64), WEIGHT.astype(np.float64)
    categories = {c: c % 3 for c in range(CLASSES)}
    values = collapse.compute(
        features=features, labels=LABELS, weight=weight, bias=BIAS, preset="full", min_count=3, categories=categories
    )
    expected = oracle_metrics(features, LABELS, weight, min_count=3, categories=categories)
    expected |= oracle_agreement(features, LABELS, features, LABELS, features @ weight.T + BIAS, leave_one_out=True)
    assert values.keys() == {name for name in METRICS if "second" not in METRICS[name].needs} == expected.keys()
    for name, value in values.items():
        assert value == pytest.approx(expected[name], rel=1e-9), name


@pytest.mark.parametrize(
    "kind",
    [np.asarray, torch.from_numpy, lambda array: torch.from_numpy(array).clone().requires_grad_(), list],
    ids=["array", "tensor", "parameter", "list of rows"],
)
def test_every_kind_of_input_gives_the_same(collapse: evaluate.Measurement, kind: Callable[[Any], Any]) -> None:
    values = collapse.compute(features=kind(FEATURES), labels=LABELS.tolist(), weight=kind(WEIGHT), bias=BIAS)
    assert values == collapse.compute(features=FEATURES, labels=LABELS, weight=WEIGHT, bias=BIAS)


def test_plain_lists_count_as_float64(collapse: evaluate.Measurement) -> None:
    lists = {"features": FEATURES.tolist(), "labels": LABELS.tolist(), "weight": WEIGHT.tolist()}
    values = collapse.compute(**lists)
    assert values == collapse.compute(
        features=FEATURES.astype(np.float64), labels=LABELS, weight=WEIGHT.astype(np.float64)
    )
    whole = collapse.compute(features=[[0, 1], [2, 1], [4, 4]], labels=[0, 0, 1], preset=["nc2_cos_mean"], min_count=1)
    assert whole["nc2_cos_mean"] == pytest.approx(-1)


def test_batches_and_single_tokens_are_as_one_array(collapse: evaluate.Measurement) -> None:
    collapse.add_batch(features=FEATURES[:400], labels=LABELS[:400])
    collapse.add_batch(features=torch.from_numpy(FEATURES[400:-1]), labels=LABELS[400:-1].tolist())
    collapse.add(features=FEATURES[-1], labels=LABELS[-1])
    assert len(collapse) == TOKENS
    values = collapse.compute(weight=WEIGHT)
    assert values == collapse.compute(features=FEATURES, labels=LABELS, weight=WEIGHT)
    assert len(collapse) == 0
    collapse.add_batch(features=FEATURES[:400], labels=LABELS[:400])
    assert values == collapse.compute(features=FEATURES[400:], labels=LABELS[400:], weight=WEIGHT)


def test_negative_labels_are_skipped(collapse: evaluate.Measurement) -> None:
    labels = np.where(np.arange(TOKENS) % 3 == 0, -100, LABELS)
    kept = labels >= 0
    values = collapse.compute(features=FEATURES, labels=labels, weight=WEIGHT)
    assert values == collapse.compute(features=FEATURES[kept], labels=LABELS[kept], weight=WEIGHT)


def test_without_a_head_its_metrics_are_left_out(collapse: evaluate.Measurement) -> None:
    values = collapse.compute(features=FEATURES, labels=LABELS)
    assert values.keys() == {name for name in PRESETS["core"] if not name.startswith(("nc3", "unc3", "nc4"))}


def test_nc4_of_a_sample_is_nearly_that_of_all(collapse: evaluate.Measurement) -> None:
    tokens = {"features": FEATURES, "labels": LABELS, "weight": WEIGHT, "preset": ["nc4_agreement"]}
    sampled = [collapse.compute(**tokens, agreement_tokens=300)["nc4_agreement"] for _ in range(2)]
    assert sampled[0] == sampled[1]
    assert sampled[0] * 300 == pytest.approx(round(sampled[0] * 300))
    assert abs(sampled[0] - collapse.compute(**tokens)["nc4_agreement"]) < 4 * math.sqrt(0.25 / 300)


def test_a_tap_feeds_it(collapse: evaluate.Measurement) -> None:
    from nc_hf.model.tap import FeatureTap

    model = ARCHITECTURES["GPT-2"]()
    ids = torch.randint(8, VOCAB_SIZE, (8, 40), generator=torch.Generator().manual_seed(0))
    with FeatureTap(model, labels="input_ids") as tap, torch.no_grad():
        for rows in ids.split(2):
            model(input_ids=rows)
            batch = tap.take()
            assert batch is not None
            collapse.add_batch(features=batch.features["final"], labels=batch.labels)
    values = collapse.compute(weight=model.get_output_embeddings().weight, min_count=2)
    assert values.keys() == set(PRESETS["core"])
    assert all(math.isfinite(value) for value in values.values())


NOT_A_NUMBER = np.where(np.arange(TOKENS)[:, None] == 7, np.nan, FEATURES)
BAD = {
    "nothing": ({}, InputError, "nothing to measure"),
    "no labels": ({"features": FEATURES}, InputError, "labels are no array"),
    "text": ({"features": "stories", "labels": LABELS}, InputError, "features are no array"),
    "ragged lists": ({"features": [[1.0], [1.0, 2.0]], "labels": [0, 1]}, InputError, "features are no array"),
    "one axis": ({"features": FEATURES[0], "labels": LABELS}, InputError, r"shape \(12,\)"),
    "complex": ({"features": FEATURES + 1j, "labels": LABELS}, InputError, "pass real numbers"),
    "fewer labels": ({"features": FEATURES, "labels": LABELS[1:]}, LabelError, "pass 900 integers"),
    "labels with a point": ({"features": FEATURES, "labels": LABELS / 2}, LabelError, "pass 900 integers"),
    "NaN": ({"features": NOT_A_NUMBER, "labels": LABELS}, FeatureError, "NaN or Inf"),
    "too rare": ({"features": FEATURES, "labels": LABELS, "min_count": 500}, StatisticsError, "lower min_count"),
    "only skipped": ({"features": FEATURES, "labels": LABELS * 0 - 100}, StatisticsError, "0 of 0 classes"),
    "preset": ({"features": FEATURES, "labels": LABELS, "preset": "best"}, InputError, "no preset 'best'"),
    "head missing": ({"features": FEATURES, "labels": LABELS, "preset": ["nc4_agreement"]}, InputError, "pass weight"),
    "short head": ({"features": FEATURES, "labels": LABELS, "weight": WEIGHT[:9]}, LabelError, "beyond the head's 9"),
    "narrow head": ({"features": FEATURES, "labels": LABELS, "weight": WEIGHT[:, 1:]}, InputError, "width 11"),
    "head of NaN": ({"features": FEATURES, "labels": LABELS, "weight": WEIGHT * np.nan}, InputError, "NaN or Inf"),
    "long bias": ({"features": FEATURES, "labels": LABELS, "weight": WEIGHT, "bias": FEATURES[0]}, InputError, "bias"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_and_forgotten(collapse: evaluate.Measurement, case: str) -> None:
    inputs, error, message = BAD[case]
    with pytest.raises(error, match=message):
        collapse.compute(**inputs)
    assert len(collapse) == 0
    assert collapse.compute(features=FEATURES, labels=LABELS)["nc1_cdnv_median"] > 0


def test_a_refused_batch_leaves_the_earlier_ones(collapse: evaluate.Measurement) -> None:
    collapse.add_batch(features=FEATURES, labels=LABELS)
    with pytest.raises(FeatureError):
        collapse.add_batch(features=NOT_A_NUMBER, labels=LABELS)
    with pytest.raises(InputError, match=r"shape \(N, 12\)"):
        collapse.add_batch(features=FEATURES[:, 1:], labels=LABELS)
    assert collapse.compute() == collapse.compute(features=FEATURES, labels=LABELS)


def test_several_processes_are_refused() -> None:
    with pytest.raises(InputError, match="reduce"):
        evaluate.load(str(FOLDER), module_type="measurement", num_process=2)


def test_the_module_describes_itself(collapse: evaluate.Measurement) -> None:
    assert collapse.module_type == "measurement"
    assert "2405.17767" in collapse.citation
    assert "min_count" in collapse.compute.__doc__
    assert set(collapse.features) == {"features", "labels"}


# -- the page


@pytest.fixture(scope="module")
def app() -> ModuleType:
    return load_script(FOLDER / "app.py")


@pytest.fixture(scope="module")
def page(app: ModuleType) -> Iterator[str]:
    blocks: gr.Blocks = made(app.build)
    _, url, _ = made(lambda: blocks.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1"))
    yield url
    blocks.close()


@pytest.fixture(scope="module")
def client(page: str) -> Client:
    return Client(page, verbose=False)


def saved(path: Path, **arrays: np.ndarray) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        save_file(arrays, path)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_page_gives_the_measurement_s_numbers(
    client: Client, collapse: evaluate.Measurement, tmp_path: Path, suffix: str
) -> None:
    file = saved(tmp_path / f"tokens{suffix}", features=FEATURES, labels=LABELS, weight=WEIGHT, bias=BIAS)
    table, values = client.predict(handle_file(file), "full", 5, api_name="/measure")
    expected = collapse.compute(features=FEATURES, labels=LABELS, weight=WEIGHT, bias=BIAS, preset="full", min_count=5)
    assert values == expected
    shown = dict(re.findall(r"data-metric='(\w+)'>(.*?)</td>", table))
    assert shown.keys() == expected.keys()
    for name, cell in shown.items():
        assert float(text_of(cell).replace(",", "")) == pytest.approx(expected[name], rel=1e-3)
    arrows = re.findall(r"<code>(\w+)</code><span class='arrow'[^>]*>(.)", table)
    assert dict(arrows) == {name: {"down": "↓", "up": "↑", "none": "—"}[METRICS[name].direction] for name in expected}
    told = text_of(table)
    assert all(METRICS[name].title in told for name in expected)
    assert "one standard error" not in told  # arrays at hand have none
    assert formula(METRICS["nc1_trace_ratio"].formula) in table


def test_the_example_of_the_page_works(client: Client, app: ModuleType, tmp_path: Path) -> None:
    given = client.predict(0, api_name="/load_example")[
        "value"
    ]  # the page's own copy: the file it was made from is gone
    assert Path(given).read_bytes() == app._example(tmp_path).read_bytes()
    table, values = app.measure(given)
    assert table.count("data-metric=") == len(PRESETS["core"])
    assert values.keys() == set(PRESETS["core"])
    assert values["nc1_cdnv_median"] < 1
    assert values["nc4_agreement"] > 0.9


def pickled(path: Path) -> Path:
    np.savez(path, features=np.array([{"a": 1}], dtype=object), labels=LABELS)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def bomb(path: Path) -> Path:
    """A small archive that unpacks to more than the page allows."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("features.npy", bytes(520 * 2**20))
    return path


def lying(path: Path) -> Path:
    """An archive whose array says that it is far larger than it is."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "<f4", "fortran_order": False, "shape": (10**13, 10)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features.npy", content.getvalue() + bytes(100))
        archive.writestr("labels.npy", content.getvalue())
    return path


def cut(path: Path) -> Path:
    whole = saved(path, features=FEATURES, labels=LABELS).read_bytes()
    return written(path, whole[: len(whole) // 2])


UPLOADS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "wrong names": (lambda at: saved(at / "a.npz", x=FEATURES, y=LABELS), "2 arrays and none named 'features'"),
    "no labels": (lambda at: saved(at / "a.safetensors", features=FEATURES), "none named 'labels'"),
    "complex labels": (lambda at: saved(at / "a.npz", features=FEATURES, labels=LABELS + 0j), "as an integer"),
    "labels with a point": (lambda at: saved(at / "a.npz", features=FEATURES, labels=LABELS / 2), "as an integer"),
    "labels of two kinds": (lambda at: saved(at / "a.npz", features=FEATURES, labels=LABELS > 3), "as an integer"),
    "NaN": (lambda at: saved(at / "a.npz", features=NOT_A_NUMBER, labels=LABELS), "NaN or Inf"),
    "text as numbers": (lambda at: saved(at / "a.npz", features=np.array([["a"]]), labels=LABELS), "could not be read"),
    "no axis": (lambda at: saved(at / "a.npz", features=np.float32(1), labels=LABELS), "pass (N, D)"),
    "too wide": (
        lambda at: saved(at / "a.npz", features=np.zeros((2, 9000), np.float32), labels=LABELS[:2]),
        "width 8,192",
    ),
    "empty": (lambda at: written(at / "a.npz", b""), "could not be read"),
    "rubbish": (lambda at: written(at / "a.npz", bytes(range(256)) * 40), "could not be read"),
    "rubbish tensors": (lambda at: written(at / "a.safetensors", b"\xff" * 4000), "could not be read"),
    "a pickle": (lambda at: pickled(at / "a.npz"), "could not be read"),
    "cut npz": (lambda at: cut(at / "a.npz"), "could not be read"),
    "cut tensors": (lambda at: cut(at / "a.safetensors"), "could not be read"),
    "a bomb": (lambda at: bomb(at / "a.npz"), "of 512 allowed"),
    "a lie": (lambda at: lying(at / "a.npz"), "could not be read"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", UPLOADS)
def test_a_bad_upload_is_answered_by_a_message(client: Client, tmp_path: Path, case: str) -> None:
    make, message = UPLOADS[case]
    with pytest.raises(AppError) as refusal:
        client.predict(handle_file(make(tmp_path)), "core", 10, api_name="/measure")
    assert message in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)


@pytest.mark.parametrize(("preset", "min_count"), [("best", 10), ("core", 0), ("core", None)])
def test_options_that_the_page_does_not_offer_are_refused(
    client: Client, tmp_path: Path, preset: str, min_count: int | None
) -> None:
    file = saved(tmp_path / "a.npz", features=FEATURES, labels=LABELS)
    with pytest.raises(AppError):
        client.predict(handle_file(file), preset, min_count, api_name="/measure")


def test_a_keyword_that_is_misspelt_is_named_with_the_nearest(collapse: evaluate.Measurement) -> None:
    with pytest.raises(InputError, match=r"there is no keyword 'wieght' \(did you mean weight\?\)"):
        collapse.compute(features=FEATURES, labels=LABELS, wieght=WEIGHT)
    with pytest.raises(InputError, match=r"there is no keyword 'x': pass some of .*features, labels.*\.$"):
        collapse.compute(features=FEATURES, labels=LABELS, x=1)


def test_without_a_file_the_page_says_so(client: Client) -> None:
    with pytest.raises(AppError, match="upload one first"):
        client.predict(None, "core", 10, api_name="/measure")


def test_no_file_of_the_machine_can_be_named(client: Client, page: str, tmp_path: Path) -> None:
    secret = saved(tmp_path / "secret.npz", features=FEATURES, labels=LABELS)
    for path in (secret, FOLDER / "app.py", Path("/etc/hostname")):
        payload = {"data": [{"path": str(path), "meta": {"_type": "gradio.FileData"}}, "core", 10]}
        request = urllib.request.Request(
            f"{page}gradio_api/call/measure", json.dumps(payload).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            event = json.load(answer)["event_id"]
        with urllib.request.urlopen(f"{page}gradio_api/call/measure/{event}") as answer:
            told = answer.read().decode()
        assert told.startswith("event: error")
        assert "nc1_cdnv" not in told
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{page}gradio_api/file={path}")
        assert refusal.value.code in (403, 404)


def test_the_readme_is_that_of_a_space() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    settings = yaml.safe_load(text.split("---")[1])
    assert settings["sdk"] == "gradio"
    assert settings["sdk_version"] == "6.31.0"
    assert settings["python_version"] == "3.11"
    assert (FOLDER / settings["app_file"]).is_file()
    assert {"evaluate", "measurement"} <= set(settings["tags"])
    assert "nc_hf" in (FOLDER / "requirements.txt").read_text(encoding="utf-8")


def test_the_page_names_the_limits_that_it_keeps(app: ModuleType) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for limit in (f"{app.MAX_BYTES // 2**20} MB", f"{app.MAX_CLASSES:,} classes", f"width {app.MAX_WIDTH:,}"):
        assert limit in text
