"""The callback in Trainers as they are set: selection, resuming, precision, compilation, heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch._dynamo.utils import counters
from transformers import EarlyStoppingCallback, Trainer

from nc_hf import NeuralCollapseCallback
from nc_hf.model.logits import argmax_with_ties
from tests.architectures import ARCHITECTURES, VOCAB_SIZE
from tests.training import HELD_OUT, by_hand, close, evaluated, examples, history, make_trainer, token_blocks


class TestSelection:
    SETTINGS: ClassVar[dict[str, Any]] = {
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "eval_steps": 1,
        "save_steps": 1,
        "metric_for_best_model": "nc1_trace_ratio",
        "greater_is_better": False,
        "load_best_model_at_end": True,
    }

    def test_best_model(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), **self.SETTINGS)
        trainer.train()
        course = history(trainer)
        best = min(course, key=lambda step: course[step])
        assert trainer.state.best_metric == course[best]
        assert trainer.state.best_model_checkpoint.endswith(f"checkpoint-{best}")
        assert trainer.evaluate()["eval_nc1_trace_ratio"] == pytest.approx(course[best], rel=1e-6)

    @pytest.mark.parametrize("corpus", [None, "blocks"])
    def test_early_stopping(self, tmp_path: Path, corpus: str | None) -> None:
        callback = NeuralCollapseCallback(corpus=corpus and token_blocks(8, 3))
        # Before the callback, and without progress: it stops after the second evaluation only if it finds the value.
        trainer = make_trainer(
            tmp_path, EarlyStoppingCallback(1), callback, learning_rate=0.0, max_steps=6, **self.SETTINGS
        )
        trainer.train()
        assert trainer.state.global_step == 2


class TestResume:
    @pytest.mark.parametrize("restore", [False, True])
    @pytest.mark.parametrize("attached", [False, True])
    def test_from_a_checkpoint(self, tmp_path: Path, restore: bool, attached: bool) -> None:
        def start(steps: int) -> Trainer:
            callback = NeuralCollapseCallback()
            trainer = make_trainer(
                tmp_path,
                EarlyStoppingCallback(9),
                *([] if attached else [callback]),
                max_steps=steps,
                lr_scheduler_type="constant",
                eval_strategy="steps",
                eval_steps=1,
                save_strategy="steps",
                save_steps=2,
                metric_for_best_model="nc4_agreement",
                load_best_model_at_end=True,
                restore_callback_states_from_checkpoint=restore,
            )
            return callback.attach(trainer) and trainer if attached else trainer

        whole = start(4)
        whole.train()
        resumed = start(4)
        resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
        assert history(resumed) == pytest.approx(history(whole), rel=1e-6)
        assert list(history(resumed)) == [1, 2, 3, 4]
        assert sum(isinstance(c, NeuralCollapseCallback) for c in resumed.callback_handler.callbacks) == 1


class TestSettings:
    def test_bf16(self, tmp_path: Path) -> None:
        trainer = make_trainer(
            tmp_path, NeuralCollapseCallback(), bf16=True, max_steps=2, eval_strategy="steps", eval_steps=2
        )
        trainer.train()
        row = next(row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row)
        wanted = by_hand(trainer.model, HELD_OUT, autocast=torch.bfloat16)
        assert evaluated(row) == close(wanted, 2e-2)
        assert evaluated(trainer.evaluate()) == close(evaluated(row), 1e-6)

    def test_bf16_with_its_own_corpus(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3), every=2), bf16=True, max_steps=2)
        trainer.train()
        row = next(row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row)
        wanted = by_hand(trainer.model, examples(8, seed=3), autocast=torch.bfloat16)
        assert evaluated(row) == close(wanted, 2e-2)

    def test_a_model_in_bf16(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), bf16_full_eval=True)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT), 2e-2)
        assert trainer.model.dtype == torch.bfloat16

    @pytest.mark.slow
    def test_gradient_accumulation(self, tmp_path: Path) -> None:
        trainer = make_trainer(
            tmp_path,
            NeuralCollapseCallback(token_blocks(8, 3), every=1),
            gradient_accumulation_steps=2,
            max_steps=2,
        )
        trainer.train()
        assert list(history(trainer)) == [1, 2]
        listening = make_trainer(
            tmp_path,
            NeuralCollapseCallback(),
            gradient_accumulation_steps=2,
            max_steps=2,
            eval_strategy="steps",
            eval_steps=1,
        )
        listening.train()
        assert list(history(listening)) == [1, 2]
        assert evaluated(listening.evaluate()) == close(by_hand(listening.model, HELD_OUT))

    @pytest.mark.parametrize("corpus", [False, True])
    def test_torch_compile(self, tmp_path: Path, corpus: bool) -> None:
        trainer = make_trainer(
            tmp_path,
            NeuralCollapseCallback(token_blocks(8, 3) if corpus else None),
            torch_compile=True,
            torch_compile_backend="eager",
            eval_strategy="steps",
            eval_steps=1,
            max_steps=2,
        )
        trainer.train()
        assert list(history(trainer)) == [1, 2]
        last = [row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row][-1]
        torch.compiler.reset()
        wanted = by_hand(trainer.model, examples(8, seed=3) if corpus else HELD_OUT)
        assert evaluated(last) == close(wanted)

    @pytest.mark.slow
    def test_a_pass_of_its_own_leaves_the_compiled_training_step(self, tmp_path: Path) -> None:
        graphs = []
        for callbacks in ([], [NeuralCollapseCallback(token_blocks(8, 3), every=1)]):
            torch.compiler.reset()
            counters.clear()
            trainer = make_trainer(tmp_path, *callbacks, torch_compile=True, torch_compile_backend="eager", max_steps=4)
            trainer.train()
            graphs.append(counters["stats"]["unique_graphs"])
        assert graphs[1] == graphs[0] > 0

    @pytest.mark.parametrize(("preset", "decides"), [(["nc1_trace_ratio"], False), (["nc4_agreement"], True)])
    def test_no_decisions_without_an_nc4_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: list[str], decides: bool
    ) -> None:
        decided: list[torch.Size] = []

        def watched(logits: torch.Tensor) -> Any:
            decided.append(logits.shape)
            return argmax_with_ties(logits)

        monkeypatch.setattr("nc_hf.model.tap.argmax_with_ties", watched)
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(preset=preset))
        assert list(evaluated(trainer.evaluate())) == preset
        assert bool(decided) == decides

    def test_a_small_sample_for_nc4(self, tmp_path: Path) -> None:
        few = make_trainer(tmp_path, NeuralCollapseCallback(agreement_tokens=40))
        values, wanted = evaluated(few.evaluate()), by_hand(few.model, HELD_OUT)
        share = values.pop("nc4_agreement") * 40
        assert share == pytest.approx(round(share))
        wanted.pop("nc4_agreement")
        assert values == close(wanted)


class TestHeads:
    @pytest.mark.parametrize(
        "name",
        ["Phi", "GPT-NeoX", "Llama, tied", "Gemma 2", "Cohere", "OPT, narrower embeddings"],
        ids=["bias", "untied", "tied", "softcap", "scale", "narrower features"],
    )
    def test_values(self, tmp_path: Path, name: str) -> None:
        model = ARCHITECTURES[name]()
        rows = examples(24, seed=4, classes=VOCAB_SIZE)
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), model=model, evaluation=rows)
        assert evaluated(trainer.evaluate()) == close(by_hand(model, rows), 1e-3)
        own = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(24, 4, classes=VOCAB_SIZE)), model=model)
        assert evaluated(own.evaluate()) == close(by_hand(model, rows), 1e-3)
