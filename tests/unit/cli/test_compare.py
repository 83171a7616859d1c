"""`nc-hf compare`: of report files, and of models that it measures itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf import measure
from nc_hf.report import Report, compare
from tests.command import refusal, run
from tests.hub.fixtures import HOME
from tests.hub.helpers import write
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.reports import SCHEMA_1


@pytest.fixture
def reports(tmp_path: Path) -> list[Path]:
    first = Report.load(SCHEMA_1)
    second = replace(first, model=replace(first.model, revision="step2000"), loss=first.loss / 2)
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path, report in zip(paths, (first, second), strict=True):
        report.save(path)
    return paths


class TestCompare:
    def test_table(self, reports: list[Path]) -> None:
        text = run("compare", *reports, columns=80)
        assert "step2000" in text
        assert all(name in text for name in Report.load(SCHEMA_1).metrics)
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


STORY = "One day a cat sat by the sea and saw a fish. " * 4


class TestOfModels:
    OPTIONS = ("--max-tokens", 2000, "--classes", "top:9", "--device", "cpu", "--quiet")

    @pytest.fixture
    def stories(self, hub: StandIn, tmp_path: Path) -> Path:
        hub.add("someone/one", gpt2_files(seed=0))
        hub.add("someone/two").commit(gpt2_files(seed=1), branch="step7")
        (tmp_path / "stories.txt").write_text(f"{STORY}<|endoftext|>" * 60)
        return tmp_path / "stories.txt"

    @pytest.mark.slow
    def test_models_are_measured_on_one_text(self, stories: Path) -> None:
        names = ["someone/one", "someone/two@step7"]
        result = json.loads(run("compare", *names, "--corpus", stories, *self.OPTIONS, "--json"))
        assert result["names"] == names
        assert result["warnings"] == []
        for name in names:
            alone = measure(
                name.partition("@")[0],
                str(stories),
                revision=name.partition("@")[2] or None,
                max_tokens=2000,
                classes="top:9",
                progress=False,
            )
            assert result["losses"][name] == alone.loss
            for metric, value in alone.metrics.items():
                assert result["metrics"][metric]["values"][name]["value"] == value.value

    @pytest.mark.slow
    def test_a_renamed_model_is_measured_once(self, stories: Path, hub: StandIn, tmp_path: Path) -> None:
        hub.add("someone/renamed", {**gpt2_files(seed=0), "README.md": "once someone/one"})
        folder = write(tmp_path / "copy", gpt2_files(seed=0))
        names = ["someone/one", "someone/renamed", str(folder), "someone/two@step7"]
        result = json.loads(run("compare", *names, "--corpus", stories, *self.OPTIONS, "--json"))
        fetched = {path.parts[-4] for path in HOME.rglob("model.safetensors")}
        assert fetched == {"models--someone--one", "models--someone--two"}
        assert result["names"] == names
        assert (
            result["notes"][0]
            == f"someone/one, someone/renamed and {folder} have the same weights: they are one model."
        )
        assert len(set(result["losses"].values())) == 2

    @pytest.mark.slow
    def test_a_file_and_a_model_go_together(self, stories: Path, tmp_path: Path) -> None:
        kept = tmp_path / "one.json"
        run("measure", "someone/one", "--corpus", stories, *self.OPTIONS, "--output", kept)
        arguments = ["compare", kept, "someone/one", "--corpus", stories, *self.OPTIONS, "--json"]
        result = json.loads(run(*arguments))
        assert result["names"] == ["someone/one (1)", "someone/one (2)"]
        assert result["warnings"] == []
        first, second = result["losses"].values()
        assert first == second
        assert all(metric["most_collapsed"] is None for metric in result["metrics"].values())

    def test_refusals(self, stories: Path, tmp_path: Path, hub: StandIn) -> None:
        assert "two names or more" in run("compare", "someone/one", code=2)
        assert "does not exist" in run("compare", "someone/one", tmp_path / "no.json", code=6)
        assert not hub.asked("GET")
        refused = run("compare", "someone/one", "someone/no", "--corpus", stories, *self.OPTIONS, code=7)
        assert refused.startswith("nc-hf: There is no someone/no")
