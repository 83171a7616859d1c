"""The command line: light to import, results on stdout, refusals as one line on stderr with a documented exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch
import typer
from transformers import LlamaConfig, LlamaForCausalLM
from typer.testing import CliRunner

from nc_hf import __version__, errors
from nc_hf.cli import Commands, app
from nc_hf.cli.arguments import Preset
from nc_hf.metrics import PRESETS
from nc_hf.metrics.compute import compute_metrics
from nc_hf.model.head import ClassifierHead
from nc_hf.report import Report, compare
from nc_hf.statistics.class_statistics import ClassStatistics
from tests.paths import REFERENCES

REFERENCE = REFERENCES / "report.json"
SCRIPT = Path(sys.executable).with_name("nc-hf")
HEAVY = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "evaluate",
    "gradio",
    "matplotlib",
    "numpy",
    "pandas",
    "ray",
)
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NCError)]


@pytest.fixture
def reports(tmp_path: Path) -> list[Path]:
    first = Report.load(REFERENCE)
    second = replace(first, model=replace(first.model, revision="step2000"), loss=first.loss / 2)
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path, report in zip(paths, (first, second), strict=True):
        report.save(path)
    return paths


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Statistics of the two halves of one corpus."""
    paths = []
    for part, (features, labels) in enumerate(zip(*(tensor.chunk(2) for tensor in tokens()), strict=True)):
        stats = ClassStatistics(8)
        stats.update(features, labels)
        stats.provenance = {"model": "a", "corpus": "b", "shards": f"{part}/2"}
        paths.append(tmp_path / f"{part}.safetensors")
        stats.save(paths[-1])
    return paths


def tokens() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 20, (600,), generator=random)
    return torch.randn(600, 8, generator=random) + labels.unsqueeze(1), labels


def run(*arguments: object, code: int = 0, columns: int = 120) -> str:
    """Run the command and return what it prints; a refusal returns standard error."""
    strings = [str(argument) for argument in arguments]
    result = CliRunner().invoke(app, strings, prog_name="nc-hf", env={"COLUMNS": str(columns)})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    if code:
        assert result.stdout == ""
    return result.stderr if code else result.stdout


def refusal(*arguments: object, code: int) -> str:
    """Run a command that is to be refused, check the form of the message, and return it."""
    message = run(*arguments, code=code)
    assert message.startswith("nc-hf: ")
    assert message.count("\n") == 1
    assert message.endswith(".\n")
    return message


def heavy_imports(code: str) -> set[str]:
    """Run Python code in a process of its own and return the heavy libraries that it imported."""
    report = f"import sys\n{code}\nsys.stderr.write(' '.join(sys.modules))"
    process = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return {name for name in process.stderr.split() if name in HEAVY}


class TestLightness:
    def test_import_of_the_package_is_light(self) -> None:
        assert heavy_imports("import nc_hf") == set()

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--help"],
            ["--version"],
            ["measure", "--help"],
            ["merge", "--help"],
            ["compare", "--help"],
            ["trajectory", "--help"],
            ["card", "--help"],
            ["publish", "--help"],
            ["study", "--help"],
        ],
    )
    def test_help_is_light(self, arguments: list[str]) -> None:
        code = "from nc_hf.cli import app\ntry:\n    app({})\nexcept SystemExit as end:\n    assert end.code == 0"
        assert heavy_imports(code.format(arguments)) == set()

    def test_heavy_imports_are_noticed(self) -> None:
        assert heavy_imports("import nc_hf, numpy") == {"numpy"}
        assert "torch" in heavy_imports("from nc_hf import ClassStatistics")

    def test_help_answers_within_a_second(self) -> None:
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([SCRIPT, "--help"], capture_output=True, check=True)
            seconds.append(time.perf_counter() - start)
        assert min(seconds) < 1.0


class TestErrors:
    def test_version(self) -> None:
        assert run("--version") == f"nc-hf {__version__}\n"

    def test_help_documents_every_exit_code(self) -> None:
        lines = run("--help").splitlines()
        for kind in KINDS:
            assert any(line.split()[:1] == [str(kind.exit_code)] for line in lines), kind

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    def test_refusal_is_one_line_with_the_code_of_its_kind(self, kind: type[errors.NCError]) -> None:
        commands = typer.Typer(cls=Commands)

        @commands.command("one")
        def one() -> NoReturn:
            raise kind("no such thing: name another.")

        commands.command("two")(lambda: None)
        result = CliRunner().invoke(commands, ["one"])
        assert result.exit_code == kind.exit_code
        assert (result.stdout, result.stderr) == ("", "nc-hf: no such thing: name another.\n")

    def test_unforeseen_error_keeps_its_traceback_and_an_interrupt_its_code(self) -> None:
        commands = typer.Typer(cls=Commands)

        @commands.command("broken")
        def broken() -> NoReturn:
            raise ZeroDivisionError

        @commands.command("slow")
        def slow() -> NoReturn:
            raise KeyboardInterrupt

        assert isinstance(CliRunner().invoke(commands, ["broken"]).exception, ZeroDivisionError)
        interrupted = CliRunner().invoke(commands, ["slow"])
        assert interrupted.exit_code == 130
        assert interrupted.stderr.strip().startswith("nc-hf: interrupted: ")

    def test_installed_command_leaves_without_a_traceback(self, tmp_path: Path) -> None:
        command = [SCRIPT, "compare", tmp_path / "no.json", tmp_path / "no.json"]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        assert process.returncode == errors.FileError.exit_code
        assert process.stdout == ""
        assert process.stderr == f"nc-hf: {tmp_path / 'no.json'} does not exist: check the path.\n"

    def test_presets_are_those_of_the_metrics(self) -> None:
        assert set(Preset.__args__) == set(PRESETS)


class TestMeasureArguments:
    @pytest.mark.parametrize("shard", ["0/4", "5/4", "a/b", "1", "-1/4", "1/0", "1/2/3"])
    def test_shard(self, shard: str) -> None:
        assert "write i/n" in refusal("measure", "gpt2", "--shard", shard, code=2)

    def test_metrics_without_a_name(self) -> None:
        assert "names no metric" in refusal("measure", "gpt2", "--metrics", " , ", code=2)

    @pytest.mark.parametrize("option", ["--output", "--markdown", "--save-statistics"])
    def test_file_that_cannot_be_written_is_refused_before_the_work(self, option: str, tmp_path: Path) -> None:
        assert "is a directory" in refusal("measure", "gpt2", option, tmp_path, code=6)
        (tmp_path / "file").touch()
        assert "cannot be written" in refusal("measure", "gpt2", option, tmp_path / "file" / "report", code=6)

    @pytest.mark.parametrize(
        "arguments", [["--preset", "best"], ["--max-tokens", "0"], ["--block-size", "1"], ["--packing", "tight"], []]
    )
    def test_option_outside_its_range_is_a_usage_error(self, arguments: list[str]) -> None:
        assert "Usage: nc-hf measure" in run("measure", *["gpt2"] * bool(arguments), *arguments, code=2)


class TestCompare:
    def test_table(self, reports: list[Path]) -> None:
        text = run("compare", *reports, columns=80)
        assert "step2000" in text
        assert all(name in text for name in Report.load(REFERENCE).metrics)
        assert max(map(len, text.splitlines())) <= 80

    def test_json_and_markdown_are_those_of_python(self, reports: list[Path], tmp_path: Path) -> None:
        comparison = compare([Report.load(path) for path in reports])
        assert (
            json.loads(run("compare", *reports, "--json", "--markdown", tmp_path / "card.md")) == comparison.to_dict()
        )
        assert (tmp_path / "card.md").read_text(encoding="utf-8") == comparison.to_markdown()

    def test_one_report_is_refused(self, reports: list[Path]) -> None:
        assert "name another report" in refusal("compare", reports[0], code=2)

    def test_truncated_report_is_refused_and_nothing_written(self, reports: list[Path], tmp_path: Path) -> None:
        reports[1].write_text(reports[1].read_text(encoding="utf-8")[:500], encoding="utf-8")
        assert "second.json is truncated" in refusal("compare", *reports, "--markdown", tmp_path / "card.md", code=6)
        assert not (tmp_path / "card.md").exists()


class TestMerge:
    def test_whole_equals_one_measurement(self, shards: list[Path], tmp_path: Path) -> None:
        document = json.loads(run("merge", *shards, "--output", tmp_path / "all", "--preset", "full", "--json"))
        whole = ClassStatistics(8)
        whole.update(*tokens())
        merged = ClassStatistics.load(tmp_path / "all")
        torch.testing.assert_close(merged.means, whole.means, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(merged.scatter, whole.scatter, rtol=1e-12, atol=1e-12)
        assert torch.equal(merged.counts, whole.counts)
        assert document["metrics"] == pytest.approx(compute_metrics(whole, preset="full"), rel=1e-9)
        assert document["provenance"] == merged.provenance == {"model": "a", "corpus": "b", "shards": "0/2 1/2"}
        assert (document["tokens"], document["classes"]) == (600, 20)

    def test_table(self, shards: list[Path], tmp_path: Path) -> None:
        text = run("merge", *shards, "--output", tmp_path / "all", columns=80)
        assert "600 of 20 classes" in text
        assert "0/2 1/2" in text
        assert "nc1_cdnv" in text
        assert "nc3_cos_mean_centred" not in text
        assert "± s.e." not in text
        assert "The rest needs the head (--model) or the tokens themselves (nc-hf measure)." in text

    def test_model_adds_the_metrics_of_its_head(self, shards: list[Path], model_folder: Path, tmp_path: Path) -> None:
        command = ("merge", *shards, "--output", tmp_path / "all", "--json", "--model", model_folder)
        head = ClassifierHead.from_model(LlamaForCausalLM.from_pretrained(model_folder))
        expected = compute_metrics(ClassStatistics.load(tmp_path / "all") if run(*command) else None, head)
        assert "nc3_cos_mean_centred" in expected
        assert json.loads(run(*command))["metrics"] == expected

    def test_other_model_is_refused(self, shards: list[Path], model_folder: Path, tmp_path: Path) -> None:
        stats = ClassStatistics.load(shards[0])
        stats.provenance["commit"] = "0" * 40
        stats.save(shards[0])
        message = refusal("merge", shards[0], "--output", tmp_path / "all", "--model", model_folder, code=6)
        assert "name the model that was measured" in message
        assert not (tmp_path / "all").exists()

    @pytest.mark.parametrize(("key", "value"), [("shards", "0/2"), ("shards", "1/3"), ("model", "c"), ("corpus", "c")])
    def test_what_does_not_belong_together_is_refused(
        self, shards: list[Path], tmp_path: Path, key: str, value: str
    ) -> None:
        stats = ClassStatistics.load(shards[1])
        stats.provenance[key] = value
        stats.save(shards[1])
        assert "do not merge" in refusal("merge", *shards, "--output", tmp_path / "all", code=6)
        assert not (tmp_path / "all").exists()

    def test_foreign_file_is_refused(self, shards: list[Path], model_folder: Path, tmp_path: Path) -> None:
        whole = shards[1].read_bytes()
        for content in (whole[:-100], whole[:20], b"", (model_folder / "model.safetensors").read_bytes()):
            shards[1].write_bytes(content)
            refusal("merge", *shards, "--output", tmp_path / "all", code=6)
        assert not (tmp_path / "all").exists()

    def test_too_few_classes_leave_the_merged_file(self, shards: list[Path], tmp_path: Path) -> None:
        refusal("merge", *shards, "--output", tmp_path / "all", "--min-count", 10_000, code=6)
        assert ClassStatistics.load(tmp_path / "all").num_tokens == 600
