"""`nc-hf measure` from end to end: a real model on real stories, and refusals that leave nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from typer.testing import Result

from nc_hf.corpus.corpus import open_corpus
from nc_hf.corpus.stories import builtin_tokenizer
from nc_hf.metrics import PRESETS
from nc_hf.report import Report
from nc_hf.statistics.class_statistics import ClassStatistics
from tests.command import invoke

SCRIPT, LAUNCHER = (Path(sys.executable).with_name(name) for name in ("nc-hf", "torchrun"))
MAX_TOKENS = 6_000


def run(*arguments: object) -> Result:
    return invoke(*arguments, columns=80)


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def real(shared_data: Path) -> list[object]:
    """A real model and real stories, as arguments."""
    stories = shared_data / "tinystories" / "validation.jsonl"
    model = shared_data / "models" / "stories260K"
    return ["measure", model, "--corpus", stories, "--max-tokens", MAX_TOKENS, "--min-count", 2, "--quiet"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model with the tokenizer of the built-in stories."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    tokenizer = builtin_tokenizer(512)
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


class TestRealModel:
    def test_loss_is_that_of_transformers_and_the_head_makes_the_logits(
        self, real: list[object], tmp_path: Path
    ) -> None:
        output = tmp_path / "new" / "report.json"
        printed = done(*real, "--no-stderr", "--json", "--output", output)
        report = Report.load(output)
        assert report.to_json() == printed
        assert set(report.metrics) == set(PRESETS["core"])

        model = AutoModelForCausalLM.from_pretrained(real[1], dtype=torch.float32)
        blocks = open_corpus(str(real[3])).pack(AutoTokenizer.from_pretrained(real[1]), 512, max_tokens=MAX_TOKENS)
        with torch.no_grad():
            losses = [model(input_ids=block[None], labels=block[None]).loss.item() for block in blocks.input_ids.long()]
            features = model.get_decoder()(input_ids=blocks.input_ids[:1]).last_hidden_state
            logits = model(input_ids=blocks.input_ids[:1]).logits
        assert report.loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)
        assert report.tokens == blocks.num_labels
        assert report.corpus.fingerprint == blocks.fingerprint
        torch.testing.assert_close(features @ model.lm_head.weight.T, logits, rtol=1e-5, atol=1e-5)
        assert report.head_check < 1e-5

    def test_table_shows_what_the_card_and_the_json_say(self, real: list[object], tmp_path: Path) -> None:
        card, output = tmp_path / "card.md", tmp_path / "report.json"
        table = done(
            *real, "--metrics", "nc1_cdnv,nc2_cos_std", "--layers", "all", "--markdown", card, "--output", output
        )
        report = Report.load(output)
        assert list(report.metrics) == ["nc1_cdnv", "nc2_cos_std"]
        assert all(metric.stderr is not None and metric.stderr > 0 for metric in report.metrics.values())
        assert list(report.layers)[-1] == "final"
        assert report.layers["final"]["nc1_cdnv"].value == report.metrics["nc1_cdnv"].value
        assert card.read_text(encoding="utf-8") == report.to_markdown()
        assert max(map(len, table.splitlines())) <= 80
        assert f"{report.tokens:,}" in table
        assert "Over the layers" in table

    def test_merged_shards_are_the_whole(self, real: list[object], tmp_path: Path) -> None:
        quick = [*real, "--no-stderr", "--json", "--save-statistics"]
        whole = json.loads(done(*quick, tmp_path / "whole"))
        parts = [tmp_path / f"part{part}" for part in range(2)]
        for part, path in enumerate(parts):
            report = json.loads(done(*quick, path, "--shard", f"{part + 1}/2"))
            assert report["corpus"]["shard"] == f"{part + 1}/2"
        merge = ["merge", *parts, "--output", tmp_path / "all", "--min-count", 2, "--model", real[1], "--json"]
        merged = json.loads(done(*merge))
        stats = ClassStatistics.load(tmp_path / "all")
        assert torch.equal(stats.counts, ClassStatistics.load(tmp_path / "whole").counts)
        assert merged["provenance"]["shards"] == "1/2 2/2"
        assert "nc3_cos_mean_centred" in merged["metrics"]
        for name, value in merged["metrics"].items():
            assert value == pytest.approx(whole["metrics"][name]["value"], rel=1e-6), name

    @pytest.mark.slow
    def test_two_processes_give_one_answer(self, real: list[object], tmp_path: Path) -> None:
        output = tmp_path / "report.json"
        command = [*real, "--no-stderr", "--json", "--output"]
        alone = json.loads(done(*command, tmp_path / "alone.json"))
        launch = [LAUNCHER, "--nproc_per_node", "2", "--no-python", SCRIPT, *command, output]
        process = subprocess.run([str(part) for part in launch], capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        assert process.stdout == output.read_text(encoding="utf-8")  # one process speaks
        both = json.loads(process.stdout)
        assert both["tokens"] == alone["tokens"]
        assert both["loss"] == pytest.approx(alone["loss"], rel=1e-6)
        for name, value in alone["metrics"].items():
            assert both["metrics"][name]["value"] == pytest.approx(value["value"], rel=1e-6), name

    @pytest.mark.slow
    def test_two_processes_compare_once(self, tiny: Path, tmp_path: Path) -> None:
        command = ["compare", tiny, tiny, "--corpus", "builtin", "--max-tokens", 2_000, "--device", "cpu", "--quiet"]
        launch = [LAUNCHER, "--nproc_per_node", "2", "--no-python", SCRIPT, *command, "--json"]
        process = subprocess.run([str(part) for part in launch], capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        assert len(json.loads(process.stdout)["names"]) == 2

    def test_tokenizer_of_another_model_is_refused(self, real: list[object], shared_data: Path, tmp_path: Path) -> None:
        result = run(*real, "--tokenizer", shared_data / "tokenizers" / "gpt2", "--output", tmp_path / "report.json")
        assert result.exit_code == 4
        assert "name the model's own tokenizer" in result.stderr
        assert list(tmp_path.iterdir()) == []


def without_head(tiny: Path, folder: Path) -> list[object]:
    config = json.loads((tiny / "config.json").read_text())
    copy(tiny, folder)
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["LlamaModel"]}))
    return [folder]


def with_nan(tiny: Path, folder: Path) -> list[object]:
    copy(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return [folder]


def without_tokenizer(tiny: Path, folder: Path) -> list[object]:
    copy(tiny, folder)
    for path in folder.glob("tokenizer*"):
        path.unlink()
    return [folder]


def truncated(tiny: Path, folder: Path) -> list[object]:
    copy(tiny, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    return [folder]


def copy(source: Path, folder: Path) -> None:
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())


def text(content: str) -> Callable[[Path, Path], list[object]]:
    def make(tiny: Path, folder: Path) -> list[object]:
        folder.mkdir()
        (folder / "text.txt").write_text(content)
        return [tiny, "--corpus", folder / "text.txt"]

    return make


def also(*options: object) -> Callable[[Path, Path], list[object]]:
    return lambda tiny, folder: [tiny, *options]


class TestRefusals:
    @pytest.mark.parametrize(
        ("make", "code", "way_out"),
        [
            (text(""), 3, "name"),
            (text("One short story."), 3, "block"),
            (also("--corpus", "nowhere.txt"), 3, "nowhere.txt"),
            (also("--split", "nonsense"), 3, "nonsense"),
            (lambda tiny, folder: [folder], 2, "folder"),
            (without_head, 4, "LlamaModel"),
            (with_nan, 5, "NaN"),
            (without_tokenizer, 4, "tokenizer"),
            (truncated, 4, "safetensors"),
            (also("--metrics", "nc9_collapse"), 2, "nc9_collapse"),
            (also("--block-size", 100_000), 2, "block_size"),
            (also("--shard", "5000/5001"), 3, "block"),
            (also("--split", "nope"), 3, "has no split 'nope'"),
            (also("--device", "cuda"), 2, "use the device cpu"),
        ],
    )
    def test_one_line_and_nothing_written(
        self, tiny: Path, tmp_path: Path, make: Callable[[Path, Path], list[object]], code: int, way_out: str
    ) -> None:
        written = tmp_path / "written"
        written.mkdir()
        outputs: list[Any] = [
            "--output",
            written / "r.json",
            "--markdown",
            written / "r.md",
            "--save-statistics",
            written / "s",
        ]
        base = ["--corpus", "builtin", "--max-tokens", 3_000, "--quiet"]
        result = run("measure", *base, *outputs, *make(tiny, tmp_path / "input"))
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        message = result.stderr.splitlines()[-1]
        assert message.startswith("nc-hf: ")
        assert way_out in message
        assert list(written.iterdir()) == []

    def test_statistics_of_a_long_pass_outlive_a_min_count_too_high(self, tiny: Path, tmp_path: Path) -> None:
        statistics, report = tmp_path / "statistics", tmp_path / "report.json"
        options = ["--corpus", "builtin", "--max-tokens", 3_000, "--quiet", "--min-count", 100_000]
        result = run("measure", tiny, *options, "--save-statistics", statistics, "--output", report)
        assert (result.exit_code, result.stdout) == (6, "")
        assert ClassStatistics.load(statistics).num_tokens > 2_000
        assert not report.exists()
