"""Errors and biases of values over pairs: seen on few drawn pairs where those show them, else on all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from nc_hf import METRICS, PRESETS, ClassStatistics, compute_metrics
from nc_hf.errors import StatisticsError
from nc_hf.metrics import changes
from nc_hf.metrics.changes import Measured, without_groups
from nc_hf.metrics.compute import compute_by_draw
from nc_hf.metrics.drawing import Draws
from nc_hf.metrics.jackknife import jackknife_error
from nc_hf.metrics.uncertainty import halves_of

CORE = [name for name in PRESETS["core"] if not METRICS[name].needs]
MEDIAN, UNIFORM = "nc1_cdnv_median", "gnc2_log_std_ratio"
CLASSES, WIDTH, GROUPS = 1500, 12, 10
Deal = Callable[[torch.Generator, Tensor], Tensor]


def uneven(generator: torch.Generator, labels: Tensor) -> Tensor:
    """Features of which a few dimensions hold most, and classes that differ in length, as those of language models."""
    spread = torch.arange(1, WIDTH + 1) ** -0.7
    centres = torch.randn(CLASSES, WIDTH, generator=generator) * torch.exp(
        0.3 * torch.randn(CLASSES, 1, generator=generator)
    )
    return (centres[labels] + torch.randn(len(labels), WIDTH, generator=generator)) * spread


def even(generator: torch.Generator, labels: Tensor) -> Tensor:
    """Features whose classes lie as evenly as chance, and alike: single pairs make the errors."""
    centres = torch.randn(CLASSES, WIDTH, generator=generator)
    return centres[labels] + 0.3 * torch.randn(len(labels), WIDTH, generator=generator)


def grouped(deal: Deal, seed: int = 0) -> list[ClassStatistics]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(CLASSES).repeat(12)[torch.randperm(12 * CLASSES, generator=generator)]
    parts = [ClassStatistics(WIDTH) for _ in range(GROUPS)]
    features = deal(generator, labels)
    for part, *rows in zip(parts, features.chunk(GROUPS), labels.chunk(GROUPS), strict=True):
        part.update(*rows)
    return parts


class Measuring:
    """Computes metrics, and remembers what was asked: names, the group left out, and draws."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], int | None, Draws | None]] = []

    def __call__(
        self, stats: ClassStatistics, names: Sequence[str], group: int | None, draws: Draws | None, /
    ) -> Measured:
        self.asked.append((tuple(names), group, draws))
        if draws is not None:
            return compute_by_draw(stats, None, names, 2, None, classes=None, draws=draws)
        return compute_metrics(stats, None, names, 2), ()


def by_definition(groups: list[ClassStatistics], names: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """The errors, and the values without bias, with every pair looked at each time."""
    rests = [ClassStatistics.union([*groups[:out], *groups[out + 1 :]]) for out in range(GROUPS)]
    without = [compute_metrics(rest, None, names, 2) for rest in rests]
    values = compute_metrics(ClassStatistics.union(groups), None, names, 2)
    halves = [compute_metrics(half, None, [MEDIAN], 2)[MEDIAN] for half in halves_of(groups)]
    errors, best = {}, dict(values)
    for name in names:
        found = np.array([each[name] for each in without])
        errors[name] = math.sqrt((GROUPS - 1) / GROUPS * ((found - found.mean()) ** 2).sum())
        if METRICS[name].debiased and METRICS[name].smooth:
            best[name] = values[name] - (GROUPS - 1) * (found.mean() - values[name])
    if MEDIAN in names:
        best[MEDIAN] = values[MEDIAN] - (np.mean(halves) - values[MEDIAN])
    return errors, best


def anew(
    groups: list[ClassStatistics], names: Sequence[str], measure: Measuring, *, drawn: bool = False
) -> tuple[dict[str, list[float]], dict[str, float]]:
    whole = ClassStatistics.union(groups)
    return without_groups(compute_metrics(whole, None, names, 2), whole, groups, measure, None, drawn=drawn)


@pytest.mark.slow
def test_few_pairs_show_the_errors_and_biases_of_uneven_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAYS_FROM", 1000)
    groups, measure = grouped(uneven), Measuring()
    found, best = anew(groups, CORE, measure)
    assert {draws for _, _, draws in measure.asked} == {Draws(4, CLASSES)}, "no sweep over every pair"
    errors, wanted = by_definition(groups, CORE)
    for name in CORE:
        assert jackknife_error(found[name]) == pytest.approx(errors[name], rel=0.15), name
        assert best[name] == pytest.approx(wanted[name], abs=0.33 * errors[name]), name
        if METRICS[name].pairs is None:
            assert jackknife_error(found[name]) == pytest.approx(errors[name], rel=1e-9), name


@pytest.mark.slow
def test_where_single_pairs_make_the_errors_every_pair_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAYS_FROM", 1000)
    groups, measure = grouped(even), Measuring()
    found, best = anew(groups, CORE, measure)
    exact = [asked for asked in measure.asked if asked[2] is None]
    assert [group for names, group, _ in exact if set(names) == {MEDIAN, UNIFORM}] == list(range(GROUPS))
    assert len(exact) == 2 * GROUPS, "and halves, but nothing that looks at no pairs"
    errors, wanted = by_definition(groups, CORE)
    for name in CORE:
        assert jackknife_error(found[name]) == pytest.approx(errors[name], rel=1e-9), name
        assert best[name] == pytest.approx(wanted[name], rel=1e-9), name


@pytest.mark.parametrize(
    ("names", "pays_from"),
    [(CORE, CLASSES), ([*CORE, "nc2_max_cos"], 1000), (["nc1_trace_ratio", "nc2_cos_std"], 1000)],
    ids=["few classes", "a maximum", "nothing over pairs"],
)
def test_where_nothing_is_gained_nothing_is_drawn(
    names: list[str], pays_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PAYS_FROM", pays_from)
    groups, measure = grouped(uneven), Measuring()
    found, best = anew(groups, names, measure)
    assert {draws for _, _, draws in measure.asked} == {None}
    errors, wanted = by_definition(groups, names)
    for name in names:
        assert jackknife_error(found[name]) == pytest.approx(errors[name], rel=1e-9), name
        assert best[name] == pytest.approx(wanted[name], rel=1e-9), name


def test_estimates_by_drawing_have_replicates_by_drawing_alone() -> None:
    """Also of few classes, and where their noise is large: every pair is what was not to be looked at."""
    measure = Measuring()
    found, _ = anew(grouped(even), CORE, measure, drawn=True)
    assert {draws for _, _, draws in measure.asked} == {Draws(10, CLASSES)}
    assert found.keys() == set(CORE)


@pytest.mark.slow
def test_a_value_that_is_not_finite_on_some_pairs_is_seen_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAYS_FROM", 1000)

    class Diverging(Measuring):
        def __call__(
            self, stats: ClassStatistics, names: Sequence[str], group: int | None, draws: Draws | None, /
        ) -> Measured:
            others, parts = super().__call__(stats, names, group, draws)
            if group == 3:
                parts = [{**parts[0], UNIFORM: math.inf}, *parts[1:]] if parts else parts
            return others, parts

    groups = grouped(uneven)
    found, _ = anew(groups, CORE, Diverging())
    errors, _ = by_definition(groups, CORE)
    assert jackknife_error(found[UNIFORM]) == pytest.approx(errors[UNIFORM], rel=1e-9)


@pytest.mark.parametrize(("size", "borne"), [(0.9, True), (1.1, False)])
@pytest.mark.parametrize("of", ["spread", "bias"])
def test_drawing_may_add_a_tenth_to_an_error_s_square_and_a_tenth_of_an_error_to_a_value(
    of: str, size: float, borne: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups change a value by +-1, so that the square of its error is 9; noise of four draws is put on by hand."""
    monkeypatch.setattr(changes, "PAYS_FROM", 0)
    # Noise of +-x in four draws has the variance 4/3 x^2. Of eight groups it adds 9/10 8 4/3 x^2 / 4 to the square of
    # the error, and of all groups alike 9^2 4/3 x^2 / 4 to that of the bias.
    groups_noise = math.sqrt(0.1 * 9 / 2.4 * size) if of == "spread" else 0.0
    draws_noise = math.sqrt(0.01 * 9 / 27 * size) if of == "bias" else 0.0
    exact: list[int | None] = []

    def measure(stats: ClassStatistics, names: Sequence[str], group: int | None, draws: Draws | None, /) -> Measured:
        change = 0.0 if group is None else (-1.0) ** group
        if draws is None:
            exact.append(group)
            return {UNIFORM: 5 + change}, ()
        if group is None:
            return {}, [{UNIFORM: 5.0}] * 4
        # Every second pair of groups has the opposite sign, so that no draw has a level of its own.
        noise = draws_noise + groups_noise * (-1) ** (group // 2) * (group < 8)
        return {}, [{UNIFORM: 5 + change + sign * noise} for sign in (1, -1, 1, -1)]

    parts = [ClassStatistics(2) for _ in range(GROUPS)]
    for part in parts:
        part.update(torch.eye(2), torch.arange(2))
    found, best = without_groups({UNIFORM: 5.0}, ClassStatistics.union(parts), parts, measure, None)
    assert (not exact) is borne
    assert jackknife_error(found[UNIFORM]) == pytest.approx(3)
    assert best[UNIFORM] == pytest.approx(5)


def test_too_little_text_to_do_without_a_group_leaves_no_replicate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAYS_FROM", 1000)

    class Refusing(Measuring):
        def __call__(
            self, stats: ClassStatistics, names: Sequence[str], group: int | None, draws: Draws | None, /
        ) -> Measured:
            if group == 7:
                raise StatisticsError("too little")
            return super().__call__(stats, names, group, draws)

    groups = grouped(uneven)
    values = compute_metrics(ClassStatistics.union(groups), None, CORE, 2)
    assert without_groups(values, ClassStatistics.union(groups), groups, Refusing(), None) == ({}, values)


class TestNoise:
    """What drawing adds, by simulation: every group changes a value by 1 or so, and every draw by noise beside it."""

    DRAWS, SPREAD = 4, 0.7

    def simulated(self, seed: int) -> changes._Drawn:
        random = np.random.default_rng(seed)
        whole = random.normal(5, 1, self.DRAWS)
        drawn = changes._Drawn({UNIFORM: 5.0}, [{UNIFORM: float(value)} for value in whole])
        for change in random.normal(0, 1, GROUPS):
            noise = random.normal(0, self.SPREAD, self.DRAWS)
            drawn.of({}, [{UNIFORM: float(part)} for part in whole + change + noise])
        return drawn

    def test_of_the_spread_it_is_what_noise_alone_gives_the_error(self) -> None:
        """E (G-1)/G sum_g (mean noise)^2 = (G-1)/G (G-1) s^2 / draws: the jackknife's centre takes one away."""
        found = [self.simulated(seed).noise_of_spread(UNIFORM) for seed in range(400)]
        wanted = (GROUPS - 1) ** 2 / GROUPS * self.SPREAD**2 / self.DRAWS
        assert np.mean(found) == pytest.approx(wanted, rel=4 * np.std(found) / wanted / math.sqrt(400))

    @pytest.mark.parametrize(("share", "factor"), [(0.9, 9), (0.5, 1)], ids=["without each group", "halves"])
    def test_of_the_bias_it_is_the_square_of_its_error(self, share: float, factor: int) -> None:
        found = [self.simulated(seed).noise_of_bias(UNIFORM, share) for seed in range(400)]
        wanted = factor**2 * self.SPREAD**2 / GROUPS / self.DRAWS
        assert np.mean(found) == pytest.approx(wanted, rel=4 * np.std(found) / wanted / math.sqrt(400))

    def test_what_no_part_was_measured_of_has_none(self) -> None:
        assert self.simulated(0).noise_of_bias(MEDIAN, 0.5) == 0.0


def test_a_part_differs_by_the_mean_of_its_draws() -> None:
    whole: list[Mapping[str, float]] = [{UNIFORM: 1.0}, {UNIFORM: 3.0}]
    drawn = changes._Drawn({UNIFORM: 2.5, "nc2_cos_std": 0.1}, whole)
    part = drawn.of({"nc2_cos_std": 0.2}, [{UNIFORM: 1.5}, {UNIFORM: 3.3}])
    assert part == {"nc2_cos_std": 0.2, UNIFORM: pytest.approx(2.5 + 0.4)}
