"""A study on text by name: from the Hub in configurations and shards, validated and measured again on other corpora."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nc_hf.corpus.stories import stories
from nc_hf.errors import StudyError
from nc_hf.metrics import METRICS, PRESETS
from nc_hf.study.preset import load_study
from nc_hf.study.text import StudyText, open_text
from tests.command import run
from tests.hub.server import StandIn

SHARDS = 3
WIKITEXT = "hub:Salesforce/wikitext:wikitext-2-raw-v1"
FINEWEB = "hub:HuggingFaceFW/fineweb:sample-10BT"
TINY: dict[str, Any] = {"width": 16, "depth": 1, "heads": 2, "window": 16, "epochs": 1, "vocab_size": 400}
TINY |= {"tokenizer": "builtin", "block_size": 32, "max_train_tokens": 8_000, "max_validation_tokens": 3_000}


def told(seed: int, count: int) -> list[str]:
    return list(islice(stories(seed), count))


def table(texts: list[str], **more: list[Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts, **more}), file)
    return file.getvalue()


def in_lines(texts: list[str]) -> list[str]:
    """As WikiText has it: a row a line, headings and empty ones among them."""
    heading = ["", " = A tale = \n", ""]
    return [line for text in texts for line in (*heading, *(f" {part} \n" for part in text.split("\n")))]


@pytest.fixture
def wikitext(hub: StandIn) -> StandIn:
    """The layout of Salesforce/wikitext: a folder a configuration, with its splits, the training text in shards."""
    readme, files = ["---", "configs:"], {}
    for number, config in enumerate(("wikitext-103-raw-v1", "wikitext-2-raw-v1")):
        readme += [f"- config_name: {config}", "  data_files:"]
        for split, seed, count in (("train", 10, 60), ("validation", 11, 30), ("test", 12, 30)):
            readme += [f"  - split: {split}", f"    path: {config}/{split}-*"]
            texts = told(seed + 10 * number, count)
            shards = SHARDS if split == "train" else 1
            for shard in range(shards):
                part = in_lines(texts[shard * len(texts) // shards : (shard + 1) * len(texts) // shards])
                files[f"{config}/{split}-{shard:05d}-of-{shards:05d}.parquet"] = table(part)
    hub.add("Salesforce/wikitext", {"README.md": "\n".join([*readme, "---", ""]), **files}, kind="dataset")
    return hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One's own files: shards of two kinds beside each other."""
    path = tmp_path / "own"
    path.mkdir()
    for number in range(4):
        part = told(30 + number, 12)
        if number % 2:
            (path / f"validation-{number}.parquet").write_bytes(table(part))
        else:
            (path / f"validation-{number}.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in part))
    return path


def opened(out: Path | None = None, **settings: Any) -> StudyText:
    study = load_study("smoke", {**TINY, **settings})
    return open_text(study, study.cells[0], out)


@pytest.mark.slow
def test_a_configuration_of_the_hub_is_streamed_shard_by_shard(wikitext: StandIn, tmp_path: Path) -> None:
    text = opened(tmp_path, corpus=WIKITEXT)
    assert (text.train.split, text.validation.split) == ("train", "validation")
    assert not wikitext.asked("resolve/.*wikitext-103"), "another configuration was fetched"
    assert not wikitext.asked("resolve/.*/test-"), "another split was fetched"
    again = opened(tmp_path, corpus=WIKITEXT)
    assert again.train.fingerprint == text.train.fingerprint
    whole = opened(corpus=WIKITEXT, max_train_tokens=None)
    assert all(wikitext.asked(f"resolve/.*wikitext-2-raw-v1/train-{shard:05d}") for shard in range(SHARDS))
    assert whole.train.input_ids[: len(text.train)].tolist() == text.train.input_ids.tolist()
    assert len(whole.train) > len(text.train)


@pytest.mark.slow
def test_splits_may_be_named_and_then_one_to_validate_on_has_to_be(wikitext: StandIn) -> None:
    named = opened(corpus=f"{WIKITEXT}:train", validation_corpus=f"{WIKITEXT}:test")
    assert (named.train.split, named.validation.split) == ("train", "test")
    assert named.train.fingerprint == opened(corpus=WIKITEXT).train.fingerprint
    with pytest.raises(StudyError, match="not validated on what it was trained on: give a folder"):
        opened(corpus=f"{WIKITEXT}:train")


@pytest.mark.slow
def test_one_split_with_many_columns_is_trained_on_and_another_corpus_validates(hub: StandIn, folder: Path) -> None:
    """FineWeb: configurations of one split, with columns that nobody needs."""
    texts = told(40, 80)
    columns = {"id": [str(n) for n in range(len(texts))], "language_score": [0.5] * len(texts)}
    readme = (
        "---\nconfigs:\n- config_name: sample-10BT\n  data_files:\n  - split: train\n    path: sample/10BT/*\n---\n"
    )
    files = {"README.md": readme, "sample/10BT/000_00000.parquet": table(texts, **columns)}
    hub.add("HuggingFaceFW/fineweb", files, kind="dataset")
    text = opened(corpus=FINEWEB, validation_corpus=str(folder))
    assert (text.train.source, text.validation.source) == (FINEWEB, str(folder))
    own = opened(corpus="builtin", validation_corpus=str(folder))
    assert text.validation.fingerprint == own.validation.fingerprint


@pytest.mark.slow
def test_the_rows_of_a_study_tell_its_corpora_and_what_was_found_on_each(
    wikitext: StandIn, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(
        "".join(f"{name}: {json.dumps(value)}\n" for name, value in load_study("smoke", TINY).to_dict().items())
    )
    out = tmp_path / "out"
    run("study", "run", tmp_path / "tiny.yaml", "--corpus", WIKITEXT, "--validation-corpus", folder,
        "--measure-also", "builtin", "--output", out)  # fmt: skip
    frame = pd.read_csv(out / "results.csv")
    assert len(frame) == 2
    for name, value in {"corpus": WIKITEXT, "validation_corpus": str(folder), "measure_also": "builtin"}.items():
        assert frame[name].tolist() == [value] * 2
    texts = opened(corpus=WIKITEXT, validation_corpus=str(folder), measure_also="builtin")
    assert texts.other is not None
    for name, blocks in {"validation_tokens": texts.validation, "ood_tokens": texts.other}.items():
        assert frame[name].tolist() == [blocks.num_labels] * 2
    for path in out.rglob("*.safetensors"):
        if path.parent.parent.name == "texts":
            tokens = {"train": texts.train, "validation": texts.validation, "other": texts.other}[path.stem]
            assert 0 < path.stat().st_size - 2 * tokens.input_ids.numel() < 4_000
    outcomes = ("loss", "accuracy", "perplexity", "calibration_error")
    values = [f"ood_{name}" for name in (*outcomes, *PRESETS["core"])]
    values += [name for name in METRICS if METRICS[name].family == "NC5"]
    assert frame[values].notna().all(axis=None)
    errors = [f"{name}_stderr" for name in ("ood_loss", "ood_accuracy", "ood_calibration_error")]
    errors += [f"ood_{name}_stderr" for name in PRESETS["core"] if not name.startswith("nc4")]
    errors += ["nc5_ood_orthogonality_stderr", "nc5_ood_orthogonality_centred_stderr"]
    assert (frame.loc[frame["saved_step"] > 0, errors] > 0).all(axis=None)
    trained = frame[frame["saved_step"] > 0].iloc[0]
    assert trained["ood_loss"] != trained["val_loss"]
