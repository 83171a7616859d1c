"""What a Trainer leaves on the disk, whole models and adapters, measured as it lies there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model

from nc_hf import Trajectory, trajectory
from nc_hf.hub import load_model, resolve
from nc_hf.measurement.options import MeasureOptions
from tests.training import blocks_by_hand, close, make_trainer, tiny_model, token_blocks

METRICS = ["nc1_trace_ratio", "nc3_cos_mean_centred"]
OPTIONS: MeasureOptions = {"progress": False, "uncertainty": False, "preset": METRICS}


def trained(folder: Path, model: Any) -> Trajectory:
    make_trainer(
        folder,
        model=model,
        learning_rate=0.05,
        save_strategy="steps",
        save_steps=2,
    ).train()
    return trajectory(str(folder), token_blocks(40, seed=3), **OPTIONS)


@pytest.mark.slow
def test_a_trainer_s_checkpoints_have_the_values_of_the_models_in_them(tmp_path: Path) -> None:
    course = trained(tmp_path, tiny_model())
    assert [point.step for point in course.points] == [2, 4]
    for point in course.points:
        model = load_model(resolve(str(tmp_path / point.revision), allow_local=True))
        expected = blocks_by_hand(model, 40, 3, METRICS)
        assert {name: metric.value for name, metric in point.report.metrics.items()} == close(expected)


@pytest.mark.slow
def test_a_trainer_s_adapters_end_at_the_values_of_the_model_in_memory(tmp_path: Path) -> None:
    base = tmp_path / "base"
    tiny_model().save_pretrained(base)
    inside = tiny_model()
    inside.name_or_path = str(base)
    targets = ["q_proj", "v_proj", "c_fc"]
    model = get_peft_model(inside, LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM"))
    course = trained(tmp_path / "out", model)
    assert [point.step for point in course.points] == [2, 4]
    last = course.points[-1].report
    assert last.model.base is not None
    assert (last.model.base.id, last.model.base.kind) == (str(base), "LORA")
    expected = blocks_by_hand(model.base_model.model, 40, 3, METRICS)  # not merged
    assert {name: metric.value for name, metric in last.metrics.items()} == close(expected, 1e-3)
    first = {name: metric.value for name, metric in course.points[0].report.metrics.items()}
    assert first != pytest.approx(expected, rel=1e-2)
