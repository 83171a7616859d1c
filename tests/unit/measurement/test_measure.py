"""`measure()`: its stages and values, what it refuses before the pass, an end at the watcher's word, closed doors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics, measure
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.reading import ReadRecord
from nc_hf.errors import CancelledError, CorpusError, HubError, InputError, MergeError
from nc_hf.report import Report
from nc_hf.runtime.progress import Progress
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.training import by_hand, examples, tiny_model, token_blocks, token_rows

STORIES = Corpus("stories", "all", ["One day a cat sat by the sea and saw a fish. " * 4] * 40)
OPTIONS = {"max_tokens": 4000, "block_size": 32, "min_count": 2, "uncertainty": False, "max_bytes": 10**7}


@pytest.fixture
def model(hub: StandIn) -> str:
    hub.add("owner/tiny", gpt2_files())
    return "owner/tiny"


def test_stages_come_in_order_and_reach_their_totals(model: str) -> None:
    seen: list[Progress] = []
    report = measure(model, STORIES, progress=seen.append, **OPTIONS)
    stages = list(dict.fromkeys(reading.stage for reading in seen))
    assert stages == ["resolving", "downloading", "loading", "packing", "measuring", "computing"]
    last = {reading.stage: reading for reading in seen}
    assert last["measuring"].done == last["measuring"].total == report.tokens
    assert last["downloading"].done >= last["downloading"].total > 10_000
    assert last["measuring"].remaining == 0
    tokens = [reading.done for reading in seen if reading.stage == "measuring"]
    assert tokens == sorted(tokens)
    assert len(tokens) > 3


@pytest.mark.parametrize("stage", ["downloading", "measuring"])
def test_a_watcher_can_end_the_work(model: str, stage: str) -> None:
    def cancel(reading: Progress) -> None:
        if reading.stage == stage and reading.done:
            raise CancelledError("the analysis was cancelled: start it again when you like.")

    with pytest.raises(CancelledError):
        measure(model, STORIES, progress=cancel, **OPTIONS)
    assert measure(model, STORIES, progress=False, **OPTIONS).tokens > 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nowhere.jsonl", None),
        ("a.jsonl", b""),
        ("a.jsonl", b'{"story": "no text"}'),
        ("a.txt.gz", b"no gz"),
        ("a.csv", b"text\n\n"),
        ("train.txt/", b"no validation"),
    ],
)
def test_a_corpus_that_cannot_be_read_costs_no_download(
    hub: StandIn, model: str, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for corpus in (tmp_path if name.endswith("/") else path, "hub:owner/missing"):
        with pytest.raises((CorpusError, HubError)):
            measure(model, str(corpus), progress=False, **OPTIONS)
    assert not hub.asked(r"safetensors|pytorch_model"), "weights were looked at"


def test_what_was_read_stands_in_the_report(model: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"text": STORIES.texts[0]}, {"text": STORIES.texts[1]}, {"text": ""}, {"story": "x"}]  # type: ignore[index]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows * 3))
    report = measure(model, str(tmp_path / "a.jsonl"), progress=False, **{**OPTIONS, "max_tokens": None})
    assert report.corpus.reading == ReadRecord(1, 12, 6, "row", skipped=3, empty=3, repeated=5, complete=True)
    told = "6 documents (row) of 12 rows in 1 file: 3 without text, skipped, 3 empty, 5 repeated"
    assert caplog.messages == [f"read {tmp_path}/a.jsonl (all): {told}"]
    assert Report.from_dict(report.to_dict()) == report
    assert measure(model, STORIES, progress=False, **OPTIONS).corpus.reading is None


def test_what_came_over_a_network_opens_no_path(model: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("One day a cat sat by the sea. " * 200)
    with pytest.raises(CorpusError, match="names no corpus"):
        measure(model, str(secret), progress=False, allow_local=False, **OPTIONS)
    with pytest.raises(InputError):
        measure(str(tmp_path), STORIES, progress=False, allow_local=False, **OPTIONS)
    with pytest.raises(InputError):
        measure(model, STORIES, tokenizer=str(tmp_path), progress=False, allow_local=False, **OPTIONS)


QUIET: dict[str, Any] = {"progress": False, "uncertainty": False}


def test_values_and_loss() -> None:
    model = tiny_model()
    report = measure(model, token_blocks(12, 3), block_size=32, max_tokens=12 * 31, **QUIET)
    values = {name: metric.value for name, metric in report.metrics.items()}
    assert values == pytest.approx(by_hand(model, examples(12, seed=3)), rel=1e-4, abs=1e-7)
    assert (report.tokens, report.model.dtype, report.corpus.packing) == (12 * 31, "float32", "documents")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dtype": "bfloat16"}, r"convert it, with model\.to"),
        ({"block_size": 16}, "leave them out"),
        ({"packing": "paper"}, "leave them out"),
        ({"max_tokens": 100}, "leave them out"),
        ({"min_count": 0}, "min_count is 0"),
        ({"agreement_tokens": -1}, "agreement_tokens is -1"),
        ({"agreement_tokens": 0, "preset": ["nc4_agreement"]}, "nc4_agreement is decided"),
        ({"preset": ["nc1_category_share"]}, "compute_metrics"),
    ],
)
def test_what_would_be_ignored_or_fail_after_the_pass_is_refused_before(arguments: dict[str, Any], said: str) -> None:
    model = tiny_model()
    model.forward = None  # no pass is made
    with pytest.raises(InputError, match=said):
        measure(model, token_blocks(12, 3), **QUIET, **arguments)


def test_errors_are_those_of_leaving_tenths_of_the_text_out() -> None:
    model, rows, names = (
        tiny_model(),
        token_rows(40, 3, classes=60),
        ["nc1_cdnv", "nc2_cos_std", "nc3_cos_mean_centred"],
    )
    blocks = token_blocks(40, 3, classes=60)
    report = measure(model, blocks, preset=names, min_count=20, progress=False)
    whole = torch.bincount(rows[:, 1:].flatten())
    counted = (whole >= 20).nonzero().flatten()
    assert 10 < len(counted) < (whole > 0).sum()
    replicates = []
    for group in torch.arange(40).split(4):
        kept = rows[[row for row in range(40) if row not in group]]
        with torch.no_grad():
            features = model.eval().get_decoder()(kept)[0][:, :-1].flatten(0, 1)
        labels = kept[:, 1:].flatten()
        stats = ClassStatistics(features.shape[1])
        mine = torch.isin(labels, counted)  # the same classes, though some of them now have fewer than 20 tokens
        stats.update(features[mine], labels[mine])
        replicates.append(compute_metrics(stats, ClassifierHead.from_model(model), names, min_count=2))
    for name in names:
        values = np.array([values[name] for values in replicates])
        expected = math.sqrt(9 / 10 * ((values - values.mean()) ** 2).sum())
        assert report.metrics[name].stderr == pytest.approx(expected, rel=1e-4), name


def test_shards_of_models_that_differ_below_the_head_do_not_merge(tmp_path: Path) -> None:
    other = tiny_model()
    other.get_decoder().h[0].mlp.c_fc.bias.data[2] += 1e-3
    for part, model in enumerate((tiny_model(), other, tiny_model())):
        path = tmp_path / f"{part}.safetensors"
        measure(model, token_blocks(12, 3), shard=(min(part, 1) + 1, 2), statistics_path=path, min_count=2, **QUIET)
    first, wrong, right = (ClassStatistics.load(tmp_path / f"{part}.safetensors") for part in range(3))
    with pytest.raises(MergeError):
        first.merge(wrong)
    first.merge(right)
    assert first.num_tokens == 12 * 31
