"""Cosines between class means: those of the named tokens, like beside like."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nc_hf.errors import InputError
from nc_hf.report import Report
from nc_hf.report.figures import cosine_figure, save_figure
from nc_hf.report.figures.cosines import similar_together


class TestTokens:
    def test_cosines_are_those_of_the_named_tokens(self, report: Report) -> None:
        assert report.token_table is not None
        record = report.token_table.commonest
        axes = cosine_figure(report).axes[0]
        names = [tick.get_text() for tick in axes.get_yticklabels()]
        assert names == [tick.get_text() for tick in axes.get_xticklabels()]
        assert sorted(names) == sorted(record.texts)
        shown = axes.images[0].get_array()
        order = [record.texts.index(name) for name in names]
        expected = np.array(record.cosines)[np.ix_(order, order)]
        off_diagonal = ~np.eye(len(order), dtype=bool)
        assert np.array_equal(np.ma.getdata(shown)[off_diagonal], expected[off_diagonal])
        low, high = axes.images[0].get_clim()
        assert low == -high
        assert np.abs(expected[off_diagonal]).max() <= high

    def test_like_stands_beside_like(self) -> None:
        """Three groups of four directions, shuffled: every group comes out in one piece."""
        rng = np.random.default_rng(0)
        group = rng.permutation(np.repeat(np.arange(3), 4))
        vectors = np.eye(3)[group] + 0.1 * rng.normal(size=(12, 3))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ordered = group[similar_together(vectors @ vectors.T)]
        assert np.count_nonzero(np.diff(ordered)) == 2

    def test_class_without_direction_is_left_out_of_the_cosines(self, report: Report) -> None:
        assert report.token_table is not None
        record = report.token_table.commonest
        cosines = [
            [math.nan if 1 in (i, j) else value for j, value in enumerate(row)] for i, row in enumerate(record.cosines)
        ]
        odd = replace(report, token_table=replace(report.token_table, commonest=replace(record, cosines=cosines)))
        names = [tick.get_text() for tick in cosine_figure(odd).axes[0].get_yticklabels()]
        assert sorted(names) == sorted(record.texts[:1] + record.texts[2:])

    @pytest.mark.parametrize("directions", [0, 1])
    def test_means_without_directions_have_no_cosines(self, report: Report, directions: int) -> None:
        """As of a model whose features do not depend on the text."""
        assert report.token_table is not None
        record = report.token_table.commonest
        cosines = np.full_like(record.cosines, math.nan)
        cosines[:directions, :directions] = 1.0
        bare = replace(record, cosines=cosines.tolist())
        flat = replace(report, token_table=replace(report.token_table, commonest=bare))
        with pytest.raises(InputError, match="fewer than two common tokens whose mean has a direction: measure on"):
            cosine_figure(flat)

    def test_cosines_that_are_all_zero_have_a_scale(self, report: Report, tmp_path: Path) -> None:
        assert report.token_table is not None
        record = report.token_table.commonest
        square = replace(record, cosines=np.eye(len(record.texts)).tolist())
        figure = cosine_figure(replace(report, token_table=replace(report.token_table, commonest=square)))
        assert figure.axes[0].images[0].get_clim() == (-0.1, 0.1)
        save_figure(figure, tmp_path, "cosines")
