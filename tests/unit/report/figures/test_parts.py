"""Parts of several figures: tokens as text, and reports that hold none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from nc_hf.errors import InputError
from nc_hf.report import Report
from nc_hf.report.figures import cosine_figure, norms_figure, save_figure
from nc_hf.report.figures.parts import plain
from tests.drawn import OF_TOKENS
from tests.paths import REFERENCES


class TestTokens:
    @pytest.mark.slow
    def test_any_text_of_a_token_can_be_drawn(self, report: Report, tmp_path: Path) -> None:
        """What mathematics, escapes or a missing character would turn into something else, or an error."""
        assert report.token_table is not None
        table, odd = report.token_table, ["$x^2$", "$", "$$", "\\frac", "_{", "中文", "\\n", "%d", "&lt;", "<b>"]
        every = (odd * len(table.columns.texts))[: len(table.columns.texts)]
        for start in (0, 5):
            commonest = replace(table.commonest, texts=odd[start : start + 5])
            columns = replace(table.columns, texts=every[start:] + every[:start])
            strange = replace(report, token_table=replace(table, columns=columns, commonest=commonest))
            figure = cosine_figure(strange)
            save_figure(figure, tmp_path, "cosines")
            ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
            assert sorted(ticks) == sorted(map(plain, odd[start : start + 5]))
            save_figure(norms_figure(strange), tmp_path, "norms")

    def test_a_character_that_the_font_lacks_is_written_as_its_code(self) -> None:
        assert plain("a中b␣") == "a\\u4e2db␣"

    @pytest.mark.parametrize("draw", OF_TOKENS)
    def test_older_report_says_to_measure_again(self, draw: Callable[[Report], Figure]) -> None:
        with pytest.raises(InputError, match="holds no single tokens: measure again"):
            draw(Report.load(REFERENCES / "report.json"))
