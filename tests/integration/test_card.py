"""`nc-hf card`, and `nc-hf compare` of models that it measures itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from nc_hf import Report, measure
from nc_hf.cli import app
from nc_hf.report import compare
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.paths import REFERENCES

REFERENCE = Report.load(REFERENCES / "report_2.json")
STORY = "One day a cat sat by the sea and saw a fish. " * 4


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(each) for each in arguments], prog_name="nc-hf", env={"COLUMNS": "100"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def report(tmp_path: Path) -> Path:
    REFERENCE.save(tmp_path / "report.json")
    return tmp_path / "report.json"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A report of a model whose name is as bad as can be."""
    model = replace(REFERENCE.model, id="../a](javascript:alert(1)) <img src=x> | `b`", commit="0" * 40)
    replace(REFERENCE, model=model, loss=REFERENCE.loss / 2).save(tmp_path / "other.json")
    return tmp_path / "other.json"


def pictures(card: Path) -> list[Path]:
    """The pictures that a card shows, all of them there and readable."""
    found = [card.parent / unquote(name) for name in re.findall(r"^!\[.*\]\((\S+)\)$", card.read_text(), re.MULTILINE)]
    for path in found:
        with Image.open(path) as image:
            assert image.width > 500
        assert path.with_suffix(".svg").exists()
    return found


class TestCard:
    def test_one_report_is_its_own_card(self, report: Path, tmp_path: Path) -> None:
        assert run("card", report).stdout == REFERENCE.to_markdown()
        printed = run("card", report, "--output", tmp_path / "new" / "card.md")
        assert printed.stdout == ""
        assert (tmp_path / "new" / "card.md").read_text(encoding="utf-8") == REFERENCE.to_markdown()
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["card.md"]

    def test_the_figure_stands_beside_the_card_below_the_metrics(self, report: Path, tmp_path: Path) -> None:
        card = tmp_path / "my card (1).md"
        run("card", report, "--output", card, "--figure")
        assert [path.name for path in pictures(card)] == ["my card (1).png"]
        text = card.read_text(encoding="utf-8")
        assert text.index("smaller is more collapsed") < text.index("![") < text.index("### Circumstances")
        assert re.sub(r"!\[.*\]\(.*\)\n\n", "", text) == REFERENCE.to_markdown()

    def test_several_reports_are_compared_first(self, report: Path, other: Path, tmp_path: Path) -> None:
        card = tmp_path / "card.md"
        run("card", report, other, "--output", card, "--figure")
        text = card.read_text(encoding="utf-8")
        both = [Report.load(report), Report.load(other)]
        assert text.startswith(compare(both).to_markdown())
        assert [path.name for path in pictures(card)] == ["card.png", "card-1.png", "card-2.png"]
        assert text.count("## Neural collapse\n") == 2

    def test_names_are_no_markup(self, report: Path, other: Path, tmp_path: Path) -> None:
        card = tmp_path / "card.md"
        run("card", report, other, "--output", card, "--figure")
        for line in card.read_text(encoding="utf-8").splitlines():
            outside = re.sub(r"`[^`]*`", "", line)  # a code span holds no markup
            assert not re.search(r"(?<!\\)<img", outside)
            assert not re.search(r"(?<!\\)\]\(javascript", outside)
        assert len(pictures(card)) == 3

    def test_a_figure_needs_a_place_and_a_report_that_can_be_drawn(self, report: Path, tmp_path: Path) -> None:
        assert "--output" in run("card", report, "--figure", code=2).stderr
        replace(REFERENCE, strata=[], token_table=None).save(report)
        refused = run("card", report, "--figure", "--output", tmp_path / "card.md", code=2)
        assert refused.stderr.count("\n") == 1
        assert not (tmp_path / "card.md").exists()
        assert not list(tmp_path.glob("*.png"))


class TestCompare:
    OPTIONS = ("--max-tokens", 2000, "--min-count", 2, "--device", "cpu", "--quiet")

    @pytest.fixture
    def stories(self, hub: StandIn, tmp_path: Path) -> Path:
        hub.add("someone/one", gpt2_files(seed=0))
        hub.add("someone/two").commit(gpt2_files(seed=1), branch="step7")
        (tmp_path / "stories.txt").write_text(f"{STORY}<|endoftext|>" * 60)
        return tmp_path / "stories.txt"

    def test_models_are_measured_on_one_text(self, stories: Path) -> None:
        names = ["someone/one", "someone/two@step7"]
        result = json.loads(run("compare", *names, "--corpus", stories, *self.OPTIONS, "--json").stdout)
        assert result["names"] == names
        assert result["warnings"] == []
        for name in names:
            alone = measure(
                name.partition("@")[0],
                str(stories),
                revision=name.partition("@")[2] or None,
                max_tokens=2000,
                min_count=2,
                progress=False,
            )
            assert result["losses"][name] == alone.loss
            for metric, value in alone.metrics.items():
                assert result["metrics"][metric]["values"][name]["value"] == value.value

    def test_a_file_and_a_model_go_together(self, stories: Path, tmp_path: Path) -> None:
        kept = tmp_path / "one.json"
        run("measure", "someone/one", "--corpus", stories, *self.OPTIONS, "--output", kept)
        arguments = ["compare", kept, "someone/one", "--corpus", stories, *self.OPTIONS, "--json"]
        result = json.loads(run(*arguments).stdout)
        assert result["names"] == ["someone/one (1)", "someone/one (2)"]
        assert result["warnings"] == []
        first, second = result["losses"].values()
        assert first == second
        assert all(metric["most_collapsed"] is None for metric in result["metrics"].values())

    def test_refusals(self, stories: Path, tmp_path: Path, hub: StandIn) -> None:
        assert "two names or more" in run("compare", "someone/one", code=2).stderr
        assert "does not exist" in run("compare", "someone/one", tmp_path / "no.json", code=6).stderr
        assert not hub.asked("GET")
        refused = run("compare", "someone/one", "someone/no", "--corpus", stories, *self.OPTIONS, code=7)
        assert refused.stderr.startswith("nc-hf: There is no someone/no")
