"""What trackers log beside the loss, read back from the files that they wrote; and TRL's trainer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from nc_hf import NeuralCollapseCallback
from nc_hf.corpus.stories import stories, train_tokenizer
from tests.paths import ROOT
from tests.training import by_hand, evaluated, examples, history, make_trainer, tiny_model, token_blocks

STEPPED: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 2}


class TestTensorBoard:
    @staticmethod
    def read(folder: Path) -> dict[str, dict[int, float]]:
        """Every scalar by step, of all runs in a folder."""
        accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        scalars: dict[str, dict[int, float]] = {}
        for run in {file.parent for file in folder.rglob("events.out.tfevents.*")}:
            events = accumulator.EventAccumulator(str(run))
            events.Reload()
            for tag in events.Tags()["scalars"]:
                scalars.setdefault(tag, {}).update({event.step: event.value for event in events.Scalars(tag)})
        return scalars

    @pytest.fixture
    def log_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        pytest.importorskip("tensorboard")
        monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "logs"))
        return tmp_path / "logs"

    @pytest.mark.slow
    def test_same_steps_as_the_loss(self, tmp_path: Path, log_folder: Path) -> None:
        trainer = make_trainer(tmp_path, report_to=["tensorboard"], eval_on_start=True, **STEPPED)
        NeuralCollapseCallback().attach(trainer)
        trainer.train()
        scalars = self.read(log_folder)
        assert list(scalars["eval/loss"]) == list(scalars["eval/nc1_trace_ratio"]) == [0, 2, 4]
        for name in evaluated(trainer.state.log_history[0]):
            assert scalars[f"eval/{name}"] == pytest.approx(history(trainer, f"eval_{name}"), rel=1e-6)

    @pytest.mark.slow
    def test_an_own_pass(self, tmp_path: Path, log_folder: Path) -> None:
        trainer = make_trainer(tmp_path, report_to=["tensorboard"])
        NeuralCollapseCallback(token_blocks(8, 3), every=2).attach(trainer)
        trainer.train()
        scalars = self.read(log_folder)
        assert list(scalars["train/loss"]) == [1, 2, 3, 4]
        assert scalars["eval/nc1_trace_ratio"] == pytest.approx(history(trainer), rel=1e-6)
        assert list(scalars["eval/nc_loss"]) == [2, 4]


class TestNotebook:
    @pytest.mark.slow
    @pytest.mark.parametrize("ours_first", [True, False])
    def test_the_table_of_a_training(self, tmp_path: Path, ours_first: bool) -> None:
        pytest.importorskip("IPython")
        from transformers.utils.notebook import NotebookProgressCallback

        class Kept(NotebookProgressCallback):  # at the end of the training the table goes
            def on_evaluate(self, *args: Any, **kwargs: Any) -> None:
                super().on_evaluate(*args, **kwargs)
                if self.training_tracker is not None:
                    self.table = [list(row) for row in self.training_tracker.inner_table]

        shown, ours = Kept(), NeuralCollapseCallback()
        callbacks = (ours, shown) if ours_first else (shown, ours)
        trainer = make_trainer(tmp_path, *callbacks, **STEPPED)
        trainer.train()
        columns, *rows = shown.table
        assert [row[columns.index("Step")] for row in rows] == [2, 4]
        for column, key in [("Nc1 Trace Ratio", "eval_nc1_trace_ratio"), ("Nc4 Agreement", "eval_nc4_agreement")]:
            assert [row[columns.index(column)] for row in rows] == list(history(trainer, key).values())
        assert "eval_nc1_trace_ratio" in trainer.evaluate()


# In a process of its own: trackio chooses its folder when it is imported, and serves from threads.
TRACKED = """
import json, sys
from pathlib import Path
from nc_hf import NeuralCollapseCallback
from tests.training import history, make_trainer

if __name__ == "__main__":
    trainer = make_trainer(
        Path(sys.argv[1]), report_to=["trackio"], project="collapse", eval_strategy="steps", eval_steps=2,
        trackio_space_id=None,
    )
    NeuralCollapseCallback().attach(trainer)
    trainer.train()
    Path(sys.argv[1], "history.json").write_text(json.dumps(trainer.state.log_history))
"""

ROWS = """
import json
from trackio.sqlite_storage import SQLiteStorage

runs = SQLiteStorage.get_runs("collapse")
print(json.dumps([row for run in runs for row in SQLiteStorage.get_logs("collapse", run)], default=str))
"""


@pytest.mark.slow
def test_trackio(tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    root = ROOT
    environment = {
        **os.environ,
        "TRACKIO_DIR": str(tmp_path / "trackio"),
        "PYTHONPATH": str(root),
        "OMP_NUM_THREADS": "1",
    }

    def run(script: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(TRACKED, str(tmp_path))
    wanted = {row["step"]: row for row in json.loads((tmp_path / "history.json").read_text()) if "eval_loss" in row}
    rows = json.loads(run(ROWS).splitlines()[-1])
    logged = [row for row in rows if "eval/loss" in row]
    assert len(logged) == len(wanted) == 2
    for row in logged:  # one row holds the loss and the metrics
        expected = evaluated(wanted[row["train/global_step"]])
        assert expected
        assert {name: row[f"eval/{name}"] for name in expected} == pytest.approx(expected, rel=1e-9)


class TestSFT:
    """TRL's loss builds no logits: features and labels are heard all the same, and the head decides."""

    @pytest.fixture
    def tokenizer(self) -> PreTrainedTokenizerFast:
        return train_tokenizer(islice(stories(), 100), 384)

    @pytest.mark.slow
    @pytest.mark.parametrize("packing", [False, True])
    def test_values(self, tmp_path: Path, tokenizer: PreTrainedTokenizerFast, packing: bool) -> None:
        trl = pytest.importorskip("trl")
        datasets = pytest.importorskip("datasets")
        tokenizer.pad_token = tokenizer.eos_token
        texts = [text[:150] for text in islice(stories(3), 24)]
        model = tiny_model(vocab_size=384)
        arguments = trl.SFTConfig(
            output_dir=str(tmp_path),
            use_cpu=True,
            bf16=False,
            max_steps=2,
            per_device_train_batch_size=4,
            per_device_eval_batch_size=4,
            eval_strategy="steps",
            eval_steps=1,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            max_length=48,
            packing=packing,
            packing_strategy="wrapped",
            dataset_num_proc=None,
            activation_checkpointing=False,
        )
        trainer = trl.SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_dict({"text": texts[:12]}),
            eval_dataset=datasets.Dataset.from_dict({"text": texts[12:]}),
            processing_class=tokenizer,
            callbacks=[NeuralCollapseCallback()],
        )
        trainer.train()
        assert list(history(trainer)) == [1, 2]
        values = trainer.evaluate()
        assert "eval_mean_token_accuracy" in values
        rows = []
        for row in trainer.eval_dataset["input_ids"]:
            ids = trainer.data_collator([{"input_ids": row}])["input_ids"][0][: len(row)]
            rows.append({"input_ids": ids, "labels": ids})
        assert len(rows) > 8
        assert evaluated(values) == pytest.approx(by_hand(trainer.model, rows), rel=1e-3, abs=1e-6)

    @pytest.mark.slow
    def test_its_own_rows_do_not_take_trls_training_means(
        self, tmp_path: Path, tokenizer: PreTrainedTokenizerFast
    ) -> None:
        trl = pytest.importorskip("trl")
        datasets = pytest.importorskip("datasets")
        rows = [row["input_ids"].tolist() for row in examples(16)]
        arguments = trl.SFTConfig(
            output_dir=str(tmp_path),
            use_cpu=True,
            bf16=False,
            max_steps=2,
            logging_steps=2,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            activation_checkpointing=False,
        )
        trainer = trl.SFTTrainer(
            model=tiny_model(vocab_size=384),
            args=arguments,
            train_dataset=datasets.Dataset.from_dict({"input_ids": rows}),
            processing_class=tokenizer,
        )
        NeuralCollapseCallback(token_blocks(8, 3), every=1).attach(trainer)
        trainer.train()
        own = [row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row]
        training = next(row for row in trainer.state.log_history if "loss" in row)
        assert len(own) == 2
        assert not any("mean_token_accuracy" in row for row in own)
        assert "mean_token_accuracy" in training
