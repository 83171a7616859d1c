"""`trajectory()`: a model trained on stories, its states pushed and measured over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nc_hf.measurement.trajectory as trajectory_module
from nc_hf import Report, Trajectory, measure, trajectory
from nc_hf.corpus.corpus import Corpus
from nc_hf.errors import FileError, HubError, InputError, MergeError, ModelError
from nc_hf.hub import open_tokenizer
from nc_hf.measurement.options import MeasureOptions
from nc_hf.measurement.trajectory import Turn, _first_like
from nc_hf.report.record import BaseRecord
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.helpers import write
from tests.hub.models import gpt2_files
from tests.hub.repository import Content, Repository, as_bytes
from tests.hub.server import StandIn
from tests.trained import (
    HELD_OUT,
    NAME,
    OPTIONS,
    STEPS,
    STORIES,
    after_training,
    states,
    values,
    weights_fetched,
    write_held_out,
)


@pytest.fixture
def repository(hub: StandIn) -> Repository:
    return after_training(hub)


@pytest.fixture
def story_file(tmp_path: Path) -> Path:
    return write_held_out(tmp_path)


class CountedTexts:
    """Texts that know how often they were read."""

    def __init__(self) -> None:
        self.readings = 0

    def __iter__(self) -> Iterator[str]:
        self.readings += 1
        return iter(STORIES[600:])


@pytest.mark.slow
def test_every_point_is_what_measure_says_of_that_revision(repository: Repository) -> None:
    course = trajectory(NAME, HELD_OUT, revisions="step*", **OPTIONS)
    assert [point.revision for point in course.points] == [f"step{step}" for step in STEPS]
    assert [point.step for point in course.points] == list(STEPS)
    assert [point.commit for point in course.points] == [repository.branches[f"step{step}"] for step in STEPS]
    for point in course.points:
        alone = measure(NAME, HELD_OUT, revision=point.revision, **OPTIONS)
        assert values(point.report) == values(alone)
        assert point.report.model == alone.model
    losses = [point.report.loss for point in course.points]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[-1] > 1
    assert not course.failures
    assert not course.warnings


@pytest.mark.slow
def test_the_text_is_read_once_and_a_commit_measured_once(hub: StandIn, repository: Repository) -> None:
    repository.tags["release"] = repository.branches["step40"]
    texts, turns = CountedTexts(), list[Turn]()
    chosen = ["step20", "step40", "release"]
    course = trajectory(NAME, Corpus("counted", "all", texts), revisions=chosen, on_turn=turns.append, **OPTIONS)
    assert texts.readings == 1
    assert [(turn.number, turn.total, turn.revision.name, turn.kept) for turn in turns] == [
        (1, 3, "step20", False),
        (2, 3, "step40", False),
        (3, 3, "release", True),
    ]
    assert [point.report.model.revision for point in course.points] == chosen
    assert values(course.points[1].report) == values(course.points[2].report)
    assert weights_fetched(hub) == 2


def again(repository: Repository, branch: str, of: str, **changed: Content) -> None:
    """Push the files of a branch anew on another one, some of them changed."""
    files = {**repository.at(of).files, "README.md": f"pushed as {branch}"}
    repository.commit(files | {name.replace("_json", ".json"): text for name, text in changed.items()}, branch=branch)


@pytest.mark.slow
def test_revisions_of_the_same_weights_are_measured_once_and_say_so(
    hub: StandIn, repository: Repository, tmp_path: Path
) -> None:
    again(repository, "final", "step40")
    again(repository, "step40-fixed", "step40", config_json=_otherwise(repository))
    turns, chosen = list[Turn](), ["step20", "step40", "final", "step40-fixed"]
    hub.requests.clear()
    course = trajectory(NAME, HELD_OUT, revisions=chosen, folder=tmp_path, on_turn=turns.append, **OPTIONS)
    assert weights_fetched(hub) == 3
    assert [point.same_as for point in course.points] == [None, None, "step40", None]
    assert [turn.same_as for turn in turns] == [None, None, "step40", None]
    assert [turn.kept for turn in turns] == [False, False, True, False]
    second, third, fixed = (point.report for point in course.points[1:])
    assert values(second) == values(third) != values(fixed)
    assert second.model.weights == third.model.weights == fixed.model.weights is not None
    commit = repository.branches["final"]
    assert (third.model.revision, third.model.commit, course.points[2].commit) == ("final", commit, commit)
    assert course.repeats == ["final: same weights as step40."]

    hub.requests.clear()
    resumed = trajectory(NAME, HELD_OUT, revisions=chosen, folder=tmp_path, **OPTIONS)
    assert resumed.points == course.points
    assert weights_fetched(hub) == 0


@pytest.mark.slow
def test_measurements_of_one_second_are_two_unless_they_agree_in_all(
    hub: StandIn, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same weights under another configuration, measured so fast that the clock cannot tell them apart."""
    again(repository, "step40-fixed", "step40", config_json=_otherwise(repository))
    real = trajectory_module.measure

    def at_once(*given: Any, **options: Any) -> Report:
        return replace(real(*given, **options), created="2026-01-01T00:00:00+00:00", seconds=1.0)

    monkeypatch.setattr(trajectory_module, "measure", at_once)
    quick: MeasureOptions = {**OPTIONS, "max_tokens": 500, "uncertainty": False, "preset": ["nc2_cos_std"]}
    course = trajectory(NAME, HELD_OUT, revisions="step40,step40-fixed", **quick)
    first, second = (point.report for point in course.points)
    assert first.model.weights == second.model.weights is not None
    assert values(first) != values(second)
    # As from a folder of kept reports, where nothing but the reports is known.
    assert _first_like(second, course.points[:1]) is None
    assert _first_like(replace(first, model=second.model), course.points[:1]) == "step40"


@pytest.mark.slow
def test_what_a_mirror_does_not_tell_is_measured(hub: StandIn, repository: Repository) -> None:
    again(repository, "final", "step40")
    repository.digests = False
    quick: MeasureOptions = {**OPTIONS, "max_tokens": 500, "uncertainty": False, "preset": ["nc2_cos_std"]}
    course = trajectory(NAME, HELD_OUT, revisions="step40,final", **quick)
    assert weights_fetched(hub) == 2
    assert [point.same_as for point in course.points] == [None, None]
    assert values(course.points[0].report) == values(course.points[1].report)


def _otherwise(repository: Repository) -> str:
    """The configuration of the last state with another constant, so that it is another model of the same weights."""
    config = json.loads(as_bytes(repository.at("step40").files["config.json"]))
    return json.dumps(config | {"rms_norm_eps": 1.0})


@pytest.mark.slow
def test_every_nth_and_a_list_in_its_own_order(repository: Repository) -> None:
    quick: MeasureOptions = {**OPTIONS, "max_tokens": 500, "uncertainty": False, "preset": ["nc2_cos_std"]}
    course = trajectory(NAME, HELD_OUT, every=2, **quick)
    assert [point.revision for point in course.points] == ["step0", "step20", "step40"]
    course = trajectory(NAME, HELD_OUT, revisions="main, step10", **quick)
    assert [(point.revision, point.step) for point in course.points] == [("main", None), ("step10", 10)]


@pytest.mark.slow
def test_what_is_kept_is_not_measured_again(hub: StandIn, repository: Repository, tmp_path: Path) -> None:
    first = trajectory(NAME, HELD_OUT, revisions="step0,step10", folder=tmp_path, **OPTIONS)
    hub.requests.clear()
    turns = list[Turn]()
    again = trajectory(
        NAME, HELD_OUT, revisions="step0,step10,step20", folder=tmp_path, on_turn=turns.append, **OPTIONS
    )
    assert [turn.kept for turn in turns] == [True, True, False]
    assert again.points[:2] == first.points
    assert weights_fetched(hub) == 1
    assert sorted(path.name for path in tmp_path.glob("*.json")) == sorted(
        ["settings.json", *(f"{point.commit}.json" for point in again.points)]
    )


KILLED = """
import os, signal, sys
from nc_hf import trajectory

def kill(progress):
    if progress.stage == "measuring" and progress.done * 2 > progress.total and kill.turn == 3:
        os.kill(os.getpid(), signal.SIGKILL)

def turn(turn):
    kill.turn = turn.number

model, corpus, folder = sys.argv[1:]
trajectory(model, corpus, revisions="step*", folder=folder, max_tokens=6000, classes="top:50", progress=kill,
           on_turn=turn, save_every=1, batch_size=4)
"""


@pytest.mark.slow
def test_a_trajectory_that_was_killed_goes_on_to_the_same_values(
    repository: Repository, story_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    done = subprocess.run([sys.executable, "-c", KILLED, NAME, story_file, folder], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    commits = [repository.branches[f"step{step}"] for step in STEPS]
    assert {path.stem for path in folder.glob("*.json")} == {"settings", *commits[:2]}
    assert list((folder / "unfinished" / commits[2]).glob("rank0.*"))
    tokens: dict[int, int] = {}
    turns = list[Turn]()
    settings: MeasureOptions = {"max_tokens": 6_000, "classes": "top:50", "batch_size": 4, "save_every": 1}
    resumed = trajectory(
        NAME,
        str(story_file),
        revisions="step*",
        folder=folder,
        on_turn=turns.append,
        progress=lambda reading: tokens.update({len(turns): reading.total} if reading.stage == "measuring" else {}),
        **settings,
    )
    whole = resumed.points[0].report.tokens
    assert [turn.kept for turn in turns] == [True, True, False, False, False]
    assert tokens[3] < whole  # of the third only the rest
    assert tokens[4] == tokens[5] == whole
    fresh = trajectory(NAME, str(story_file), revisions="step*", progress=False, **settings)
    assert [values(point.report) for point in resumed.points] == [values(point.report) for point in fresh.points]
    assert not list(folder.glob("unfinished/*"))


@pytest.mark.slow
def test_a_revision_that_is_no_model_is_named_and_the_others_go_on(repository: Repository) -> None:
    repository.commit({"config.json": states()["main"]["config.json"]}, branch="step15")
    repository.commit({"README.md": "# Nothing"}, branch="step25")
    course = trajectory(NAME, HELD_OUT, revisions="step10,step15,step20,step25", **OPTIONS)
    assert [point.revision for point in course.points] == ["step10", "step20"]
    assert [failure.revision for failure in course.failures] == ["step15", "step25"]
    assert "has no model.safetensors" in course.failures[0].reason
    assert "has no config.json" in course.failures[1].reason
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        trajectory(NAME, HELD_OUT, revisions="step15", **OPTIONS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "corpus", "said"),
    [
        ({"classes": "top:60"}, HELD_OUT, r"holds reports with classes 'top:50' and not 'top:60': name another folder"),
        ({"preset": ["nc2_cos_std"]}, HELD_OUT, r"holds reports with preset 'core' and not \['nc2_cos_std'\]"),
        ({}, Corpus("held out", "all", STORIES[650:]), r"measured on another text or tokenizer: remove it"),
    ],
)
def test_a_folder_of_other_options_or_text_is_refused(
    repository: Repository, tmp_path: Path, changed: MeasureOptions, corpus: Corpus, said: str
) -> None:
    trajectory(NAME, HELD_OUT, revisions="step0", folder=tmp_path, **OPTIONS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    options: MeasureOptions = {**OPTIONS, **changed}
    with pytest.raises(MergeError, match=said):
        trajectory(NAME, corpus, revisions="step0,step10", folder=tmp_path, **options)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


@pytest.mark.slow
def test_a_report_that_does_not_belong_or_is_damaged_is_refused(repository: Repository, tmp_path: Path) -> None:
    course = trajectory(NAME, HELD_OUT, revisions="step0,step10", folder=tmp_path, **OPTIONS)
    first, second = (tmp_path / f"{point.commit}.json" for point in course.points)
    text = first.read_text(encoding="utf-8")
    first.write_text(second.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(MergeError, match="is of the commit"):
        trajectory(NAME, HELD_OUT, revisions="step0", folder=tmp_path, **OPTIONS)
    first.write_text(text[:100], encoding="utf-8")
    with pytest.raises(FileError, match="is truncated"):
        trajectory(NAME, HELD_OUT, revisions="step0", folder=tmp_path, **OPTIONS)


@pytest.mark.slow
def test_a_corpus_that_was_packed_before_serves_too(repository: Repository) -> None:
    tokenizer = open_tokenizer(NAME, "step0")
    blocks = HELD_OUT.sample(tokenizer, 64, max_tokens=6_000)
    packed = trajectory(NAME, blocks, revisions="step0", **OPTIONS)
    assert values(packed.points[0].report) == values(measure(NAME, HELD_OUT, revision="step0", **OPTIONS))


def test_names_that_cannot_be_meant(repository: Repository) -> None:
    with pytest.raises(InputError, match=r"tiny-stories@step0 names a revision: give the id alone"):
        trajectory(f"{NAME}@step0", HELD_OUT)
    with pytest.raises(InputError, match="is not the id of a model"):
        trajectory("a/b/c", HELD_OUT)
    with pytest.raises(HubError, match=r"No branch or tag of .* matches 'epoch\*'"):
        trajectory(NAME, HELD_OUT, revisions="epoch*")


def cached_weights(home: Path) -> list[Path]:
    return [path for path in home.rglob("*.safetensors") if path.exists()]


@pytest.mark.slow
def test_downloads_are_removed_where_the_disk_is_short(hub: StandIn, hub_home: Path, repository: Repository) -> None:
    alone = measure(NAME, HELD_OUT, revision="step10", **OPTIONS)
    assert len(cached_weights(hub_home)) == 1
    repository.commit({**states()["step20"], "model.safetensors": b"cut"}, branch="step25")
    course = trajectory(NAME, HELD_OUT, revisions="step10,step20,step25,step30", keep_downloads=False, **OPTIONS)
    assert [point.revision for point in course.points] == ["step10", "step20", "step30"]
    assert values(course.points[0].report) == values(alone)
    (left,) = cached_weights(hub_home)  # what lay there before
    assert repository.branches["step10"] in str(left)


@pytest.fixture
def output(tmp_path: Path, repository: Repository) -> Path:
    """What a Trainer leaves: the same states as on the Hub, the tokenizer beside them."""
    folder = tmp_path / "out"
    for step in STEPS:
        files = states()[f"step{step}"]
        write(folder, {name: text for name, text in files.items() if name.startswith("tokenizer")})
        kept = {name: text for name, text in files.items() if not name.startswith("tokenizer")}
        write(folder / f"checkpoint-{step}", {**kept, "training_args.bin": b"never opened"})
    return folder


@pytest.mark.slow
def test_checkpoints_of_a_folder_are_what_the_branches_are(output: Path) -> None:
    there = trajectory(NAME, HELD_OUT, revisions="step*", **OPTIONS)
    course = trajectory(str(output), HELD_OUT, **OPTIONS)
    assert course.model == str(output)
    assert [point.revision for point in course.points] == [f"checkpoint-{step}" for step in STEPS]
    assert [point.step for point in course.points] == list(STEPS)
    for point, other in zip(course.points, there.points, strict=True):
        assert values(point.report) == values(other.report)
        assert point.commit == point.report.model.commit == point.report.model.weights == other.report.model.weights
        alone = measure(str(output / point.revision), HELD_OUT, tokenizer=str(output), **OPTIONS)
        assert point.report.model == alone.model
    assert not course.failures
    assert not course.warnings
    frame = course.to_frame()
    assert frame["step"].tolist() == list(STEPS)
    assert f"`{course.points[0].commit.removeprefix('sha256:')[:7]}`" in course.to_markdown()
    course.save(output / "trajectory.json")
    assert Trajectory.load(output / "trajectory.json").points == course.points


@pytest.mark.slow
def test_checkpoints_are_chosen_resumed_and_measured_once(output: Path, tmp_path: Path) -> None:
    write(output / "checkpoint-50", states()["step40"])  # its own tokenizer makes it another model
    copied = {name: text for name, text in states()["step40"].items() if not name.startswith("tokenizer")}
    write(output / "checkpoint-60", copied)
    turns, folder = list[Turn](), tmp_path / "kept"
    chosen = "checkpoint-30,checkpoint-40,checkpoint-50,checkpoint-60"
    course = trajectory(str(output), HELD_OUT, revisions=chosen, folder=folder, on_turn=turns.append, **OPTIONS)
    assert [turn.kept for turn in turns] == [False, False, False, True]
    assert [point.same_as for point in course.points] == [None, None, None, "checkpoint-40"]
    assert course.points[3].report.model.id == str(output / "checkpoint-60")
    assert {path.stem for path in folder.glob("*.json")} == {"settings", *chosen.split(",")}
    turns.clear()
    again = trajectory(
        f"{output}/", HELD_OUT, revisions=chosen, every=2, folder=folder, on_turn=turns.append, **OPTIONS
    )
    assert [(point.revision, turn.kept) for point, turn in zip(again.points, turns, strict=True)] == [
        ("checkpoint-30", True),
        ("checkpoint-50", True),
    ]
    assert again.points[0] == course.points[0]
    write(output / "checkpoint-30", {"model.safetensors": states()["step0"]["model.safetensors"]})
    with pytest.raises(MergeError, match=r"checkpoint-30\.json is of the commit sha256:.* remove it"):
        trajectory(str(output), HELD_OUT, revisions=chosen, folder=folder, **OPTIONS)


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_read_is_named_and_the_others_go_on(output: Path) -> None:
    config = {"config.json": states()["main"]["config.json"]}
    write(output / "checkpoint-15", {**config, "pytorch_model.bin": b"PK"})
    write(output / "checkpoint-25", {"trainer_state.json": "{}"})
    turns = list[Turn]()
    quick: MeasureOptions = {**OPTIONS, "max_tokens": 500, "uncertainty": False, "preset": ["nc2_cos_std"]}
    chosen = ["checkpoint-10", "checkpoint-15", "checkpoint-25"]
    course = trajectory(str(output), HELD_OUT, revisions=chosen, on_turn=turns.append, **quick)
    assert [point.revision for point in course.points] == ["checkpoint-10"]
    assert [turn.revision.commit for turn in turns[1:]] == ["", ""]
    assert [(failure.revision, failure.commit) for failure in course.failures] == [
        ("checkpoint-15", ""),
        ("checkpoint-25", ""),
    ]
    assert "has its weights as pickles" in course.failures[0].reason
    assert "has no config.json" in course.failures[1].reason
    with pytest.raises(ModelError, match="pickles"):
        trajectory(str(output), HELD_OUT, revisions="checkpoint-15", **quick)


@pytest.mark.slow
def test_the_tokenizer_of_checkpoints_can_be_named(output: Path, tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    for path in output.glob("tokenizer*"):
        path.rename(tokenizer / path.name)
    quick: MeasureOptions = {**OPTIONS, "max_tokens": 500, "uncertainty": False, "preset": ["nc2_cos_std"]}
    with pytest.raises(ModelError, match="tokenizer"):
        trajectory(str(output), HELD_OUT, revisions="checkpoint-10", **quick)
    course = trajectory(str(output), HELD_OUT, revisions="checkpoint-10", tokenizer=str(tokenizer), **quick)
    expected = trajectory(NAME, HELD_OUT, revisions="step10", **quick)
    assert values(course.points[0].report) == values(expected.points[0].report)
    blocks = HELD_OUT.sample(open_tokenizer(str(tokenizer), allow_local=True), 64, max_tokens=500)
    assert len(trajectory(str(output), blocks, revisions="checkpoint-10", **quick).points) == 1


@pytest.mark.slow
def test_a_folder_is_read_only_where_that_is_allowed(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is not the id of a model"):
        trajectory(str(output), HELD_OUT, allow_local=False)
    with pytest.raises(InputError, match="are no downloads and stay: leave keep_downloads out"):
        trajectory(str(output), HELD_OUT, keep_downloads=False)
    with pytest.raises(InputError, match="There is no checkpoint-N in"):
        trajectory(str(output / "checkpoint-10"), HELD_OUT)
    with pytest.raises(InputError, match="There is no folder"):
        trajectory("./nowhere", HELD_OUT)
    monkeypatch.chdir(output.parent)
    assert len(trajectory("out", HELD_OUT, revisions="checkpoint-0", **OPTIONS).points) == 1


@pytest.mark.slow
def test_adapters_on_the_hub_are_measured_once_and_refused_over_another_base(hub: StandIn, tmp_path: Path) -> None:
    base = hub.add(BASE, gpt2_files())
    repository = hub.add(ADAPTER, lora_files())
    repository.commit(lora_files(seed=2), branch="step10")
    repository.commit({**lora_files(seed=2), "README.md": "again"}, branch="step20")
    quick: MeasureOptions = {"max_tokens": 500, "uncertainty": False, "preset": ["nc2_cos_std"], "progress": False}
    chosen = ["step10", "step20", "main"]
    course = trajectory(ADAPTER, HELD_OUT, revisions=chosen, folder=tmp_path, **quick)
    assert [point.same_as for point in course.points] == [None, "step10", None]
    assert course.points[1].report.model.commit == repository.branches["step20"]
    for point in course.points:
        assert point.report.model.base == BaseRecord(BASE, None, base.branches["main"], "LORA")
        assert values(point.report) == values(measure(ADAPTER, HELD_OUT, revision=point.revision, **quick))
    resumed = trajectory(ADAPTER, HELD_OUT, revisions=chosen, folder=tmp_path, **quick)
    assert resumed.points == course.points
    base.commit(gpt2_files(seed=1))
    with pytest.raises(MergeError, match="over another state of someone/base: name another folder"):
        trajectory(ADAPTER, HELD_OUT, revisions=chosen, folder=tmp_path, **quick)
