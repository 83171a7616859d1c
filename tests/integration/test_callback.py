"""The callback in an ordinary Trainer, listening or with its own corpus; values against those computed by hand."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters
from transformers import EarlyStoppingCallback, Trainer

from nc_hf import NeuralCollapseCallback
from nc_hf.corpus.stories import stories, train_tokenizer
from nc_hf.errors import FeatureError, InputError, StatisticsError, TapError, TokenizerError
from nc_hf.metrics import PRESETS
from tests.architectures import ARCHITECTURES, VOCAB_SIZE
from tests.training import (
    CLASSES,
    Forwards,
    by_hand,
    evaluated,
    examples,
    history,
    make_trainer,
    tiny_model,
    token_blocks,
)

HELD_OUT = examples(11, seed=2)


def close(values: dict[str, float], tolerance: float = 1e-4) -> Any:
    return pytest.approx(values, rel=tolerance, abs=1e-7)


def blocks_by_hand(model: Any, rows: int, seed: int, preset: Any = "core") -> dict[str, float]:
    return by_hand(model, examples(rows, seed=seed), preset)


def own_loss(logits: Tensor, labels: Tensor, return_outputs: bool) -> Any:
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    return (loss, {"logits": logits}) if return_outputs else loss


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(islice(stories(), 200), 512)


class TestListening:
    @pytest.mark.parametrize("preset", ["core", "paper", "full"])
    def test_values_of_an_evaluation(self, tmp_path: Path, preset: str) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(preset=preset, min_count=5))
        returned = trainer.evaluate()
        values = evaluated(returned)
        assert values == close(by_hand(trainer.model, HELD_OUT, preset, 5))
        assert set(PRESETS[preset]) - set(values) <= {"nc1_category_share"}
        assert evaluated(trainer.state.log_history[-1]) == values
        assert "eval_loss" in trainer.state.log_history[-1]

    def test_a_list_of_metrics(self, tmp_path: Path) -> None:
        names = ["nc3_cos_mean", "nc1_pinv"]
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(preset=names))
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT, names))

    def test_several_callbacks_are_told_apart_by_their_labels(self, tmp_path: Path) -> None:
        listening, own = NeuralCollapseCallback(), NeuralCollapseCallback(token_blocks(20, seed=9), label="own")
        trainer = make_trainer(tmp_path, listening, own)
        returned = trainer.evaluate()
        assert returned["eval_nc1_cdnv"] == pytest.approx(by_hand(trainer.model, HELD_OUT)["nc1_cdnv"], rel=1e-4)
        assert returned["eval_own_nc1_cdnv"] == pytest.approx(
            blocks_by_hand(trainer.model, 20, seed=9)["nc1_cdnv"], rel=1e-4
        )
        assert returned["eval_own_nc1_cdnv"] != returned["eval_nc1_cdnv"]
        trainer = make_trainer(tmp_path, listening, NeuralCollapseCallback(token_blocks(20, seed=9)))
        with pytest.raises(InputError, match="eval_nc1_cdnv: give one of them a label="):
            trainer.evaluate()

    def test_callbacks_that_hear_the_same_share_their_keys(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), NeuralCollapseCallback(preset="paper"))
        assert {"eval_nc1_cdnv", "eval_nc3_cos_mean", "eval_nc4_agreement"} <= set(trainer.evaluate())

    def test_no_extra_forward_pass(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback())
        forwards, decoder = Forwards(trainer.model), Forwards(trainer.model.get_decoder())
        trainer.evaluate()
        assert forwards.passes == decoder.passes == 3  # 11 rows by 4
        trainer.train()
        assert forwards.passes == decoder.passes == 3 + 4

    def test_training_is_not_disturbed(self, tmp_path: Path) -> None:
        settings: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 1}
        plain = make_trainer(tmp_path, **settings)
        plain.train()
        for callback in (
            NeuralCollapseCallback(),
            NeuralCollapseCallback(token_blocks(8, 3), every=1),
        ):
            trainer = make_trainer(tmp_path, callback, model=tiny_model(resid_dropout=0.0), **settings)
            trainer.train()
            assert history(trainer, "loss") == history(plain, "loss")
            assert all(
                torch.equal(a, b) for a, b in zip(trainer.model.parameters(), plain.model.parameters(), strict=True)
            )

    def test_each_evaluation_stands_alone(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback())
        first = evaluated(trainer.evaluate())
        assert evaluated(trainer.evaluate(examples(9, seed=5))) == close(by_hand(trainer.model, examples(9, seed=5)))
        assert evaluated(trainer.evaluate()) == first

    def test_training_moves_the_values(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), eval_strategy="steps", eval_steps=2)
        trainer.train()
        course = history(trainer)
        assert list(course) == [2, 4]
        assert course[4] == pytest.approx(by_hand(trainer.model, HELD_OUT)["nc1_cdnv"], rel=1e-4)
        assert course[2] != course[4]

    def test_initialisation(self, tmp_path: Path) -> None:
        trainer = make_trainer(
            tmp_path, NeuralCollapseCallback(), eval_strategy="steps", eval_steps=4, eval_on_start=True
        )
        trainer.train()
        assert list(history(trainer)) == [0, 4]
        start = next(row for row in trainer.state.log_history if "eval_nc1_cdnv" in row)
        assert evaluated(start) == close(by_hand(tiny_model(), HELD_OUT))

    def test_several_sets(self, tmp_path: Path) -> None:
        sets = {"near": HELD_OUT, "far": examples(9, seed=7)}
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=sets)
        returned = trainer.evaluate()
        for name, rows in sets.items():
            assert evaluated(returned, f"eval_{name}_") == close(by_hand(trainer.model, rows))
        assert evaluated(returned) == {}

    def test_a_model_made_anew_for_training(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), eval_strategy="steps", eval_steps=4)
        old = trainer.model
        trainer.model_init = lambda trial: tiny_model()
        trainer.train()
        assert trainer.model is not old
        row = next(row for row in trainer.state.log_history if "eval_nc1_cdnv" in row)
        assert evaluated(row) == close(by_hand(trainer.model, HELD_OUT))


class TestSelection:
    SETTINGS: ClassVar[dict[str, Any]] = {
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "eval_steps": 1,
        "save_steps": 1,
        "metric_for_best_model": "nc1_cdnv",
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
        assert trainer.evaluate()["eval_nc1_cdnv"] == pytest.approx(course[best], rel=1e-6)

    @pytest.mark.parametrize("corpus", [None, "blocks"])
    def test_early_stopping(self, tmp_path: Path, corpus: str | None) -> None:
        callback = NeuralCollapseCallback(corpus=corpus and token_blocks(8, 3))
        # Before the callback, and without progress: it stops after the second evaluation only if it finds the value.
        trainer = make_trainer(
            tmp_path, EarlyStoppingCallback(1), callback, learning_rate=0.0, max_steps=6, **self.SETTINGS
        )
        trainer.train()
        assert trainer.state.global_step == 2


class TestOwnCorpus:
    def test_at_each_evaluation(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(10, 3), preset="full"))
        returned = trainer.evaluate()
        assert evaluated(returned) == close(blocks_by_hand(trainer.model, 10, 3, "full"))
        assert evaluated(trainer.state.log_history[-1]) == evaluated(returned)
        ids = token_blocks(10, 3).input_ids
        assert returned["eval_nc_loss"] == pytest.approx(trainer.model(ids, labels=ids).loss.item(), rel=1e-5)
        assert trainer.state.log_history[-1]["eval_nc_loss"] == returned["eval_nc_loss"]

    @pytest.mark.parametrize("attached", [False, True])
    def test_every_so_many_steps_without_evaluation(self, tmp_path: Path, attached: bool) -> None:
        callback = NeuralCollapseCallback(token_blocks(10, 3), every=2, batch_size=3)
        trainer = make_trainer(tmp_path, *([] if attached else [callback]), eval_strategy="no")
        if attached:
            callback.attach(trainer)
        forwards = Forwards(trainer.model)
        trainer.train()
        assert forwards.passes == 4 + 2 * 4  # training, and two passes of 10 blocks by 3
        assert list(history(trainer)) == [2, 4]
        assert list(history(trainer, "loss")) == [1, 2, 3, 4]  # no row of the training is lost
        row = [row for row in trainer.state.log_history if "eval_nc1_cdnv" in row][-1]
        assert evaluated(row) == close(blocks_by_hand(trainer.model, 10, 3))
        assert row["epoch"] == 0.5
        assert trainer.model.training

    def test_every_epoch(self, tmp_path: Path) -> None:
        trainer = make_trainer(
            tmp_path,
            NeuralCollapseCallback(token_blocks(8, 3), every="epoch"),
            train=examples(8),
            max_steps=-1,
            num_train_epochs=2,
        )
        trainer.train()
        assert list(history(trainer)) == [2, 4]

    def test_evaluations_go_without_where_every_is_given(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3), every=2))
        assert evaluated(trainer.evaluate()) == {}

    def test_a_corpus_by_name(self, tmp_path: Path, tokenizer: Any) -> None:
        callback = NeuralCollapseCallback("builtin", max_tokens=1_000, block_size=32, min_count=2)
        trainer = make_trainer(tmp_path, callback, model=tiny_model(vocab_size=512), processing_class=tokenizer)
        values = trainer.evaluate()
        assert callback._blocks is not None
        rows = callback._blocks.input_ids
        assert rows.shape[1] == 32
        assert 900 < callback._blocks.num_labels <= 1_000
        assert evaluated(values) == close(
            by_hand(trainer.model, [{"input_ids": row, "labels": row} for row in rows], min_count=2)
        )

    def test_what_is_wrong_with_the_corpus_is_said_before_training(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback("builtin", every=4))
        with pytest.raises(TokenizerError, match="processing_class"):
            trainer.train()
        assert trainer.state.global_step == 0


class TestPredict:
    def test_leaves_nothing_behind(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback())
        before = evaluated(trainer.evaluate())
        output = trainer.predict(examples(7, seed=9))
        assert evaluated(output.metrics, "test_") == {}
        trainer.log(output.metrics)  # no evaluation either
        trainer.log(trainer.evaluate())  # nor is its own dict, logged again
        assert evaluated(trainer.evaluate()) == before

    def test_nor_does_an_evaluation_that_broke_off(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback())
        before = evaluated(trainer.evaluate())
        with pytest.raises(IndexError):
            trainer.evaluate([*examples(7, seed=9), examples(1, classes=9 * VOCAB_SIZE)[0]])
        assert evaluated(trainer.evaluate()) == before


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
        row = next(row for row in trainer.state.log_history if "eval_nc1_cdnv" in row)
        wanted = by_hand(trainer.model, HELD_OUT, autocast=torch.bfloat16)
        assert evaluated(row) == close(wanted, 2e-2)
        assert evaluated(trainer.evaluate()) == close(evaluated(row), 1e-6)

    def test_bf16_with_its_own_corpus(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3), every=2), bf16=True, max_steps=2)
        trainer.train()
        row = next(row for row in trainer.state.log_history if "eval_nc1_cdnv" in row)
        wanted = by_hand(trainer.model, examples(8, seed=3), autocast=torch.bfloat16)
        assert evaluated(row) == close(wanted, 2e-2)

    def test_a_model_in_bf16(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), bf16_full_eval=True)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT), 2e-2)
        assert trainer.model.dtype == torch.bfloat16

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
        last = [row for row in trainer.state.log_history if "eval_nc1_cdnv" in row][-1]
        torch.compiler.reset()
        wanted = by_hand(trainer.model, examples(8, seed=3) if corpus else HELD_OUT)
        assert evaluated(last) == close(wanted)

    def test_a_pass_of_its_own_leaves_the_compiled_training_step(self, tmp_path: Path) -> None:
        graphs = []
        for callbacks in ([], [NeuralCollapseCallback(token_blocks(8, 3), every=1)]):
            torch.compiler.reset()
            counters.clear()
            trainer = make_trainer(tmp_path, *callbacks, torch_compile=True, torch_compile_backend="eager", max_steps=4)
            trainer.train()
            graphs.append(counters["stats"]["unique_graphs"])
        assert graphs[1] == graphs[0] > 0

    def test_no_decisions_without_an_nc4_name(self, tmp_path: Path) -> None:
        callback = NeuralCollapseCallback(preset=["nc1_cdnv"])
        trainer = make_trainer(tmp_path, callback)
        assert list(evaluated(trainer.evaluate())) == ["nc1_cdnv"]
        assert callback._gathered["agreement_tokens"] == 0

    def test_a_small_sample_for_nc4(self, tmp_path: Path) -> None:
        few = make_trainer(tmp_path, NeuralCollapseCallback(agreement_tokens=40))
        values, wanted = evaluated(few.evaluate()), by_hand(few.model, HELD_OUT)
        share = values.pop("nc4_agreement") * 40
        assert share == pytest.approx(round(share))
        wanted.pop("nc4_agreement")
        assert values == close(wanted)


class TestRows:
    @staticmethod
    def pad(rows: list[dict[str, Tensor]], side: str) -> dict[str, Tensor]:
        """Pad to the longest; on the right, labels keep the padding's token, as a careless collator leaves them."""
        length = max(len(row["input_ids"]) for row in rows)
        filled: dict[str, list[Tensor]] = {"input_ids": [], "attention_mask": [], "labels": []}
        for row in rows:
            missing = length - len(row["input_ids"])
            around = (missing, 0) if side == "left" else (0, missing)
            real = torch.ones(len(row["input_ids"]), dtype=torch.int64)
            filled["input_ids"].append(torch.nn.functional.pad(row["input_ids"], around, value=0))
            filled["attention_mask"].append(torch.nn.functional.pad(real, around))
            filled["labels"].append(
                torch.nn.functional.pad(row["labels"], around, value=0 if side == "right" else -100)
            )
        return {name: torch.stack(tensors) for name, tensors in filled.items()}

    @pytest.mark.parametrize("side", ["right", "left"])
    def test_padded(self, tmp_path: Path, side: str) -> None:
        lengths = [32, 9, 17, 30, 25, 8, 31, 12, 20, 28, 6]
        rows = [
            {name: tensor[:length] for name, tensor in row.items()}
            for row, length in zip(HELD_OUT, lengths, strict=True)
        ]
        # Rotary positions only know differences, so that padding on the left changes nothing.
        model = ARCHITECTURES["Llama"]()
        trainer = make_trainer(
            tmp_path,
            NeuralCollapseCallback(min_count=2),
            model=model,
            evaluation=rows,
            collator=lambda batch: self.pad(batch, side),
        )
        assert evaluated(trainer.evaluate()) == close(by_hand(model, rows, min_count=2), 1e-3)

    def test_labels_to_ignore(self, tmp_path: Path) -> None:
        rows = [{name: tensor.clone() for name, tensor in row.items()} for row in HELD_OUT]
        for number, row in enumerate(rows):
            row["labels"][: 2 * number] = -100
        rows[0]["labels"][5:9] = -100
        for row in rows[:4]:
            row["labels"][:] = -100  # the whole first batch
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(min_count=2), evaluation=rows)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, rows, min_count=2))

    def test_labels_other_than_the_tokens(self, tmp_path: Path) -> None:
        rows = [{"input_ids": row["input_ids"], "labels": (row["input_ids"] + 1) % CLASSES} for row in HELD_OUT]
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=rows)
        values = evaluated(trainer.evaluate())
        assert values == close(by_hand(trainer.model, rows))
        assert values["nc3_cos_mean_centred"] != pytest.approx(by_hand(trainer.model, HELD_OUT)["nc3_cos_mean_centred"])

    def test_a_last_batch_that_is_dropped(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), dataloader_drop_last=True)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT[:8]))

    def test_a_stream(self, tmp_path: Path) -> None:
        class Stream(torch.utils.data.IterableDataset[dict[str, Tensor]]):
            def __iter__(self) -> Any:
                return iter(HELD_OUT)

        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=Stream())
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))


class TestHeads:
    @pytest.mark.parametrize(
        "name",
        ["Phi", "GPT-NeoX", "Llama, tied", "Gemma 2", "Cohere", "OPT, narrower embeddings"],
        ids=["bias", "untied", "tied", "softcap", "scale", "narrower features"],
    )
    def test_values(self, tmp_path: Path, name: str) -> None:
        model = ARCHITECTURES[name]()
        rows = examples(24, seed=4, classes=VOCAB_SIZE)
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(min_count=3), model=model, evaluation=rows)
        assert evaluated(trainer.evaluate()) == close(by_hand(model, rows, min_count=3), 1e-3)
        own = make_trainer(
            tmp_path, NeuralCollapseCallback(token_blocks(24, 4, classes=VOCAB_SIZE), min_count=3), model=model
        )
        assert evaluated(own.evaluate()) == close(by_hand(model, rows, min_count=3), 1e-3)


class TestWayOut:
    """Where nothing can be heard, an error says so and names the corpus as the way out, which then works."""

    class Direct(Trainer):
        """A loss that calls the decoder and the head by themselves."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            hidden = model.get_decoder()(inputs["input_ids"])[0]
            return own_loss(model.get_output_embeddings()(hidden), inputs["labels"], return_outputs)

    class Unlabelled(Trainer):
        """A loss of one's own, made from the logits."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            return own_loss(model(inputs["input_ids"]).logits, inputs["labels"], return_outputs)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"trainer": Direct}, "directly"),
            ({"trainer": Unlabelled}, "without labels"),
            ({"label_smoothing_factor": 0.1}, "label smoothing"),
        ],
        ids=["decoder called directly", "logits only", "label smoothing"],
    )
    def test_a_loss_that_bypasses_the_tap(self, tmp_path: Path, settings: dict[str, Any], said: str) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), **settings)
        with pytest.raises(TapError, match=said) as error:
            trainer.evaluate()
        assert "corpus=" in str(error.value)
        way_out = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3)), **settings)
        assert evaluated(way_out.evaluate()) == close(blocks_by_hand(way_out.model, 8, 3))

    def test_added_too_late_to_hear(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path)
        trainer.add_callback(NeuralCollapseCallback())
        with pytest.raises(TapError, match="attach"):
            trainer.evaluate()

    def test_added_before_training(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, eval_strategy="steps", eval_steps=4)
        trainer.add_callback(NeuralCollapseCallback())
        trainer.train()
        assert list(history(trainer)) == [4]

    def test_a_diverged_model(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback())
        trainer.model.get_decoder().ln_f.weight.data[3] = float("nan")
        with pytest.raises(FeatureError, match=r"batch 0 .* final"):
            trainer.evaluate()

    def test_too_few_classes(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(min_count=1_000))
        with pytest.raises(StatisticsError):
            trainer.evaluate()


class TestComingAndGoing:
    def test_attached_twice_and_after_callbacks(self, tmp_path: Path) -> None:
        callback = NeuralCollapseCallback()
        trainer = make_trainer(tmp_path, callback)
        assert callback.attach(trainer).attach(trainer) is callback
        assert trainer.callback_handler.callbacks.count(callback) == 1
        assert trainer.callback_handler.callbacks[0] is callback
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))

    def test_detached(self, tmp_path: Path) -> None:
        callback = NeuralCollapseCallback()
        trainer = make_trainer(tmp_path, callback, eval_strategy="steps", eval_steps=2)
        hooks = [len(module._forward_hooks) for module in trainer.model.modules()]
        callback.detach()
        assert sum(hooks) == 2
        assert sum(len(module._forward_hooks) for module in trainer.model.modules()) == 0
        assert evaluated(trainer.evaluate()) == {}
        trainer.train()
        assert history(trainer) == {}
        callback.attach(trainer)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))

    def test_one_callback_for_two_trainers_in_turn(self, tmp_path: Path) -> None:
        callback = NeuralCollapseCallback()
        for seed in (2, 3):
            trainer = make_trainer(tmp_path, callback, evaluation=examples(9, seed=seed))
            assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, examples(9, seed=seed)))

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"every": 5}, "corpus"),
            ({"every": 0, "corpus": "builtin"}, "every is 0"),
            ({"every": "week", "corpus": "builtin"}, "every is 'week'"),
            ({"preset": "most"}, "preset"),
            ({"preset": ["nc9"]}, "nc9"),
        ],
    )
    def test_arguments_that_cannot_be_meant(self, arguments: dict[str, Any], said: str) -> None:
        with pytest.raises(InputError, match=said):
            NeuralCollapseCallback(**arguments)

    def test_blocks_longer_than_the_context(self, tmp_path: Path, tokenizer: Any) -> None:
        callback = NeuralCollapseCallback("builtin", block_size=65)
        trainer = make_trainer(tmp_path, callback, model=tiny_model(vocab_size=512), processing_class=tokenizer)
        with pytest.raises(InputError, match="block_size"):
            trainer.evaluate()

    def test_evaluating_the_training_text(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(min_count=2))
        trainer.train()
        assert not any(key.startswith("train_nc") for row in trainer.state.log_history for key in row)
        assert trainer.evaluate(metric_key_prefix="train")["train_nc1_cdnv"] == trainer.evaluate()["eval_nc1_cdnv"]

    def test_labels_that_are_all_masked(self, tmp_path: Path) -> None:
        masked = [{**row, "labels": torch.full_like(row["labels"], -100)} for row in examples(8, seed=3)]
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=masked)
        with pytest.raises(TapError, match="Every label of the evaluation is -100"):
            trainer.evaluate()

    def test_a_tokenizer_of_another_model(self, tmp_path: Path, tokenizer: Any) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback("builtin"), processing_class=tokenizer)
        with pytest.raises(TokenizerError, match=r"token 511 .* vocabulary of 64"):
            trainer.evaluate()
