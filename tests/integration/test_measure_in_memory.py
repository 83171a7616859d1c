"""``measure`` with a model in memory and blocks that are made: what it takes, and what it refuses before the pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nc_hf import ClassStatistics, measure
from nc_hf.errors import InputError, MergeError
from tests.training import by_hand, examples, tiny_model, token_blocks

QUIET: dict[str, Any] = {"progress": False, "uncertainty": False}


def test_values_and_loss() -> None:
    model = tiny_model()
    report = measure(model, token_blocks(12, 3), block_size=32, max_tokens=12 * 31, **QUIET)
    values = {name: metric.value for name, metric in report.metrics.items()}
    assert values == pytest.approx(by_hand(model, examples(12, seed=3)), rel=1e-4, abs=1e-7)
    assert (report.tokens, report.model.dtype, report.corpus.packing) == (12 * 31, "float32", "documents")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dtype": "bfloat16"}, r"convert it, with model\.to"),
        ({"block_size": 16}, "leave them out"),
        ({"packing": "paper"}, "leave them out"),
        ({"max_tokens": 100}, "leave them out"),
        ({"min_count": 0}, "min_count is 0"),
        ({"agreement_tokens": -1}, "agreement_tokens is -1"),
        ({"agreement_tokens": 0, "preset": ["nc4_agreement"]}, "nc4_agreement is decided"),
        ({"preset": ["nc1_category_share"]}, "compute_metrics"),
    ],
)
def test_what_would_be_ignored_or_fail_after_the_pass_is_refused_before(arguments: dict[str, Any], said: str) -> None:
    model = tiny_model()
    model.forward = None  # no pass is made
    with pytest.raises(InputError, match=said):
        measure(model, token_blocks(12, 3), **QUIET, **arguments)


def test_shards_of_models_that_differ_below_the_head_do_not_merge(tmp_path: Path) -> None:
    other = tiny_model()
    other.get_decoder().h[0].mlp.c_fc.bias.data[2] += 1e-3
    for part, model in enumerate((tiny_model(), other, tiny_model())):
        path = tmp_path / f"{part}.safetensors"
        measure(model, token_blocks(12, 3), shard=(min(part, 1), 2), statistics_path=path, min_count=2, **QUIET)
    first, wrong, right = (ClassStatistics.load(tmp_path / f"{part}.safetensors") for part in range(3))
    with pytest.raises(MergeError):
        first.merge(wrong)
    first.merge(right)
    assert first.num_tokens == 12 * 31
