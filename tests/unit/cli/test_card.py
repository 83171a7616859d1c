"""`nc-hf card`: of one report or several, with a figure beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from nc_hf import Report
from nc_hf.report import compare
from tests.command import refusal, run
from tests.paths import REFERENCES

REFERENCE = Report.load(REFERENCES / "report_2.json")


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
        assert run("card", report) == REFERENCE.to_markdown()
        printed = run("card", report, "--output", tmp_path / "new" / "card.md")
        assert printed == ""
        assert (tmp_path / "new" / "card.md").read_text(encoding="utf-8") == REFERENCE.to_markdown()
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["card.md"]

    @pytest.mark.slow
    def test_one_report_as_a_page_is_that_of_python(self, report: Path, other: Path, tmp_path: Path) -> None:
        assert run("card", report, "--html", tmp_path / "new" / "page.html") == ""
        assert (tmp_path / "new" / "page.html").read_text(encoding="utf-8") == REFERENCE.to_html()
        message = refusal("card", report, other, "--html", tmp_path / "both.html", code=2)
        assert "--html writes one report and nothing else" in message

    @pytest.mark.slow
    def test_the_figure_stands_beside_the_card_below_the_metrics(self, report: Path, tmp_path: Path) -> None:
        card = tmp_path / "my card (1).md"
        run("card", report, "--output", card, "--figure")
        assert [path.name for path in pictures(card)] == ["my card (1).png"]
        text = card.read_text(encoding="utf-8")
        assert text.index("smaller is more collapsed") < text.index("![") < text.index("<summary>Circumstances")
        assert re.sub(r"!\[.*\]\(.*\)\n\n", "", text) == REFERENCE.to_markdown()

    @pytest.mark.slow
    def test_several_reports_are_compared_first(self, report: Path, other: Path, tmp_path: Path) -> None:
        card = tmp_path / "card.md"
        run("card", report, other, "--output", card, "--figure")
        text = card.read_text(encoding="utf-8")
        both = [Report.load(report), Report.load(other)]
        assert text.startswith(compare(both).to_markdown())
        assert [path.name for path in pictures(card)] == ["card.png", "card-1.png", "card-2.png"]
        assert text.count("## Neural collapse\n") == 2

    @pytest.mark.slow
    def test_names_are_no_markup(self, report: Path, other: Path, tmp_path: Path) -> None:
        card = tmp_path / "card.md"
        run("card", report, other, "--output", card, "--figure")
        for line in card.read_text(encoding="utf-8").splitlines():
            outside = re.sub(r"`[^`]*`", "", line)  # a code span holds no markup
            assert not re.search(r"(?<!\\)<img", outside)
            assert not re.search(r"(?<!\\)\]\(javascript", outside)
        assert len(pictures(card)) == 3

    def test_a_figure_needs_a_place_and_a_report_that_can_be_drawn(self, report: Path, tmp_path: Path) -> None:
        assert "--output" in run("card", report, "--figure", code=2)
        replace(REFERENCE, strata=[], token_table=None).save(report)
        refused = run("card", report, "--figure", "--output", tmp_path / "card.md", code=2)
        assert refused.count("\n") == 1
        assert not (tmp_path / "card.md").exists()
        assert not list(tmp_path.glob("*.png"))
