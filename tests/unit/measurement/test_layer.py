"""A layer holds groups of its own and decides by its own centres; the final one is no exception."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics, measure
from nc_hf.errors import InputError
from nc_hf.measurement.layer import Layer, TokenBatch
from nc_hf.metrics.table import METRICS
from nc_hf.runtime.precision import float64_device
from tests.ranks import Rank, on_ranks
from tests.reference.oracle import oracle_agreement
from tests.training import tiny_model, token_blocks

QUIET: dict[str, Any] = {"progress": False, "device": "cpu"}


def batch(tokens: int, groups: int, seed: int = 0) -> tuple[torch.Tensor, TokenBatch]:
    """Features (tokens, 6) of 5 classes, in groups one after the other."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, (tokens,), generator=generator)
    group = torch.arange(tokens) * groups // tokens
    features = torch.randn(tokens, 6, generator=generator, dtype=torch.float64)
    return features, TokenBatch(labels, group, torch.arange(tokens))


class OneProcess:
    num_processes = 1
    device = torch.device("cpu")


class TestLayer:
    @pytest.mark.parametrize("groups", [1, 3])
    def test_groups_are_parts_of_the_whole(self, groups: int) -> None:
        layer = Layer(6, torch.device("cpu"), groups=groups)
        whole = ClassStatistics(6)
        for seed in range(3):
            features, tokens = batch(40, groups, seed)
            layer.add(features, tokens)
            whole.update(features, tokens.labels)
        layer.reduce(OneProcess())
        assert [group.num_tokens for group in layer.groups] == ([120] if groups == 1 else [42, 39, 39])
        assert torch.equal(layer.statistics.counts, whole.counts)
        torch.testing.assert_close(layer.statistics.means, whole.means, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("groups", [1, 3])
    def test_ranks_end_with_the_same_groups(self, groups: int) -> None:
        """What one process gathers of all tokens, two gather of every other one; one of them saw no outlier."""
        outliers = torch.tensor([0, 12])
        features, tokens = batch(40, groups)

        def half(rank: Rank) -> Layer:
            layer = Layer(6, torch.device("cpu"), groups=groups, outliers=outliers)
            mine = torch.arange(40) % 2 == rank.process_index
            layer.add(features[mine], tokens.where(mine))
            layer.add(features[:0], tokens.where(torch.zeros(40, dtype=torch.bool)))
            layer.reduce(rank)
            return layer

        whole = Layer(6, torch.device("cpu"), groups=groups, outliers=outliers)
        whole.add(features, tokens)
        whole.reduce(OneProcess())
        found = on_ranks(2, half)
        assert [layer.kept_out.num_tokens for layer in found] == [2, 2]
        for mine, theirs, wanted in zip(*(layer.groups for layer in (*found, whole)), strict=True):
            assert torch.equal(mine.means, theirs.means)
            assert torch.equal(mine.counts, wanted.counts)
            torch.testing.assert_close(mine.means, wanted.means, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(mine.scatter, wanted.scatter, rtol=1e-10, atol=1e-12)
        assert found[0].outlier_share == pytest.approx(whole.outlier_share, rel=1e-9)

    def test_the_state_goes_into_another_layer_bit_for_bit(self) -> None:
        first, second = (Layer(6, torch.device("cpu"), groups=2) for _ in range(2))
        first.add(*batch(50, 2))
        second.load_state_dict(first.state_dict())
        for layer in (first, second):
            layer.add(*batch(50, 2, seed=1))
            layer.reduce(OneProcess())
        for mine, theirs in zip(first.groups, second.groups, strict=True):
            assert torch.equal(mine.means, theirs.means)
            assert torch.equal(mine.scatter, theirs.scatter)

    def test_a_group_holds_only_the_classes_that_it_saw(self) -> None:
        layer = Layer(6, torch.device("cpu"), groups=2)
        features, tokens = batch(40, 2)
        apart = TokenBatch(tokens.labels + 100 * tokens.group, tokens.group, tokens.positions)
        layer.add(features, apart)
        assert [group.class_ids.tolist() for group in layer.groups] == [list(range(5)), list(range(100, 105))]

    def test_statistics_live_where_the_features_are_unless_there_is_no_float64(self) -> None:
        assert float64_device(torch.device("cuda", 1)) == torch.device("cuda", 1)
        assert Layer(6, torch.device("mps")).groups[0].device == torch.device("cpu")
        assert Layer(6, torch.device("meta")).groups[0].device == torch.device("meta")


class TestMeasuredLayers:
    def test_the_final_layer_is_one_of_the_layers(self) -> None:
        report = measure(tiny_model(), token_blocks(24, 3), layers="all", preset="full", **QUIET)
        assert list(report.layers) == ["layer.0", "layer.1", "final"]
        assert report.layers["final"] == report.metrics
        inner = report.layers["layer.0"]
        assert inner.keys() == {name for name in report.metrics if "head" not in METRICS[name].needs}
        assert {"nc1_pinv", "nc4_agreement"} <= inner.keys()
        assert all(metric.stderr is None for metric in inner.values())
        assert report.metrics["nc1_trace_ratio"].stderr is not None

    @pytest.mark.parametrize("classes", [[0, 2, 3, 5, 7, 11], "all"])
    def test_nc4_of_a_layer_is_that_of_its_own_centres_and_the_model_s_decisions(self, classes: Any) -> None:
        """The layers decide by their own centres of the classes that count, the model among the same classes."""
        model, blocks, names = tiny_model().eval(), token_blocks(24, 3), ["nc4_agreement", "nc4_ncc_accuracy"]
        report = measure(model, blocks, layers="all", preset=names, classes=classes, **QUIET)
        with torch.no_grad():
            out = model(blocks.input_ids.long(), output_hidden_states=True)
        labels = blocks.input_ids[:, 1:].flatten().numpy()
        logits = out.logits[:, :-1].flatten(0, 1).double().numpy()
        listed = None if classes == "all" else classes
        every = {}
        for place, layer in ((1, "layer.0"), (-1, "final")):  # what the first block gives, and what enters the head
            features = out.hidden_states[place][:, :-1].flatten(0, 1).double().numpy()
            wanted = oracle_agreement(features, labels, features, labels, logits, leave_one_out=True, classes=listed)
            assert list(report.layers[layer]) == names
            for name, metric in report.layers[layer].items():
                assert metric.value == pytest.approx(wanted[name], abs=1e-12), (layer, name)
            every[layer] = wanted
        assert every["layer.0"] != every["final"], "or the test would not see the wrong layer"
        assert report.agreement is not None
        assert report.agreement.tokens == (24 * 31 if listed is None else int(np.isin(labels, listed).sum()))

    def test_standard_errors_of_every_layer_where_they_are_asked_for(self) -> None:
        model, blocks, names = tiny_model().eval(), token_blocks(20, 3), ["nc1_trace_ratio", "nc2_cos_std"]
        report = measure(model, blocks, layers="all", layer_errors=True, preset=names, **QUIET)
        with torch.no_grad():
            hidden = model(blocks.input_ids.long(), output_hidden_states=True).hidden_states[1]
        labels = blocks.input_ids[:, 1:]
        counted = torch.nonzero(torch.bincount(labels.flatten()) >= 2).flatten()
        replicates = []
        for left_out in range(10):  # two blocks a group
            rows = torch.arange(20) // 2 != left_out
            stats = ClassStatistics(hidden.shape[-1])
            stats.update(hidden[rows, :-1].flatten(0, 1), labels[rows].flatten())
            replicates.append(compute_metrics(stats, None, names, classes=counted))
        for name in names:
            values = np.array([each[name] for each in replicates])
            wanted = math.sqrt(9 / 10 * ((values - values.mean()) ** 2).sum())
            assert report.layers["layer.0"][name].stderr == pytest.approx(wanted, rel=1e-4), name
        assert report.layers["final"] == report.metrics

    @pytest.mark.parametrize("options", [{}, {"layers": "all", "uncertainty": False}])
    def test_errors_of_layers_that_nobody_measures_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(InputError, match="pass layers='all'"):
            measure(tiny_model(), token_blocks(4, 3), layer_errors=True, **options, **QUIET)
