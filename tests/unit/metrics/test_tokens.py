"""Single tokens: what brute force says of each, and which class is nearest."""

from __future__ import annotations

import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.pairwise import TILE
from nc_hf.metrics.tokens import class_table, nearest_classes
from tests.reference.oracle import oracle_tokens
from tests.texts import DIM, Sample, sample


def inputs_of(stats: ClassStatistics, data: Sample, classes: torch.Tensor | None) -> MetricInputs:
    return MetricInputs(stats, data.head, 2, None, None, classes=classes)


class TestAgainstBruteForce:
    @pytest.mark.parametrize("listed", [None, 2, 10, "some"])
    def test_every_class_is_as_its_definition_reads(self, listed: int | str | None) -> None:
        """Of all, of those with so many tokens, and of some, among them single tokens and one that nobody saw."""
        data = sample(60)
        classes = data.stats.class_ids
        if listed is not None:
            classes = classes[::2] if listed == "some" else classes[data.stats.counts >= listed]
        kept = torch.isin(data.labels, classes)
        expected = oracle_tokens(
            data.features[kept].numpy(), data.labels[kept].numpy(), data.head.weight.numpy(), min_count=2
        )
        named = None if listed is None else torch.cat([classes, torch.tensor([10**6])])
        table, _ = class_table(inputs_of(data.stats, data, named))
        assert set(table.ids.tolist()) == set(expected)
        assert (len(expected) < len(classes)) == (listed in (None, "some")), "single tokens are listed"
        for place, token_id in enumerate(table.ids.tolist()):
            brute = expected[token_id]
            assert int(table.counts[place]) == brute["count"]
            assert int(table.ids[table.nearest[place, 0]]) == brute["nearest"]
            assert float(table.distance[place, 0]) == pytest.approx(brute["distance"], rel=1e-10)
            for name in ("variability", "norm", "duality"):
                assert float(getattr(table, name)[place]) == pytest.approx(brute[name], rel=1e-10), name

    @pytest.mark.parametrize("most", [1, 5])
    def test_nearest_are_found_across_tiles(self, most: int) -> None:
        means = torch.randn(2 * TILE + 37, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        grid = torch.cdist(means, means).fill_diagonal_(torch.inf)
        distance, place = nearest_classes(means, most)
        expected = grid.sort(dim=1, stable=True)
        assert torch.equal(place, expected.indices[:, :most])
        torch.testing.assert_close(distance, expected.values[:, :most], rtol=1e-9, atol=1e-12)

    def test_coincident_means_are_nearest_at_no_distance_and_ties_go_to_the_lower(self) -> None:
        means = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [-1.0, 2.0]], dtype=torch.float64)
        distance, place = nearest_classes(means - means.mean(dim=0))
        assert place.tolist() == [[2, 3, 1, 4], [0, 2, 3, 4], [0, 3, 1, 4], [0, 2, 1, 4], [1, 0, 2, 3]]
        assert distance[:, 0].tolist() == [0, 2, 0, 0, 2]

    def test_many_coincident_means_across_tiles_are_named_in_order(self) -> None:
        """Means that are not one by one apart, but a thousand at each of two points."""
        means = torch.tensor([[1.0], [-1.0]], dtype=torch.float64).repeat(TILE + 200, 1)
        distance, place = nearest_classes(means, 3)
        assert place[0].tolist() == [2, 4, 6]
        assert place[-1].tolist() == [1, 3, 5]
        assert not distance.any()

    def test_means_over_the_classes_are_the_metrics(self) -> None:
        data = sample(80)
        classes = data.stats.class_ids[data.stats.counts >= 5]
        table, _ = class_table(inputs_of(data.stats, data, classes))
        values = compute_metrics(data.stats, data.head, ["nc1_trace_ratio", "nc3_cos_mean_centred"], 5)
        assert float(table.variability.mean()) == pytest.approx(values["nc1_trace_ratio"], rel=1e-12)
        assert float(table.duality.mean()) == pytest.approx(values["nc3_cos_mean_centred"], rel=1e-12)
        assert float(table.norm.square().mean()) == pytest.approx(1.0, rel=1e-12)

    def test_sampled_and_agreeing_tokens_are_those_of_the_class(self) -> None:
        data = sample(30)
        decided = data.decisions()
        table, _ = class_table(inputs_of(data.stats, data, None), decided)
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
        classes = data.stats.class_ids[data.stats.counts >= 3]
        one, _ = class_table(inputs_of(merged, data, classes))
        other, _ = class_table(inputs_of(data.stats, data, classes))
        for name, column in vars(one).items():
            torch.testing.assert_close(column, getattr(other, name), rtol=1e-9, atol=1e-12, msg=name)
