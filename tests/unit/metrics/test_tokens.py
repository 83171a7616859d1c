"""Single tokens: what brute force says of each, the two ends of the table, and texts that are safe to show."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.measurement.detail import ENDS, MOST_COLUMNS, token_table
from nc_hf.metrics.decisions import Decisions, decide
from nc_hf.metrics.pairwise import TILE
from nc_hf.metrics.tokens import COMMONEST, class_table, nearest_classes
from tests.reference.oracle import oracle_tokens

DIM = 5


@dataclass(frozen=True)
class Sample:
    features: torch.Tensor
    labels: torch.Tensor
    head: ClassifierHead

    @property
    def stats(self) -> ClassStatistics:
        stats = ClassStatistics(DIM)
        stats.update(self.features, self.labels)
        return stats

    def decisions(self) -> Decisions:
        linear = (self.features @ self.head.weight.T).argmax(dim=1)
        return decide(self.stats, self.features, self.labels, linear, leave_one_out=True)


def sample(classes: int, seed: int = 0) -> Sample:
    """Gaussian classes with 1 to 40 tokens each and unlike spreads, the ids in no order."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 41, classes)
    ids = rng.permutation(2 * classes)[:classes]
    owner = rng.permutation(np.repeat(np.arange(classes), counts))
    means, spread = 2 + rng.normal(size=(classes, DIM)), rng.uniform(0.1, 1.5, classes)
    features = means[owner] + spread[owner, None] * rng.normal(size=(len(owner), DIM))
    weight = rng.normal(size=(2 * classes, DIM))
    weight[ids] += means
    return Sample(torch.tensor(features), torch.tensor(ids[owner]), ClassifierHead(torch.tensor(weight), bias=None))


class TestAgainstBruteForce:
    @pytest.mark.parametrize("min_count", [1, 2, 10])
    def test_every_class_is_as_its_definition_reads(self, min_count: int) -> None:
        data = sample(60)
        table, _ = class_table(data.stats, data.head, min_count)
        expected = oracle_tokens(
            data.features.numpy(), data.labels.numpy(), data.head.weight.numpy(), min_count=max(2, min_count)
        )
        assert set(table.ids.tolist()) == set(expected)
        for place, token_id in enumerate(table.ids.tolist()):
            brute = expected[token_id]
            assert int(table.counts[place]) == brute["count"]
            assert int(table.ids[table.nearest[place]]) == brute["nearest"]
            for name in ("variability", "norm", "duality", "distance"):
                assert float(getattr(table, name)[place]) == pytest.approx(brute[name], rel=1e-10), name

    def test_nearest_is_found_across_tiles(self) -> None:
        means = torch.randn(2 * TILE + 37, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        grid = torch.cdist(means, means).fill_diagonal_(torch.inf)
        distance, place = nearest_classes(means)
        assert torch.equal(place, grid.argmin(dim=1))
        torch.testing.assert_close(distance, grid.min(dim=1).values, rtol=1e-9, atol=1e-12)

    def test_coincident_means_are_nearest_at_no_distance_and_ties_go_to_the_lower(self) -> None:
        means = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [-1.0, 2.0]], dtype=torch.float64)
        distance, place = nearest_classes(means - means.mean(dim=0))
        assert place.tolist() == [2, 0, 0, 0, 1]
        assert distance.tolist() == [0, 2, 0, 0, 2]

    def test_means_over_the_classes_are_the_metrics(self) -> None:
        data = sample(80)
        table, _ = class_table(data.stats, data.head, 5)
        values = compute_metrics(data.stats, data.head, ["nc1_trace_ratio", "nc3_cos_mean_centred"], 5)
        assert float(table.variability.mean()) == pytest.approx(values["nc1_trace_ratio"], rel=1e-12)
        assert float(table.duality.mean()) == pytest.approx(values["nc3_cos_mean_centred"], rel=1e-12)
        assert float(table.norm.square().mean()) == pytest.approx(1.0, rel=1e-12)

    def test_sampled_and_agreeing_tokens_are_those_of_the_class(self) -> None:
        data = sample(30)
        decided = data.decisions()
        table, _ = class_table(data.stats, data.head, 2, decided)
        for place, token_id in enumerate(table.ids.tolist()):
            mine = decided.labels == token_id
            assert int(table.sampled[place]) == int(mine.sum()) == int(table.counts[place])
            assert int(table.agreed[place]) == int(decided.agree[mine].sum())

    def test_merged_statistics_give_the_same_table(self) -> None:
        data = sample(50)
        merged = ClassStatistics(DIM)
        for rows in torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(3)).split(97):
            part = ClassStatistics(DIM)
            part.update(data.features[rows], data.labels[rows])
            merged.merge(part)
        one, _ = class_table(merged, data.head, 3)
        other, _ = class_table(data.stats, data.head, 3)
        for name, column in vars(one).items():
            torch.testing.assert_close(column, getattr(other, name), rtol=1e-9, atol=1e-12, msg=name)


class TestTable:
    def test_ends_are_the_least_and_the_most_variable(self) -> None:
        data = sample(90)
        table = token_table(data.stats, data.head, 5, data.decisions(), None)
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
        table = token_table(data.stats, data.head, 5, None, None)
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
        table = token_table(stats, head, 2, None, None)
        assert table is not None
        assert table.classes == classes
        assert {len(column) for column in vars(table.columns).values()} == {MOST_COLUMNS}
        assert len(set(table.columns.ids)) == MOST_COLUMNS
        ranked = torch.sort(counts, descending=True, stable=True).indices.tolist()
        assert table.columns.ids[: MOST_COLUMNS // 2] == ranked[: MOST_COLUMNS // 2]
        assert table.columns.ids[-1] == ranked[-1]
        assert len(json.dumps(vars(table.columns))) < 250_000

    def test_fewer_than_two_classes_have_no_table(self) -> None:
        data = sample(10)
        assert token_table(data.stats, data.head, 1000, None, None) is None

    def test_classes_that_cannot_be_told_apart_have_no_rank(self) -> None:
        """Two classes with one mean: nothing lies between them, so variability is undefined, and nothing breaks."""
        stats = ClassStatistics(2)
        stats.update(torch.tensor([[1.0, 0.0], [-1.0, 0.0]] * 6), torch.tensor([0, 0, 1, 1] * 3))
        table = token_table(stats, ClassifierHead(torch.eye(2), bias=None), 2, None, None)
        assert table is not None
        assert all(math.isnan(value) for value in table.columns.variability)
        assert table.most_collapsed == table.least_collapsed == []
