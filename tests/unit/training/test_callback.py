"""The callback: values by hand, a corpus of its own, coming and going, arguments that cannot be meant."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, default_data_collator

from nc_hf import NeuralCollapseCallback
from nc_hf.corpus.corpus import open_corpus
from nc_hf.corpus.stories import stories, train_tokenizer
from nc_hf.errors import FeatureError, InputError, TapError, TokenizerError
from nc_hf.measurement.collection import Collection
from nc_hf.metrics import METRICS, PRESETS
from tests.architectures import VOCAB_SIZE
from tests.text_files import write_texts
from tests.training import (
    HELD_OUT,
    Forwards,
    blocks_by_hand,
    by_hand,
    close,
    commonest,
    evaluated,
    examples,
    history,
    make_trainer,
    tiny_model,
    token_blocks,
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(islice(stories(), 200), 512)


class TestListening:
    @pytest.mark.parametrize("preset", ["core", "paper", "full"])
    def test_values_of_an_evaluation(self, tmp_path: Path, preset: str) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(preset=preset))
        returned = trainer.evaluate()
        values = evaluated(returned)
        assert values == close(by_hand(trainer.model, HELD_OUT, preset))
        missing = set(PRESETS[preset]) - set(values)
        assert all({"categories", "second"} & set(METRICS[name].needs) for name in missing)
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
        assert returned["eval_nc1_trace_ratio"] == pytest.approx(
            by_hand(trainer.model, HELD_OUT)["nc1_trace_ratio"], rel=1e-4
        )
        assert returned["eval_own_nc1_trace_ratio"] == pytest.approx(
            blocks_by_hand(trainer.model, 20, seed=9)["nc1_trace_ratio"], rel=1e-4
        )
        assert returned["eval_own_nc1_trace_ratio"] != returned["eval_nc1_trace_ratio"]
        trainer = make_trainer(tmp_path, listening, NeuralCollapseCallback(token_blocks(20, seed=9), strict=True))
        with pytest.raises(InputError, match=r"eval_nc1_cdnv_median has another value .* pass label="):
            trainer.evaluate()

    def test_callbacks_that_hear_the_same_share_their_keys(self, tmp_path: Path) -> None:
        names = ["nc3_cos_mean", "nc4_agreement"]
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), NeuralCollapseCallback(preset=names))
        wanted = by_hand(trainer.model, HELD_OUT) | by_hand(trainer.model, HELD_OUT, names)
        assert evaluated(trainer.evaluate()) == close(wanted)

    def test_callbacks_of_other_classes_have_another_nc4(self, tmp_path: Path) -> None:
        paper = NeuralCollapseCallback(preset="paper", strict=True)
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), paper)
        with pytest.raises(InputError, match="eval_nc4_agreement has another value"):
            trainer.evaluate()
        labelled = NeuralCollapseCallback(preset="paper", label="paper")
        returned = make_trainer(tmp_path, NeuralCollapseCallback(), labelled, model=trainer.model).evaluate()
        assert evaluated(returned) == close(by_hand(trainer.model, HELD_OUT))
        assert evaluated(returned, "eval_paper_") == close(by_hand(trainer.model, HELD_OUT, "paper"))

    def test_no_extra_forward_pass_but_a_trial_once(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback())
        forwards, decoder = Forwards(trainer.model), Forwards(trainer.model.get_decoder())
        trainer.evaluate()
        assert forwards.passes == decoder.passes == 3 + 1  # 11 rows by 4, and 16 tokens to see how the model reads
        trainer.evaluate()
        assert forwards.passes == decoder.passes == 2 * 3 + 1
        trainer.train()
        assert forwards.passes == decoder.passes == 2 * 3 + 1 + 4

    @pytest.mark.slow
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
        assert course[4] == pytest.approx(by_hand(trainer.model, HELD_OUT)["nc1_trace_ratio"], rel=1e-4)
        assert course[2] != course[4]

    def test_initialisation(self, tmp_path: Path) -> None:
        trainer = make_trainer(
            tmp_path, NeuralCollapseCallback(), eval_strategy="steps", eval_steps=4, eval_on_start=True
        )
        trainer.train()
        assert list(history(trainer)) == [0, 4]
        start = next(row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row)
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
        row = next(row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row)
        assert evaluated(row) == close(by_hand(trainer.model, HELD_OUT))


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
        # Training, two passes of 10 blocks by 3, and before each of the three a trial of how the model reads.
        assert forwards.passes == 4 + 2 * 4 + 3
        assert list(history(trainer)) == [2, 4]
        assert list(history(trainer, "loss")) == [1, 2, 3, 4]  # no row of the training is lost
        row = [row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row][-1]
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

    @pytest.mark.slow
    def test_a_corpus_by_name(self, tmp_path: Path, tokenizer: Any) -> None:
        callback = NeuralCollapseCallback("builtin", max_tokens=1_000, block_size=32, classes="all")
        trainer = make_trainer(tmp_path, callback, model=tiny_model(vocab_size=512), processing_class=tokenizer)
        values = trainer.evaluate()
        assert callback.own._blocks is not None
        rows = callback.own._blocks.input_ids
        assert rows.shape[1] == 32
        assert 900 < callback.own._blocks.num_labels <= 1_000
        given = [{"input_ids": row, "labels": row} for row in rows]
        assert evaluated(values) == close(by_hand(trainer.model, given, classes="all"))

    def test_what_is_wrong_with_the_corpus_is_said_before_training(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback("builtin", every=4))
        with pytest.raises(TokenizerError, match="processing_class"):
            trainer.train()
        assert trainer.state.global_step == 0


class TestClasses:
    """Which next tokens count: those of the text that is heard, or of the callback's own."""

    @pytest.mark.parametrize("preset", ["core", "full", ["nc1_trace_ratio", "nc4_agreement"]])
    def test_the_commonest_of_an_evaluation(self, tmp_path: Path, preset: str | list[str]) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(preset=preset, classes="top:5"))
        values = evaluated(trainer.evaluate())
        common = commonest(torch.cat([row["labels"][1:] for row in HELD_OUT]), 5)
        wanted = by_hand(trainer.model, HELD_OUT, preset, classes=common)
        assert values == close(wanted)
        every = by_hand(trainer.model, HELD_OUT, preset)
        assert all(wanted[name] != every[name] for name in ("nc1_trace_ratio", "nc4_agreement"))

    def test_each_evaluation_has_those_of_its_own_text(self, tmp_path: Path) -> None:
        sets = {"near": HELD_OUT, "far": examples(9, seed=7, classes=40)}
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(classes="top:5"), evaluation=sets)
        returned, lists = trainer.evaluate(), []
        for name, rows in sets.items():
            lists.append(commonest(torch.cat([row["labels"][1:] for row in rows]), 5))
            assert evaluated(returned, f"eval_{name}_") == close(by_hand(trainer.model, rows, classes=lists[-1]))
        assert lists[0] != lists[1]

    def test_the_commonest_of_its_own_blocks(self, tmp_path: Path) -> None:
        blocks = token_blocks(10, 3)
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(blocks, preset="full", classes="top:5"))
        common = commonest(blocks.input_ids, 5)
        wanted = by_hand(trainer.model, examples(10, seed=3), "full", classes=common)
        assert evaluated(trainer.evaluate()) == close(wanted)

    @pytest.mark.parametrize("corpus", [False, True])
    def test_a_share_leaves_out_what_comes_less_often(self, tmp_path: Path, corpus: bool) -> None:
        rows = examples(11, seed=2, classes=40)
        callback = NeuralCollapseCallback(token_blocks(11, 2, classes=40) if corpus else None, classes=0.03)
        trainer = make_trainer(tmp_path, callback, evaluation=rows)
        labels = torch.cat([row["labels"][0 if corpus else 1 :] for row in rows])
        listed = [token for token in range(40) if int((labels == token).sum()) >= 0.03 * len(labels)]
        assert 2 < len(listed) < 38
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, rows, classes=listed))

    @pytest.mark.parametrize("corpus", [False, True])
    @pytest.mark.parametrize("classes", [[7, 1, 60, 4], "all"])
    def test_ids_and_all(self, tmp_path: Path, classes: Any, corpus: bool) -> None:
        callback = NeuralCollapseCallback(token_blocks(11, 2) if corpus else None, preset="full", classes=classes)
        trainer = make_trainer(tmp_path, callback)
        wanted = by_hand(trainer.model, HELD_OUT, "full", classes=classes if classes == "all" else sorted(classes))
        assert evaluated(trainer.evaluate()) == close(wanted)

    def test_a_file_of_tokens_is_read_with_the_trainers_tokenizer(self, tmp_path: Path, tokenizer: Any) -> None:
        words = [" the", " and", ".", " was"]
        path = tmp_path / "words.txt"
        path.write_text("".join(f"{word}\n" for word in words))
        ids = sorted(tokenizer(word)["input_ids"][0] for word in words)
        texts = " ".join(islice(stories(3), 40))
        rows = torch.tensor(tokenizer(texts)["input_ids"])[: 30 * 32].view(-1, 32)
        given = [{"input_ids": row, "labels": row} for row in rows]
        model = tiny_model(vocab_size=512)
        callback = NeuralCollapseCallback(classes=str(path))
        trainer = make_trainer(tmp_path, callback, model=model, evaluation=given, processing_class=tokenizer)
        assert evaluated(trainer.evaluate()) == close(by_hand(model, given, classes=ids))

    @pytest.mark.parametrize("classes", ["top:40", 0.004])
    def test_a_corpus_has_one_list_whatever_its_budget(self, tmp_path: Path, tokenizer: Any, classes: Any) -> None:
        path = write_texts(tmp_path / "stories.jsonl", list(islice(stories(3), 150)))
        tokens = open_corpus(str(path)).pack(tokenizer, 32).input_ids
        share = [token for token in range(512) if int((tokens == token).sum()) >= 0.004 * tokens.numel()]
        listed = commonest(tokens, 40) if classes == "top:40" else share
        model, lists = tiny_model(vocab_size=512), []
        for budget in (1_000, 4_000):
            callback = NeuralCollapseCallback(str(path), max_tokens=budget, block_size=32, classes=classes)
            trainer = make_trainer(tmp_path, callback, model=model, processing_class=tokenizer)
            values = evaluated(trainer.evaluate())
            assert callback.own._blocks is not None
            assert callback.own._blocks.num_labels <= budget < tokens.numel() / 4
            rows = [{"input_ids": row, "labels": row} for row in callback.own._blocks.input_ids]
            assert values == close(by_hand(model, rows, classes=listed))
            lists.append(commonest(callback.own._blocks.input_ids, 40))
        assert listed not in lists  # it is not that of the blocks that were read
        assert lists[0] != lists[1]

    def test_another_seed_reads_other_blocks(self, tmp_path: Path, tokenizer: Any) -> None:
        path = write_texts(tmp_path / "stories.jsonl", list(islice(stories(3), 150)))
        model, read = tiny_model(vocab_size=512), []
        for seed in (0, 0, 1):
            callback = NeuralCollapseCallback(str(path), max_tokens=1_000, block_size=32, seed=seed)
            make_trainer(tmp_path, callback, model=model, processing_class=tokenizer).evaluate()
            assert callback.own._blocks is not None
            read.append(callback.own._blocks.input_ids)
        assert torch.equal(read[0], read[1])
        assert not torch.equal(read[0], read[2])


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
        callback = NeuralCollapseCallback("builtin", block_size=65, strict=True)
        trainer = make_trainer(tmp_path, callback, model=tiny_model(vocab_size=512), processing_class=tokenizer)
        with pytest.raises(InputError, match="block_size"):
            trainer.evaluate()

    def test_evaluating_the_training_text(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback())
        trainer.train()
        assert not any(key.startswith("train_nc") for row in trainer.state.log_history for key in row)
        assert (
            trainer.evaluate(metric_key_prefix="train")["train_nc1_trace_ratio"]
            == trainer.evaluate()["eval_nc1_trace_ratio"]
        )

    def test_labels_that_are_all_masked(self, tmp_path: Path) -> None:
        masked = [{**row, "labels": torch.full_like(row["labels"], -100)} for row in examples(40, seed=3)]
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), evaluation=masked)
        with pytest.raises(TapError, match="Every label of the evaluation is -100"):
            trainer.evaluate()

    def test_a_tokenizer_of_another_model(self, tmp_path: Path, tokenizer: Any) -> None:
        callback = NeuralCollapseCallback("builtin", strict=True)
        trainer = make_trainer(tmp_path, callback, processing_class=tokenizer)
        with pytest.raises(TokenizerError, match=r"token 511 .* vocabulary of 64"):
            trainer.evaluate()


class CopyingLog(Trainer):
    """Logs something besides, in a dict of its own."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log({**logs, "extra": 1.0}, start_time)


def test_a_log_that_copies(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2,
        "load_best_model_at_end": True, "metric_for_best_model": "nc1_trace_ratio", "greater_is_better": False,
    }  # fmt: skip
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), trainer=CopyingLog, **settings)
    trainer.train()
    assert trainer.state.best_metric == min(history(trainer).values())
    returned = trainer.evaluate()
    assert evaluated(returned) == close(by_hand(trainer.model, HELD_OUT))
    assert evaluated(trainer.state.log_history[-1]) == evaluated(returned)


class UntimedLog(Trainer):
    """Logs an evaluation without what it has to say of its speed."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log({key: value for key, value in logs.items() if not key.endswith(("runtime", "per_second"))})


def test_a_log_that_leaves_the_timings_out(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), trainer=UntimedLog, eval_strategy="steps", eval_steps=2)
    trainer.train()
    values = trainer.evaluate()
    assert list(history(trainer)) == [2, 4]
    assert evaluated(trainer.state.log_history[-1]) == evaluated(values) == close(by_hand(trainer.model, HELD_OUT))


class Untiming(TrainerCallback):
    """Takes the timings out of what ``evaluate()`` returns, as the table of a notebook does."""

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        for key in [key for key in metrics if key.endswith(("runtime", "per_second"))]:
            del metrics[key]


def test_a_callback_that_takes_the_timings_out(tmp_path: Path) -> None:
    settings = {**BEST, "metric_for_best_model": "nc1_trace_ratio"}
    trainer = make_trainer(tmp_path, Untiming(), NeuralCollapseCallback(), trainer=CopyingLog, **settings)
    trainer.train()
    assert trainer.state.best_metric == min(history(trainer).values())
    assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))


def test_a_row_that_is_logged_within_an_evaluation_makes_no_pass_anew(tmp_path: Path) -> None:
    class Perplexed(Trainer):
        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            found = super().evaluate(*args, **kwargs)
            self.log({**found, "eval_perplexity": math.exp(found["eval_loss"])})
            return found

    trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3), batch_size=8), trainer=Perplexed)
    passes = Forwards(trainer.model)
    values = evaluated(trainer.evaluate())
    assert passes.passes == 3 + 2  # of its own one pass, and the tokens on which the model is tried
    assert values == close(blocks_by_hand(trainer.model, 8, 3))
    assert [evaluated(row) for row in trainer.state.log_history] == [values, values]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"classes": 0}, "classes is 0: pass a share of the text between 0 and 1"),
        ({"classes": "top:1"}, "a number from 2"),
        ({"classes": "no/such/list"}, "there is no text file of that name"),
        ({"seed": -1}, "seed is -1"),
        ({"agreement_tokens": -5}, "agreement_tokens is -5"),
        ({"agreement_tokens": 0, "preset": ["nc4_agreement"]}, "nc4_agreement is decided on a sample"),
        ({"preset": ["nc1_category_share"]}, "compute_metrics"),
    ],
)
def test_arguments_that_would_fail_after_the_evaluation(arguments: dict[str, Any], said: str) -> None:
    for corpus in (None, token_blocks(8)):
        with pytest.raises(InputError, match=said):
            NeuralCollapseCallback(corpus, **arguments)


def test_without_a_sample_a_preset_leaves_nc4_out(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(agreement_tokens=0))
    values = evaluated(trainer.evaluate())
    assert "nc4_agreement" not in values
    assert "nc1_trace_ratio" in values


class TestItGoesOn:
    """What goes wrong in an evaluation is said once, its keys are left out, and training goes on."""

    SETTINGS: ClassVar[dict[str, Any]] = {"eval_strategy": "steps", "eval_steps": 2}

    @staticmethod
    def said(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
        return [record.message for record in caplog.records if part in record.message]

    def test_too_few_classes(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(classes=[12, 13]), **self.SETTINGS)
        trainer.train()
        assert trainer.state.global_step == 4
        assert history(trainer) == {}
        assert len(history(trainer, "eval_loss")) == 2
        (sentence,) = self.said(caplog, "no class that counts was met")
        assert "training goes on" in sentence

    def test_one_of_several_sets(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        masked = [{**row, "labels": torch.full_like(row["labels"], -100)} for row in examples(40)]
        sets = {"near": HELD_OUT, "none": masked}
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=sets, **self.SETTINGS)
        trainer.train()
        returned = trainer.evaluate()
        assert evaluated(returned, "eval_near_") == close(by_hand(trainer.model, HELD_OUT))
        assert evaluated(returned, "eval_none_") == {}
        assert len(self.said(caplog, "is -100")) == 1

    @pytest.mark.parametrize("bad", ["first", "later"])
    def test_only_the_first_value_of_the_best_model_is_waited_for(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str
    ) -> None:
        class Diverging(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
                if state.global_step == (1 if bad == "first" else 3):
                    model.get_decoder().ln_f.weight.data[3] = float("nan")

        settings = {
            "save_strategy": "steps", "save_steps": 2, "load_best_model_at_end": True,
            "metric_for_best_model": "nc1_trace_ratio", "greater_is_better": False, **self.SETTINGS,
        }  # fmt: skip
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), Diverging(), **settings)
        if bad == "first":
            with pytest.raises(FeatureError, match="NaN or Inf"):
                trainer.train()
            assert trainer.state.global_step == 2
            return
        trainer.train()
        assert trainer.state.global_step == 4
        assert trainer.state.best_global_step == 2
        assert len(self.said(caplog, "NaN or Inf")) == 1

    def test_no_room_for_the_own_pass(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> Any:
            raise torch.OutOfMemoryError("2 GiB were asked for")

        trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3), every=1))
        monkeypatch.setattr(Collection, "add", full)
        trainer.train()
        assert trainer.state.global_step == 4
        assert len(self.said(caplog, "do not fit into the memory")) == 1

    def test_a_key_that_is_taken(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), **self.SETTINGS)
        trainer.compute_metrics = lambda _: {"nc1_trace_ratio": 7.0}
        trainer.train()
        assert history(trainer) == {2: 7.0, 4: 7.0}
        (sentence,) = self.said(caplog, "pass label=")
        assert "compute_metrics" in sentence


class TestConditions:
    def test_training_is_stopped(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        callback = NeuralCollapseCallback(stop_if="nc1_trace_ratio > 0")
        trainer = make_trainer(tmp_path, callback, eval_strategy="steps", eval_steps=2)
        trainer.train()
        assert trainer.state.global_step == 2
        assert "Training is stopped: nc1_trace_ratio is" in caplog.text

    def test_a_warning_stops_nothing(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        callback = NeuralCollapseCallback(token_blocks(8, 3), every=2, warn_if="nc1_trace_ratio > 0")
        trainer = make_trainer(tmp_path, callback)
        trainer.train()
        assert trainer.state.global_step == 4
        assert caplog.text.count("above 0") == 2

    def test_a_condition_on_what_is_not_measured(self) -> None:
        with pytest.raises(InputError, match="not measured"):
            NeuralCollapseCallback(stop_if="nc2_participation_ratio < 3")


@pytest.mark.parametrize("within", ["evaluate", "predict"])
def test_what_another_callback_runs_after_an_evaluation_takes_nothing_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, within: str
) -> None:
    class Other(TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
            if "eval_loss" in metrics:
                getattr(trainer, within)(examples(9, seed=5), metric_key_prefix="other")

    ours = NeuralCollapseCallback(warn_if="nc1_trace_ratio > 0")
    trainer = make_trainer(tmp_path, Other(), ours, trainer=CopyingLog)
    assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))
    said = [message.split()[2] for message in caplog.messages if "above 0" in message]
    rows = [examples(9, seed=5), HELD_OUT] if within == "evaluate" else [HELD_OUT]
    assert said == [f"{by_hand(trainer.model, each)['nc1_trace_ratio']:.4g}," for each in rows]


def test_the_own_pass_of_several_sets_is_made_once(tmp_path: Path) -> None:
    sets = {"near": HELD_OUT[:4], "far": examples(4, seed=7)}
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3)), evaluation=sets)
    forwards = Forwards(trainer.model)
    first = trainer.evaluate()
    assert forwards.passes == 2 + 2 + 1  # a batch a set, 8 blocks by 4, and a trial of how the model reads
    assert evaluated(first, "eval_near_") == evaluated(first, "eval_far_") == close(blocks_by_hand(trainer.model, 8, 3))
    with torch.no_grad():
        trainer.model.get_decoder().wte.weight += 0.3 * torch.randn_like(trainer.model.get_decoder().wte.weight)
    forwards.passes = 0
    again = trainer.evaluate()
    assert forwards.passes == 2 + 2 + 1
    assert evaluated(again, "eval_near_") == close(blocks_by_hand(trainer.model, 8, 3))


def test_a_callback_that_is_removed_takes_its_hooks_off(tmp_path: Path) -> None:
    def hooks(model: torch.nn.Module) -> int:
        return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())

    callback = NeuralCollapseCallback()
    trainer = make_trainer(tmp_path, callback)
    before = hooks(trainer.model)
    trainer.evaluate()
    trainer.remove_callback(callback)
    assert "eval_nc1_trace_ratio" not in trainer.evaluate()
    assert hooks(trainer.model) == 0 < before


BEST: dict[str, Any] = {
    "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2,
    "load_best_model_at_end": True, "greater_is_better": False,
}  # fmt: skip


@pytest.mark.parametrize("best", ["near", "none"])
def test_a_set_that_selects_no_model_ends_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture, best: str) -> None:
    masked = [{**row, "labels": torch.full_like(row["labels"], -100)} for row in examples(40)]
    settings = {**BEST, "metric_for_best_model": f"eval_{best}_nc1_trace_ratio"}
    sets = {"near": HELD_OUT, "none": masked}
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=sets, **settings)
    if best == "none":
        with pytest.raises(TapError, match="is -100"):
            trainer.train()
        return
    trainer.train()
    assert trainer.state.global_step == 4
    assert trainer.state.best_metric is not None
    assert "training goes on" in caplog.text
    assert not any("eval_none_nc1" in key for row in trainer.state.log_history for key in row)


def test_a_pass_beside_the_evaluations_selects_no_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = NeuralCollapseCallback(token_blocks(8, 3), every=1, classes=[12, 13])  # which do not come
    settings = {**BEST, "metric_for_best_model": "nc1_trace_ratio"}
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), own, **settings)
    trainer.train()
    assert trainer.state.global_step == 4
    assert "no class that counts was met" in caplog.text


def test_an_evaluation_after_the_training_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = {"metric_for_best_model": "nc1_trace_ratio", "greater_is_better": False}
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(classes=[12, 13]), **settings)
    trainer.train()
    assert trainer.state.best_metric is None
    assert math.isnan(trainer.evaluate()["eval_nc1_trace_ratio"])
    assert "no class that counts was met" in caplog.text


def test_a_loader_that_hides_its_end_from_the_ranks_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PlainLoader(Trainer):
        def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
            return DataLoader(self.eval_dataset, batch_size=4, collate_fn=default_data_collator)

    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), trainer=PlainLoader)
    two = SimpleNamespace(num_processes=2, is_main_process=True)
    monkeypatch.setattr("nc_hf.training.callback.PartialState", lambda: two)
    assert evaluated(trainer.evaluate()) == {}
    assert "not prepared by accelerate" in caplog.text
