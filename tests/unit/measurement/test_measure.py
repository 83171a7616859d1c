"""`measure()`: its stages and values, what it refuses before the pass, an end at the watcher's word, closed doors."""

from __future__ import annotations

import hashlib
import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nc_hf import PRESETS, ClassifierHead, ClassStatistics, compute_metrics, measure
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.reading import ReadRecord
from nc_hf.corpus.stories import builtin_tokenizer, stories
from nc_hf.errors import CancelledError, CorpusError, HubError, InputError, MergeError, ModelError
from nc_hf.hub import load_tokenizer, resolve
from nc_hf.report import Report
from nc_hf.report.record import BaseRecord
from nc_hf.report.text_record import AgreementRecord
from nc_hf.runtime.progress import Progress
from tests.adapters import ADAPTER, BASE, adapted_base, lora_files
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.reference.oracle import oracle_agreement
from tests.training import by_hand, examples, tiny_model, token_blocks, token_rows

STORIES = Corpus("stories", "all", ["One day a cat sat by the sea and saw a fish. " * 4] * 40)
OPTIONS = {"max_tokens": 4000, "block_size": 32, "uncertainty": False, "max_bytes": 10**7}


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


@pytest.mark.slow
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
        ({"seed": 3}, "leave them out"),
        ({"classes": 0}, "classes is 0: pass a share"),
        ({"classes": 7}, "or top:7 for so many classes"),
        ({"classes": "top:1"}, "classes is 'top:1'"),
        ({"classes": "nowhere.txt"}, "there is no text file of that name"),
        ({"classes": [3, -1]}, "no token id"),
        ({"classes": [3, 3]}, "leaves 1"),
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
    report = measure(model, blocks, preset=names, classes=20 / rows.numel(), progress=False)
    whole = torch.bincount(rows.flatten())
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


ROWS = token_rows(30, 3, classes=40)
COUNTS = torch.bincount(ROWS.flatten())  # of the text, where the first token of a block is like any other
RANKED = sorted(range(40), key=lambda token: (-int(COUNTS[token]), token))
RULES: dict[str, tuple[Any, list[int] | None, str, int]] = {
    "a share": (0.026, [token for token in range(40) if COUNTS[token] / 960 >= 0.026], "0.026", 960),
    "a share as a word": ("2e-2", [token for token in range(40) if COUNTS[token] / 960 >= 0.02], "0.02", 960),
    "the commonest": ("top:7", sorted(RANKED[:7]), "top:7", 960),
    "more than there are": ("top:1000", list(range(40)), "top:1000", 960),
    "ids": ([33, 5, 5, 61, 17, 2, 8], [2, 5, 8, 17, 33, 61], "a given list", 0),  # 61 never comes
    "every one": ("all", None, "all", 0),
}


@pytest.mark.parametrize("kind", RULES)
def test_classes_that_count_give_the_metrics_of_their_ids(kind: str) -> None:
    """NC4 by brute force too: both classifiers decide among the same classes."""
    rule, ids, said, census = RULES[kind]
    model = tiny_model().eval()
    report = measure(model, token_blocks(30, 3, classes=40), classes=rule, **QUIET)
    with torch.no_grad():
        out = model(ROWS, output_hidden_states=True)
    features, labels = out.hidden_states[-1][:, :-1].flatten(0, 1), ROWS[:, 1:].flatten()
    stats = ClassStatistics(features.shape[1])
    stats.update(features, labels)
    listed = None if ids is None else torch.tensor(ids)
    wanted = compute_metrics(stats, ClassifierHead.from_model(model), PRESETS["core"][:-1], 1, classes=listed)
    logits = out.logits[:, :-1].flatten(0, 1)
    agreement = oracle_agreement(features, labels, features, labels, logits, leave_one_out=True, classes=ids)
    values = {name: metric.value for name, metric in report.metrics.items()}
    assert values == pytest.approx(wanted | {"nc4_agreement": agreement["nc4_agreement"]}, rel=1e-4, abs=1e-7)
    assert values["nc4_agreement"] == pytest.approx(agreement["nc4_agreement"], abs=1e-12)

    counts = [int((labels == token).sum()) for token in range(40) if ids is None or token in ids]
    record = report.classes
    assert (record.rule, record.census, record.ids) == (said, census, ids or [])
    assert record.hash == ("all" if ids is None else hash_of(ids))
    assert (record.listed, record.used) == (40 if ids is None else len(ids), len(counts))
    assert (record.seen, record.fewest, record.coverage) == (40, min(counts), pytest.approx(sum(counts) / 930))
    assert report.agreement == AgreementRecord(sum(counts), leave_one_out=True, classes="listed" if ids else "seen")


def hash_of(ids: list[int]) -> str:
    return hashlib.sha256(b"".join(each.to_bytes(8, "little") for each in ids)).hexdigest()[:16]


def test_a_file_of_tokens_or_ids_names_the_classes(tmp_path: Path) -> None:
    blocks = token_blocks(30, 3, classes=40)
    (tmp_path / "ids.txt").write_text("17\n2\n\n33\n5\n")
    by_file = measure(tiny_model(), blocks, classes=str(tmp_path / "ids.txt"), **QUIET)
    by_ids = measure(tiny_model(), blocks, classes=[2, 5, 17, 33], **QUIET)
    assert by_file.metrics == by_ids.metrics
    assert (by_file.classes.rule, by_file.classes.ids) == ("a given list", [2, 5, 17, 33])
    with pytest.raises(InputError, match="pass a share"):
        measure(tiny_model(), blocks, classes=str(tmp_path / "ids.txt"), allow_local=False, **QUIET)


def test_the_paper_s_preset_takes_every_class() -> None:
    model, blocks = tiny_model(), token_blocks(30, 3, classes=40)
    chosen, every = (measure(model, blocks, preset="paper", classes=rule, **QUIET) for rule in ("top:7", "all"))
    assert chosen.metrics == every.metrics
    assert chosen.classes == every.classes
    assert chosen.classes.used == 40
    assert chosen.token_table is not None
    assert sorted(chosen.token_table.columns.ids) == sorted(RANKED[:7])


TOKENIZER = builtin_tokenizer(512)
TALES = Corpus("tales", "all", [" ".join(text.split()[:40]) for text in islice(stories(3), 400)])
WHOLE = TALES.pack(TOKENIZER, 32)


def of_tales(**options: Any) -> Report:
    return measure(tiny_model(vocab_size=512), TALES, tokenizer=TOKENIZER, block_size=32, **QUIET, **options)


@pytest.mark.slow
def test_budgets_of_one_text_speak_of_the_same_classes() -> None:
    """Those of the whole text, though each budget has another part of it."""
    counts = torch.bincount(WHOLE.input_ids.flatten())
    smaller, larger, whole = (of_tales(max_tokens=most, classes=0.002) for most in (1_500, 6_000, None))
    listed = [token for token in range(len(counts)) if counts[token] >= 0.002 * int(counts.sum())]
    for report in (smaller, larger, whole):
        assert report.classes.ids == listed
        assert report.classes.hash == hash_of(listed)
        assert report.classes.census == int(counts.sum())
        assert report.corpus.text_hash == smaller.corpus.text_hash is not None
    assert smaller.tokens <= 1_500 < larger.tokens <= 6_000 < whole.tokens == WHOLE.num_labels
    assert len({report.corpus.fingerprint for report in (smaller, larger, whole)}) == 3
    assert whole.corpus.fingerprint == WHOLE.fingerprint
    by_themselves = measure(
        tiny_model(vocab_size=512), TALES.pack(TOKENIZER, 32, max_tokens=1_500), classes=0.002, **QUIET
    )
    assert by_themselves.classes.ids != listed, "or the text is so even that its beginning would do"
    assert by_themselves.corpus.text_hash is None


@pytest.mark.slow
def test_the_seed_chooses_another_part_of_the_text() -> None:
    first, again, other = (of_tales(max_tokens=1_500, seed=seed) for seed in (0, 0, 1))
    assert first.metrics == again.metrics != other.metrics
    assert first.corpus.fingerprint == again.corpus.fingerprint != other.corpus.fingerprint
    assert (first.classes.ids, first.corpus.text_hash) == (other.classes.ids, other.corpus.text_hash)


@pytest.mark.slow
def test_other_texts_have_other_hashes() -> None:
    elsewhere = Corpus("tales", "all", [*TALES.texts, "One day a cat saw a cat."])
    report = measure(tiny_model(vocab_size=512), elsewhere, tokenizer=TOKENIZER, block_size=32, **QUIET)
    assert report.corpus.text_hash != of_tales(max_tokens=1_500).corpus.text_hash


def test_shards_of_models_that_differ_below_the_head_do_not_merge(tmp_path: Path) -> None:
    other = tiny_model()
    other.get_decoder().h[0].mlp.c_fc.bias.data[2] += 1e-3
    for part, model in enumerate((tiny_model(), other, tiny_model())):
        path = tmp_path / f"{part}.safetensors"
        measure(model, token_blocks(12, 3), shard=(min(part, 1) + 1, 2), statistics_path=path, **QUIET)
    first, wrong, right = (ClassStatistics.load(tmp_path / f"{part}.safetensors") for part in range(3))
    with pytest.raises(MergeError):
        first.merge(wrong)
    first.merge(right)
    assert first.num_tokens == 12 * 31


@pytest.mark.slow
def test_an_adapter_is_measured_merged_and_said_to_be_over_its_base(hub: StandIn, tmp_path: Path) -> None:
    base, adapter = hub.add(BASE, gpt2_files()), hub.add(ADAPTER, lora_files())
    statistics = tmp_path / "statistics.safetensors"
    report = measure(ADAPTER, STORIES, statistics_path=statistics, progress=False, **OPTIONS)
    commits = base.branches["main"], adapter.branches["main"]
    assert report.model.base == BaseRecord(BASE, None, commits[0], "LORA")
    assert (report.model.id, report.model.commit) == (ADAPTER, commits[1])
    assert report.model.weights == resolve(ADAPTER).weights
    assert ClassStatistics.load(statistics).provenance["base"] == commits[0]
    assert f"LORA, merged into its base {BASE} ({commits[0]})" in report.to_markdown().replace("\\", "")
    tokenizer = load_tokenizer(resolve(BASE))
    not_merged = measure(adapted_base().base_model.model, STORIES, tokenizer=tokenizer, progress=False, **OPTIONS)
    assert report.loss == pytest.approx(not_merged.loss, rel=1e-5)
    for name, metric in report.metrics.items():
        assert metric.value == pytest.approx(not_merged.metrics[name].value, rel=1e-3, abs=1e-4), name
    assert measure(BASE, STORIES, progress=False, **OPTIONS).loss != pytest.approx(report.loss, rel=1e-3)
    hub.add("evil/adapter", lora_files(base=str(tmp_path)))
    with pytest.raises(ModelError, match="no model that can be read here"):
        measure("evil/adapter", STORIES, **OPTIONS)
