"""`nc-hf measure` from end to end: a real model on real stories, in one process and in two."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import Result

from nc_hf.corpus.corpus import open_corpus
from nc_hf.metrics import PRESETS
from nc_hf.report import Report
from nc_hf.statistics.class_statistics import ClassStatistics
from tests.command import invoke
from tests.training import save_tiny

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
    return ["measure", model, "--corpus", stories, "--max-tokens", MAX_TOKENS, "--classes", "top:150", "--quiet"]


class TestRealModel:
    @pytest.mark.slow
    def test_loss_is_that_of_transformers_and_the_head_makes_the_logits(
        self, real: list[object], tmp_path: Path
    ) -> None:
        output = tmp_path / "new" / "report.json"
        printed = done(*real, "--no-stderr", "--json", "--output", output)
        report = Report.load(output)
        assert report.to_json() == printed
        assert set(report.metrics) == set(PRESETS["core"])

        model = AutoModelForCausalLM.from_pretrained(real[1], dtype=torch.float32)
        blocks = open_corpus(str(real[3])).sample(AutoTokenizer.from_pretrained(real[1]), 512, max_tokens=MAX_TOKENS)
        with torch.no_grad():
            rows = torch.arange(len(blocks))
            positions, wanted = blocks.positions(rows), blocks.labels(rows)
            assert positions is not None
            losses, counts = [], []
            for ids, places, labels in zip(blocks.input_ids.long(), positions, wanted, strict=True):
                out = model(input_ids=ids[None], position_ids=places[None], labels=labels[None], use_cache=False)
                losses.append(out.loss.item())
                counts.append(int((labels[1:] >= 0).sum()))
            features = model.get_decoder()(input_ids=blocks.input_ids[:1]).last_hidden_state
            logits = model(input_ids=blocks.input_ids[:1]).logits
        mean = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)
        assert report.loss == pytest.approx(mean, rel=1e-5)
        assert report.tokens == sum(counts)
        assert report.tokens == blocks.num_labels
        assert report.corpus.fingerprint == blocks.fingerprint
        torch.testing.assert_close(features @ model.lm_head.weight.T, logits, rtol=1e-5, atol=1e-5)
        assert report.head_check < 1e-5

    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_merged_shards_are_the_whole(self, real: list[object], tmp_path: Path) -> None:
        quick = [*real, "--no-stderr", "--json", "--save-statistics"]
        whole = json.loads(done(*quick, tmp_path / "whole"))
        parts = [tmp_path / f"part{part}" for part in range(2)]
        for part, path in enumerate(parts):
            report = json.loads(done(*quick, path, "--shard", f"{part + 1}/2"))
            assert report["corpus"]["shard"] == f"{part + 1}/2"
        merge = ["merge", *parts, "--output", tmp_path / "all", "--model", real[1], "--json"]
        merged = json.loads(done(*merge))
        assert merged["classes_hash"] == whole["classes"]["hash"]
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
    def test_two_processes_compare_once(self, tmp_path: Path) -> None:
        model = save_tiny(tmp_path / "tiny")
        command = ["compare", model, model, "--corpus", "builtin", "--max-tokens", 2_000, "--device", "cpu", "--quiet"]
        launch = [LAUNCHER, "--nproc_per_node", "2", "--no-python", SCRIPT, *command, "--json"]
        process = subprocess.run([str(part) for part in launch], capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        assert len(json.loads(process.stdout)["names"]) == 2

    @pytest.mark.slow
    def test_tokenizer_of_another_model_is_refused(self, real: list[object], shared_data: Path, tmp_path: Path) -> None:
        result = run(*real, "--tokenizer", shared_data / "tokenizers" / "gpt2", "--output", tmp_path / "report.json")
        assert result.exit_code == 4
        assert "name the one that the model was trained with, by --tokenizer" in result.stderr
        assert list(tmp_path.iterdir()) == []
