"""The detail of a report: metrics by frequency as brute force has them, and the two ends of the tokens."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from nc_hf import METRICS, PRESETS, ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import StatisticsError
from nc_hf.measurement import detail
from nc_hf.measurement.contexts import contexts_of
from nc_hf.measurement.detail import ENDS, MOST_COLUMNS, stratify, token_table
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.projection import project
from nc_hf.metrics.tokens import COMMONEST, NEIGHBOURS
from nc_hf.report import StratumRecord
from tests.reference.oracle import oracle_agreement, oracle_map, oracle_strata
from tests.texts import DIM, WIDTH, Sample, Text, sample, zipf_text
from tests.training import token_blocks


@pytest.fixture(scope="module")
def text() -> Text:
    return zipf_text()


def measured(
    text: Text, classes: torch.Tensor | None = None, names: tuple[str, ...] = PRESETS["full"]
) -> list[StratumRecord]:
    return stratify(text.statistics(), text.head, names, classes, text.decisions(classes))


LISTS: dict[str, Callable[[Text], torch.Tensor | None]] = {
    "every class": lambda text: None,
    "the common ones": lambda text: text.common(10),
    "one of two": lambda text: text.common(1)[::2],
    "with ids that never come": lambda text: torch.arange(0, len(text.weight), 2),
}


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
class TestAgainstBruteForce:
    def test_metrics_of_a_bin_are_those_of_its_tokens_alone(
        self, text: Text, listed: Callable[[Text], torch.Tensor | None]
    ) -> None:
        classes = listed(text)
        ids = None if classes is None else classes.tolist()
        expected = oracle_strata(text.features, text.labels, text.weight, classes=ids)
        actual = measured(text, classes)
        assert len(actual) == len(expected) > 3
        for stratum, brute in zip(actual, expected, strict=True):
            assert stratum.classes == len(brute["ids"])
            assert stratum.tokens == sum(brute["counts"])
            assert stratum.low <= min(brute["counts"]) <= max(brute["counts"]) <= stratum.high
            assert stratum.share == pytest.approx(stratum.tokens / len(text.labels))
            assert stratum.used == ("norm" in brute)
            metrics = {name: value for name, value in stratum.metrics.items() if not name.startswith("nc4")}
            if "metrics" not in brute:
                assert metrics == {}
                continue
            assert set(metrics) >= {n for n in PRESETS["core"] if not n.startswith("nc4")}
            assert metrics == pytest.approx({n: brute["metrics"][n] for n in metrics}, rel=1e-9, abs=1e-7, nan_ok=True)
            assert stratum.norm == pytest.approx(brute["norm"])
            assert stratum.duality == pytest.approx(brute["duality"])

    def test_agreement_of_a_bin_is_that_of_the_tokens_whose_true_class_is_in_it(
        self, text: Text, listed: Callable[[Text], torch.Tensor | None]
    ) -> None:
        counts, classes = np.bincount(text.labels, minlength=len(text.weight)), listed(text)
        counting = np.isin(np.arange(len(counts)), np.arange(len(counts)) if classes is None else classes.numpy())
        counting &= (counts > 1) if classes is not None else (counts > 0)
        for stratum in measured(text, classes):
            inside = (counts >= stratum.low) & (counts <= stratum.high) & (counting == stratum.used)
            if not stratum.used:
                assert stratum.metrics == {}
                continue
            rows = inside[text.labels]
            expected = oracle_agreement(
                text.features, text.labels, text.features[rows], text.labels[rows], text.logits()[rows], True, classes
            )
            assert stratum.agreement_tokens == rows.sum()
            actual = {name: value for name, value in stratum.metrics.items() if name.startswith("nc4")}
            assert actual == pytest.approx(expected, nan_ok=True)


class TestWhole:
    def test_bins_add_up_to_all_classes_and_tokens(self, text: Text) -> None:
        stats = text.statistics()
        for strata in (measured(text), measured(text, text.common(10)), measured(text, text.common(1)[::2])):
            assert sum(stratum.classes for stratum in strata) == stats.num_classes
            assert sum(stratum.tokens for stratum in strata) == stats.num_tokens
            assert math.fsum(stratum.share for stratum in strata) == pytest.approx(1.0)

    def test_a_bin_with_classes_that_count_and_others_is_two_strata(self, text: Text) -> None:
        classes = text.common(1)[::2]
        strata, stats = measured(text, classes), text.statistics()
        used = sum(stratum.classes for stratum in strata if stratum.used)
        assert used == int((torch.isin(stats.class_ids, classes) & (stats.counts >= 2)).sum())
        bins = [(stratum.low, stratum.used) for stratum in strata]
        assert bins == sorted(set(bins)), "rarest first, and of each the classes that do not count"
        assert len({low for low, _ in bins}) < len(bins)

    def test_bins_do_not_depend_on_which_classes_count(self, text: Text) -> None:
        every = {(stratum.low, stratum.high) for stratum in measured(text)}
        assert every == {(stratum.low, stratum.high) for stratum in measured(text, text.common(10))}
        assert min(every) == (1, 3)

    def test_averages_over_the_bins_are_those_of_all_used_classes(self, text: Text) -> None:
        used = [stratum for stratum in measured(text, text.common(10)) if stratum.used]
        whole = compute_metrics(text.statistics(), text.head, ["nc3_cos_mean_centred"], 10)
        classes = sum(stratum.classes for stratum in used)
        duality = sum(stratum.classes * stratum.duality for stratum in used) / classes
        assert duality == pytest.approx(whole["nc3_cos_mean_centred"], rel=1e-12)

    @pytest.mark.parametrize("fewest", [None, 10])
    def test_agreement_over_the_bins_is_that_of_all_tokens(self, text: Text, fewest: int | None) -> None:
        classes = None if fewest is None else text.common(fewest)
        decided = [stratum for stratum in measured(text, classes) if stratum.used]
        agreeing = sum(stratum.agreement_tokens * stratum.metrics["nc4_agreement"] for stratum in decided)
        counts = text.decisions(classes).counts()
        assert round(agreeing) == counts.agree
        assert sum(stratum.agreement_tokens for stratum in decided) == counts.tokens

    def test_merged_statistics_give_the_same_strata(self, text: Text) -> None:
        half = len(text.labels) // 3
        merged = text.statistics(slice(half, None)).merge(text.statistics(slice(0, half)))
        names, classes = PRESETS["core"], text.common(10)
        for one, other in zip(
            stratify(merged, text.head, names, classes),
            stratify(text.statistics(), text.head, names, classes),
            strict=True,
        ):
            assert (one.low, one.high, one.classes, one.tokens) == (other.low, other.high, other.classes, other.tokens)
            assert one.metrics == pytest.approx(other.metrics, rel=1e-9)
            assert (one.norm, one.duality) == (pytest.approx(other.norm), pytest.approx(other.duality))

    def test_without_decisions_there_is_no_nc4(self, text: Text) -> None:
        for classes in (None, text.common(10)):
            for stratum in stratify(text.statistics(), text.head, PRESETS["full"], classes):
                assert stratum.agreement_tokens == 0
                assert not any(name.startswith("nc4") for name in stratum.metrics)

    def test_classes_that_do_not_count_have_no_values(self, text: Text) -> None:
        rare = [stratum for stratum in measured(text, text.common(10)) if not stratum.used]
        assert [(stratum.low, stratum.high) for stratum in rare] == [(1, 3), (4, 9)]
        for stratum in rare:
            assert stratum.norm is None
            assert stratum.duality is None
            assert stratum.agreement_tokens == 0
            assert stratum.metrics == {}

    def test_single_tokens_have_no_variability_but_the_rest(self) -> None:
        rng = torch.Generator().manual_seed(0)
        stats = ClassStatistics(WIDTH)
        labels = torch.tensor([0, 1, 2, *[3] * 5, *[4] * 6])
        stats.update(torch.randn(len(labels), WIDTH, generator=rng), labels)
        head = ClassifierHead(weight=torch.randn(5, WIDTH, generator=rng), bias=None)
        single, common = stratify(stats, head, PRESETS["core"], None)
        assert (single.classes, common.classes) == (3, 2)
        families = {METRICS[name].family for name in single.metrics}
        assert families == {METRICS[name].family for name in common.metrics} - {"NC1"}

    def test_a_listed_class_of_one_token_does_not_count(self) -> None:
        stats = ClassStatistics(WIDTH)
        labels = torch.tensor([0, 1, 2, *[3] * 5, *[4] * 6])
        stats.update(torch.randn(len(labels), WIDTH, generator=torch.Generator().manual_seed(0)), labels)
        head = ClassifierHead(weight=torch.eye(WIDTH), bias=None)
        strata = stratify(stats, head, PRESETS["core"], torch.tensor([0, 3, 4]))
        assert [(stratum.classes, stratum.used) for stratum in strata] == [(3, False), (2, True)]

    def test_too_few_used_classes_are_an_error(self, text: Text) -> None:
        with pytest.raises(StatisticsError, match="two or more"):
            stratify(text.statistics(), text.head, PRESETS["core"], text.common(1)[:1])


def of_five(data: Sample) -> torch.Tensor:
    """The ids of the classes with five tokens."""
    return data.stats.class_ids[data.stats.counts >= 5]


class TestTable:
    def test_ends_are_the_least_and_the_most_variable(self) -> None:
        data = sample(90)
        table = token_table(data.stats, data.head, of_five(data), data.decisions(), None)
        assert table is not None
        every = sorted(table.columns.variability)
        assert len(every) == table.classes > 2 * ENDS
        assert [token.variability for token in table.most_collapsed] == every[:ENDS]
        assert [token.variability for token in table.least_collapsed] == every[::-1][:ENDS]
        for token in table.most_collapsed:
            place = table.columns.ids.index(token.id)
            assert token.count == table.columns.counts[place]
            assert token.agreement == table.columns.agreed[place] / table.columns.sampled[place]
            assert token.nearest_text == f"#{token.nearest_id}"

    def test_columns_and_cosines_begin_with_the_commonest(self) -> None:
        data = sample(90)
        table = token_table(data.stats, data.head, of_five(data), None, None)
        assert table is not None
        counts = table.columns.counts
        assert counts == sorted(counts, reverse=True)
        assert table.commonest.ids == table.columns.ids[:COMMONEST]
        used = torch.isin(data.stats.class_ids, torch.tensor(table.columns.ids))
        centred = data.stats.means[used] - data.stats.means[used].mean(dim=0)
        rows = torch.searchsorted(data.stats.class_ids[used], torch.tensor(table.commonest.ids))
        expected = torch.cosine_similarity(centred[rows].unsqueeze(0), centred[rows].unsqueeze(1), dim=2)
        torch.testing.assert_close(torch.tensor(table.commonest.cosines, dtype=torch.float64), expected)

    def test_many_classes_are_thinned_but_the_commonest_stay(self) -> None:
        classes = MOST_COLUMNS + 700
        counts = torch.arange(classes, 0, -1) % 40 + 2
        labels = torch.repeat_interleave(torch.arange(classes), counts)
        rng = torch.Generator().manual_seed(0)
        features = torch.randn(classes, DIM, generator=rng)[labels] + torch.randn(len(labels), DIM, generator=rng)
        stats = ClassStatistics(DIM)
        stats.update(features, labels)
        head = ClassifierHead(torch.randn(classes, DIM, generator=rng), bias=None)
        table = token_table(stats, head, None, None, None)
        assert table is not None
        assert table.classes == classes
        assert {len(column) for column in vars(table.columns).values()} == {MOST_COLUMNS}
        assert len(set(table.columns.ids)) == MOST_COLUMNS
        ranked = torch.sort(counts, descending=True, stable=True).indices.tolist()
        assert table.columns.ids[: MOST_COLUMNS // 2] == ranked[: MOST_COLUMNS // 2]
        assert table.columns.ids[-1] == ranked[-1]
        assert len(json.dumps(vars(table.columns))) < 250_000
        assert len(json.dumps(dataclasses.asdict(table)["map"])) < 300_000

    def test_fewer_than_two_classes_have_no_table(self) -> None:
        data = sample(10)
        common = data.stats.class_ids[data.stats.counts >= 2]
        assert token_table(data.stats, data.head, common[:1], None, None) is None
        single = ClassStatistics(DIM)
        single.update(data.features[:3], torch.tensor([0, 1, 2]))
        assert token_table(single, data.head, None, None, None) is None

    @pytest.mark.parametrize("every", [True, False])
    def test_it_speaks_of_the_classes_that_count_and_have_two_tokens(self, every: bool) -> None:
        data = sample(90)
        stats = data.stats
        classes = None if every else stats.class_ids[::2]
        counts = dict(zip(stats.class_ids.tolist(), stats.counts.tolist(), strict=True))
        assert 1 in counts.values()
        table = token_table(stats, data.head, classes, data.decisions(), None)
        assert table is not None
        ids = counts if classes is None else classes.tolist()
        expected = sorted((c for c in ids if counts[c] > 1), key=lambda c: (-counts[c], c))
        assert table.columns.ids == expected
        whole = compute_metrics(stats, data.head, ["nc1_trace_ratio"], 2, classes=torch.tensor(expected))
        assert np.mean(table.columns.variability) == pytest.approx(whole["nc1_trace_ratio"], rel=1e-9)

    def test_classes_that_cannot_be_told_apart_have_no_rank(self) -> None:
        """Two classes with one mean: nothing lies between them, so variability is undefined, and nothing breaks."""
        stats = ClassStatistics(2)
        stats.update(torch.tensor([[1.0, 0.0], [-1.0, 0.0]] * 6), torch.tensor([0, 0, 1, 1] * 3))
        table = token_table(stats, ClassifierHead(torch.eye(2), bias=None), None, None, None)
        assert table is not None
        assert all(math.isnan(value) for value in table.columns.variability)
        assert table.most_collapsed == table.least_collapsed == []


class TestMap:
    def test_it_speaks_of_the_columns_in_their_order(self) -> None:
        data = sample(90)
        table = token_table(data.stats, data.head, of_five(data), None, None)
        assert table is not None
        assert table.map is not None
        used = torch.tensor(table.columns.ids)
        means = data.stats.means[torch.searchsorted(data.stats.class_ids, used)]
        for plane in table.map.planes:
            expected = oracle_map(means.numpy(), data.head.weight[used].numpy(), plane.axes_of)
            for x, y, share, of in (
                (plane.x, plane.y, plane.means_share, "means"),
                (plane.row_x, plane.row_y, plane.rows_share, "rows"),
            ):
                where, along = expected[of]
                np.testing.assert_allclose(np.abs([x, y]), np.abs(where.T), atol=6e-5)
                np.testing.assert_allclose(share, along, rtol=1e-9)
        apart = np.linalg.norm(means[:, None].numpy() - means.numpy(), axis=2)
        np.fill_diagonal(apart, np.inf)
        size = np.sqrt(np.mean(np.sum((means - means.mean(dim=0)).numpy() ** 2, axis=1)))
        for place, nearest in enumerate(table.map.nearest):
            order = np.argsort(apart[place])[: len(nearest)]
            assert nearest == used[order].tolist()
            np.testing.assert_allclose(table.map.distances[place], apart[place, order] / size, atol=6e-5)
        assert len(table.map.nearest[0]) == NEIGHBOURS
        assert table.map.others == {}
        assert table.map.contexts == [[] for _ in table.columns.ids]
        for record in (*table.most_collapsed, *table.least_collapsed):
            assert table.map.nearest[table.columns.ids.index(record.id)][0] == record.nearest_id

    def test_neighbours_that_are_left_out_of_the_columns_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(detail, "MOST_COLUMNS", 10)
        data = sample(90)
        whole = MetricInputs(data.stats, data.head, 2, None, None)
        table = token_table(data.stats, data.head, None, None, None)
        assert table is not None
        assert table.map is not None
        assert len(table.columns.ids) == len(table.map.nearest) == len(table.map.planes[0].x) == 10 < table.classes
        named = {token_id for nearest in table.map.nearest for token_id in nearest}
        assert table.map.others == {str(i): f"#{i}" for i in sorted(named - set(table.columns.ids))}
        projected = project(whole.used.centred, whole.weight, "means")
        assert table.map.planes[0].means_share == projected.means_share.tolist(), "the plane is that of all classes"

    def test_contexts_are_quoted_where_there_is_a_text_a_tokenizer_and_a_wish(self) -> None:
        class Numbers:
            all_special_ids = ()

            def convert_ids_to_tokens(self, token_id: int) -> str:
                return f"<{token_id}>"

            def decode(self, token_ids: list[int], **_: object) -> str:
                return " ".join(map(str, token_ids))

        data, blocks = sample(90), token_blocks(9, seed=1, classes=12, length=50)
        table = token_table(data.stats, data.head, None, None, Numbers(), blocks=blocks, contexts=2)
        assert table is not None
        assert table.map is not None
        assert {len(quoted) for quoted in table.map.contexts} == {0, 2}
        token_id = next(token_id for token_id in table.columns.ids if token_id < 12)
        quoted = table.map.contexts[table.columns.ids.index(token_id)]
        assert quoted == contexts_of(blocks, torch.tensor([token_id]), 2, Numbers())[0]
        bare = table.without_contexts()
        assert bare.map is not None
        assert not any(bare.map.contexts)
        assert bare.map.planes == table.map.planes
        for settings in ({"contexts": 0}, {"blocks": None}):
            given = {"blocks": blocks, "contexts": 2, **settings}
            without = token_table(data.stats, data.head, None, None, Numbers(), **given)
            assert without == bare
