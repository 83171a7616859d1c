"""The best model, early stopping, search, and runs that begin again, are copied or are handed on."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback

from nc_hf import NeuralCollapseCallback
from tests.situations.evaluating import BY_STEP, CopyingLog, train, watched
from tests.situations.registry import situation
from tests.situations.watching import Watch
from tests.training import examples, history, make_trainer, tiny_model, token_blocks

BEST: dict[str, Any] = {
    "save_strategy": "steps",
    "save_steps": 1,
    "load_best_model_at_end": True,
    "metric_for_best_model": "nc1_trace_ratio",
    "greater_is_better": False,
}


class UntimedLog(Trainer):
    """Logs an evaluation without what it has to say of its speed."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log({key: value for key, value in logs.items() if not key.endswith(("runtime", "per_second"))})


@situation("best model", "load_best_model_at_end on one of our values")
def _best(folder: Path) -> Any:
    trainer, watch = watched(folder, **{**BY_STEP, **BEST, "max_steps": 3})
    trainer.train()
    assert trainer.state.best_metric == min(history(trainer).values())
    trainer.evaluate()
    assert abs(watch.compared[-1].values["nc1_trace_ratio"] - trainer.state.best_metric) < 1e-5
    return watch


@situation("best model", "save_strategy best")
def _save_best(folder: Path) -> Any:
    return train(folder, **{**BEST, "save_strategy": "best"})


@situation("best model", "a schedule that waits for a plateau of our value")
def _plateau(folder: Path) -> Any:
    return train(folder, **BEST, lr_scheduler_type="reduce_lr_on_plateau")


@situation("best model", "EarlyStoppingCallback after ours")
def _stopping(folder: Path) -> Any:
    return _stops(folder, NeuralCollapseCallback(), EarlyStoppingCallback(1))


@situation("best model", "EarlyStoppingCallback before ours")
def _stopping_before(folder: Path) -> Any:
    return _stops(folder, EarlyStoppingCallback(1), NeuralCollapseCallback())


@situation("best model", "EarlyStoppingCallback before ours, a Trainer whose log copies its dict")
def _stopping_copy(folder: Path) -> Any:
    return _stops(folder, EarlyStoppingCallback(1), NeuralCollapseCallback(), trainer=CopyingLog)


def _stops(folder: Path, *callbacks: Any, **settings: Any) -> Watch:
    """Nothing is learnt, so that training has to stop after the second evaluation."""
    settings = {**BY_STEP, **BEST, "max_steps": 6, "learning_rate": 0.0, **settings}
    trainer, watch = watched(folder, *callbacks, **settings)
    trainer.train()
    assert trainer.state.global_step == 2
    return watch


@situation("best model", "our value in a Trainer whose log copies its dict")
def _copying(folder: Path) -> Any:
    return train(folder, trainer=CopyingLog, **BEST)


@situation("best model", "our value in a Trainer whose log leaves the timings out")
def _untimed(folder: Path) -> Any:
    return train(folder, trainer=UntimedLog, **BEST)


@situation("best model", "our value without greater_is_better=False", "warned", said="greater_is_better=False")
def _wrong_way(folder: Path) -> Any:
    settings = {name: value for name, value in BEST.items() if name != "greater_is_better"}
    trainer = make_trainer(folder, NeuralCollapseCallback(), **BY_STEP, **settings)
    trainer.train()
    return [{"steps": trainer.state.global_step}]


def _searched(folder: Path, **settings: Any) -> tuple[Trainer, Watch, Any]:
    """Two trials of optuna, each a training that is evaluated twice."""
    trainer, watch = watched(folder, **BY_STEP)
    trainer.model_init = lambda trial=None: tiny_model()

    def space(trial: Any) -> dict[str, float]:
        return {"learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)}

    best = trainer.hyperparameter_search(space, n_trials=2, direction="minimize", backend="optuna", **settings)
    assert len(watch.compared) == 4
    return trainer, watch, best


@situation("search", "hyperparameter_search with compute_objective, of one of our values", needs="optuna")
def _search(folder: Path) -> Any:
    _, watch, best = _searched(folder, compute_objective=lambda found: found["eval_nc1_trace_ratio"])
    ends = [watch.compared[place].expected["nc1_trace_ratio"] for place in (1, 3)]
    assert ends[0] != ends[1]
    assert best.objective == pytest.approx(min(ends), rel=2e-4)
    return watch


@situation(
    "search",
    "hyperparameter_search without compute_objective",
    "warned",
    said="compute_objective",
    kept=True,
    needs="optuna",
)
def _search_of_all(folder: Path) -> Any:
    _, watch, _ = _searched(folder)
    assert all(each.values == pytest.approx(each.expected, rel=2e-4, abs=1e-7) for each in watch.compared)
    return [each.values for each in watch.compared]


# -- runs


@situation("runs", "model_init, and two trainings")
def _twice(folder: Path) -> Any:
    trainer, watch = watched(folder, **BY_STEP)
    trainer.model_init = lambda trial=None: tiny_model()
    trainer.train()
    trainer.train()
    assert len(watch.compared) == 4
    return watch


@situation("runs", "resumed in the middle of an epoch")
def _resumed(folder: Path) -> Any:
    settings = {**BY_STEP, "max_steps": 3, "save_strategy": "steps", "save_steps": 1}
    trainer, one = watched(folder, **settings)
    trainer.train()
    again, two = watched(folder, **settings)
    again.train(resume_from_checkpoint=str(folder / "checkpoint-1"))
    assert list(history(again)) == [1, 2, 3]
    assert len(two.compared) == 2
    return [one, two]


@situation("runs", "a Trainer that is copied, with the callback attached again")
def _copied(folder: Path) -> Any:
    callback = NeuralCollapseCallback()
    trainer = make_trainer(folder, callback)
    trainer.evaluate()
    other = copy.deepcopy(trainer)
    next(each for each in other.callback_handler.callbacks if isinstance(each, NeuralCollapseCallback)).attach(other)
    watches = [Watch(other), Watch(trainer)]
    other.evaluate()
    trainer.evaluate()
    return watches


@situation("runs", "a Trainer that is copied, evaluated as it is", "warned", said=r"attach\(")
def _copied_only(folder: Path) -> Any:
    other = copy.deepcopy(make_trainer(folder, NeuralCollapseCallback()))
    return [other.evaluate(), other.evaluate()]


@situation("runs", "a callback out of a pickle")
def _pickled(folder: Path) -> Any:
    kept = pickle.dumps(NeuralCollapseCallback().attach(make_trainer(folder)))
    trainer = make_trainer(folder)
    pickle.loads(kept).attach(trainer)
    watch = Watch(trainer)
    trainer.evaluate()
    return watch


@situation("runs", "save_metrics, log_metrics and a model card")
def _written(folder: Path) -> Any:
    trainer, watch = watched(folder, **BY_STEP)
    trainer.train()
    values = trainer.evaluate()
    trainer.log_metrics("eval", values)
    trainer.save_metrics("eval", values)
    trainer.create_model_card(model_name="tiny")
    assert "nc1_trace_ratio" in (folder / "eval_results.json").read_text(encoding="utf-8")
    return watch


@situation("runs", "a callback that was added too late to listen", "warned", said=r"attach\(")
def _late(folder: Path) -> Any:
    trainer = make_trainer(folder)
    trainer.add_callback(NeuralCollapseCallback())
    return [trainer.evaluate(), trainer.evaluate()]


@situation("runs", "one callback for two Trainers in turn")
def _in_turn(folder: Path) -> Any:
    callback = NeuralCollapseCallback()
    watches = []
    for seed in (2, 3):
        trainer, watch = watched(folder, callback, evaluation=examples(9, seed=seed))
        trainer.evaluate()
        watches.append(watch)
    return watches


@situation("runs", "one callback on two live Trainers", "warned", said=r"another Trainer.*attach\(")
def _shared(folder: Path) -> Any:
    callback = NeuralCollapseCallback()
    first = make_trainer(folder, callback)
    make_trainer(folder, callback, model=tiny_model()).evaluate()
    return [first.evaluate(), first.evaluate()]


@situation("runs", "removed from the Trainer, and attached again")
def _removed(folder: Path) -> Any:
    callback = NeuralCollapseCallback()
    trainer = make_trainer(folder, callback)
    trainer.remove_callback(callback)
    assert not any("nc1" in key for key in trainer.evaluate())
    callback.attach(trainer)
    watch = Watch(trainer)
    trainer.evaluate()
    return watch


@situation("runs", "a pass of its own every so many steps, an evaluation that goes on beside it")
def _beside(folder: Path) -> Any:
    own = NeuralCollapseCallback(token_blocks(8, 3), every=1, label="own")
    return train(folder, NeuralCollapseCallback(), own)


@situation("runs", "a callback that puts the model into training mode after each evaluation")
def _mode(folder: Path) -> Any:
    class Mode(TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            model.train()

    return train(folder, Mode(), NeuralCollapseCallback())


@situation("runs", "the table of a notebook's progress, after ours", needs="IPython")
def _notebook(folder: Path) -> Any:
    from transformers.utils.notebook import NotebookProgressCallback

    return train(folder, NeuralCollapseCallback(), NotebookProgressCallback(), **BEST)


@situation(
    "runs", "the table of a notebook's progress, before ours, a Trainer whose log copies its dict", needs="IPython"
)
def _notebook_before(folder: Path) -> Any:
    from transformers.utils.notebook import NotebookProgressCallback

    return train(folder, NotebookProgressCallback(), NeuralCollapseCallback(), trainer=CopyingLog, **BEST)
