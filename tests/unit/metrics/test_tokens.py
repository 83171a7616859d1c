"""Single tokens: what brute force says of each, and which class is nearest."""

from __future__ import annotations

import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics
from nc_hf.metrics.pairwise import TILE
from nc_hf.metrics.tokens import class_table, nearest_classes
from tests.reference.oracle import oracle_tokens
from tests.texts import DIM, sample


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
        table, _ = class_table(data.stats, data.head, named)
        assert set(table.ids.tolist()) == set(expected)
        assert (len(expected) < len(classes)) == (listed in (None, "some")), "single tokens are listed"
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
        classes = data.stats.class_ids[data.stats.counts >= 5]
        table, _ = class_table(data.stats, data.head, classes)
        values = compute_metrics(data.stats, data.head, ["nc1_trace_ratio", "nc3_cos_mean_centred"], 5)
        assert float(table.variability.mean()) == pytest.approx(values["nc1_trace_ratio"], rel=1e-12)
        assert float(table.duality.mean()) == pytest.approx(values["nc3_cos_mean_centred"], rel=1e-12)
        assert float(table.norm.square().mean()) == pytest.approx(1.0, rel=1e-12)

    def test_sampled_and_agreeing_tokens_are_those_of_the_class(self) -> None:
        data = sample(30)
        decided = data.decisions()
        table, _ = class_table(data.stats, data.head, None, decided)
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
        one, _ = class_table(merged, data.head, classes)
        other, _ = class_table(data.stats, data.head, classes)
        for name, column in vars(one).items():
            torch.testing.assert_close(column, getattr(other, name), rtol=1e-9, atol=1e-12, msg=name)
