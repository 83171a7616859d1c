"""Each situation comes out as the table says: a number that is right, a refusal before training, or a warning."""

from __future__ import annotations

import importlib.util
import logging
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from nc_hf.errors import NCError
from nc_hf.metrics import PRESETS
from tests.situations.catalogue import by_area
from tests.situations.registry import SITUATIONS, Situation
from tests.situations.watching import Compared, Watch

WAY_OUT = re.compile(r"corpus=|\bpass \w|\bcall \w|\buse \w|\bload \w|\bchoose \w|\bevaluate on\b|\battach\(")
LONGEST = 120  # seconds

pytestmark = pytest.mark.slow  # each trains or evaluates a model


def parameters() -> Iterable[Any]:
    for area, situations in by_area().items():
        for each in situations:
            marks = []
            if each.needs:
                missing = importlib.util.find_spec(each.needs) is None
                marks.append(pytest.mark.skipif(missing, reason=f"needs {each.needs}"))
            yield pytest.param(each, id=f"{area}: {each.text}", marks=marks)


def comparisons(found: Any) -> list[Compared]:
    if isinstance(found, Watch):
        return found.compared
    if isinstance(found, Compared):
        return [found]
    return [each for one in found for each in comparisons(one)]


def check_right(found: list[Compared], tolerance: float) -> None:
    assert found, "there was no evaluation"
    for each in found:
        assert set(each.expected) == set(PRESETS["core"])
        assert each.values == pytest.approx(each.expected, rel=tolerance, abs=1e-7)


def check_warned(rows: Any, said: list[str], pattern: str, kept: bool) -> None:
    rows = [rows] if isinstance(rows, dict) else rows
    assert rows, "the run did not come to an evaluation"
    for row in rows:
        ours = {key: row[key] for key in row if any(key.endswith(f"_{name}") for name in PRESETS["core"])}
        assert kept or all(math.isnan(value) for value in ours.values()), ours
    assert len(said) == 1, said
    assert re.search(pattern, said[0]), said


@pytest.fixture(autouse=True)
def _one_thread() -> Iterable[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("each", parameters())
def test_situation(each: Situation, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="nc_hf.training"):
        if each.outcome == "refused before training":
            steps = Steps()
            with steps, pytest.raises(NCError) as error:
                each.run(tmp_path)
            assert WAY_OUT.search(str(error.value)), str(error.value)
            assert re.search(each.said, str(error.value)), str(error.value)
            assert steps.taken == 0
            return
        found = each.run(tmp_path)
    said = [record.getMessage() for record in caplog.records if record.name == "nc_hf.training"]
    if each.outcome == "right":
        check_right(comparisons(found), each.tolerance)
        assert not said
    else:
        check_warned(found, said, each.said, each.kept)


class Steps:
    """Counts the steps of every optimiser while it is open."""

    taken = 0

    def __enter__(self) -> Steps:
        self._handle = register_optimizer_step_post_hook(self._count)
        return self

    def __exit__(self, *exception: object) -> None:
        self._handle.remove()

    def _count(self, *arguments: Any) -> None:
        self.taken += 1


def test_texts_are_told_apart() -> None:
    assert len({(each.area, each.text) for each in SITUATIONS}) == len(SITUATIONS) > 0


def test_a_wrong_value_is_seen() -> None:
    expected = dict.fromkeys(PRESETS["core"], 1.0)
    check_right([Compared(dict(expected), expected)], 2e-4)
    for wrong in (1.0003, math.nan, None):
        with pytest.raises(AssertionError):
            check_right([Compared({**expected, "nc1_trace_ratio": wrong}, expected)], 2e-4)  # type: ignore[dict-item]


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_expected_is_what_exact_arithmetic_says(seed: int) -> None:
    from tests.reference.oracle import oracle_agreement, oracle_metrics
    from tests.situations.expected import core_values

    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 9, (120,), generator=generator)
    labels[:1] = 9  # one that comes once
    features = torch.randn(120, 6, generator=generator) + torch.randn(10, 6, generator=generator)[labels]
    head = nn.Linear(6, 14)
    nn.init.normal_(head.bias)
    weight, bias = head.weight.detach().double().numpy(), head.bias.detach().double().numpy()
    x, y = features.double().numpy(), labels.numpy()
    wanted = oracle_metrics(x, y, weight, classes=range(10))
    wanted |= oracle_agreement(x, y, x, y, x @ weight.T + bias, True, classes=range(10))
    found = core_values(x, y, weight, bias)
    assert found == pytest.approx({name: wanted[name] for name in found}, rel=1e-9)
    few = core_values(x, y, weight, bias, share=0.1)
    often = [c for c in range(10) if (y == c).sum() >= 12]
    wanted = oracle_metrics(x, y, weight, classes=often)
    wanted |= oracle_agreement(x, y, x, y, x @ weight.T + bias, True, classes=often)
    assert 2 < len(often) < 9
    assert few == pytest.approx({name: wanted[name] for name in few}, rel=1e-9)
