"""Branches and tags: in the order of training, chosen by name, pattern and stride."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import HubError, InputError, NCError
from nc_hf.hub import list_checkpoints, list_revisions
from tests.hub.server import StandIn


@pytest.fixture
def trajectory(hub: StandIn) -> str:
    repository = hub.add("someone/steps", {"config.json": "{}"})
    for step in (1000, 0, 512, 64, 8):
        repository.commit({"step": str(step)}, branch=f"step{step}")
    repository.tags["v1.10"] = repository.tags["v1.9"] = repository.branches["main"]
    return repository.id


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ({}, ["step0", "step8", "step64", "step512", "step1000", "v1.9", "v1.10", "main"]),
        ({"select": "step*"}, ["step0", "step8", "step64", "step512", "step1000"]),
        ({"select": "step*", "every": 2}, ["step0", "step64", "step1000"]),
        ({"select": "step*", "every": 9}, ["step0"]),
        ({"select": ["main", "step8"]}, ["main", "step8"]),
        ({"select": "step8, v1.9"}, ["step8", "v1.9"]),
        ({"select": "main"}, ["main"]),
    ],
)
def test_revisions_come_in_the_order_of_training(trajectory: str, how: dict[str, Any], names: list[str]) -> None:
    assert [revision.name for revision in list_revisions(trajectory, **how)] == names


def test_thousands_and_digits_of_any_script_have_their_place(hub: StandIn) -> None:
    repository = hub.add("someone/thousands", {"config.json": "{}"})
    names = ["step-500", "step-1k", "step-1.5K", "step-2k-105b", "step-10k", "step-1M", "v1.9", "v1.10", "v1²"]
    for name in [*reversed(names), "rev①"]:
        repository.branches[name] = repository.branches["main"]
    listed = [revision.name for revision in list_revisions(repository.id)]
    assert listed == ["rev①", *names, "main"]


def test_revisions_carry_their_commits(hub: StandIn, trajectory: str) -> None:
    assert {each.name: each.commit for each in list_revisions(trajectory, "step*")} == {
        name: sha for name, sha in hub.get(trajectory).branches.items() if name != "main"
    }


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ({"select": "stop*"}, HubError, "No branch or tag .* matches 'stop\\*'"),
        ({"select": ["step7"]}, HubError, "no revision step7: choose among step0, step8"),
        ({"select": []}, HubError, "choose among"),
        ({"every": 0}, InputError, "use a number of 1 or more"),
    ],
)
def test_revisions_that_are_not_there_are_named(
    trajectory: str, how: dict[str, Any], kind: type[NCError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        list_revisions(trajectory, **how)


def test_revisions_of_a_missing_repository(hub: StandIn) -> None:
    with pytest.raises(HubError, match="There is no someone/absent"):
        list_revisions("someone/absent")


def test_a_revision_list_takes_no_folder(hub: StandIn, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list_revisions(str(tmp_path))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    for name in ("checkpoint-1000", "checkpoint-500", "checkpoint-90", "tmp-checkpoint-2000", "checkpoint-x", "runs"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-7").write_text("a file")
    return tmp_path


@pytest.mark.parametrize(
    ("how", "steps"),
    [
        ({}, [90, 500, 1000]),
        ({"every": 2}, [90, 1000]),
        ({"select": "checkpoint-*00"}, [500, 1000]),
        ({"select": "checkpoint-1000, checkpoint-90"}, [1000, 90]),
    ],
)
def test_checkpoints_come_in_the_order_of_their_steps(output: Path, how: dict[str, Any], steps: list[int]) -> None:
    assert list_checkpoints("./out", output, **how) == [f"checkpoint-{step}" for step in steps]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"select": "step*"},
            r"No checkpoint of \./out matches 'step\*': it has checkpoint-90, .*; change",
        ),
        ({"select": "checkpoint-7"}, r"No checkpoint of \./out matches 'checkpoint-7'"),
        ({"select": ["checkpoint-7"]}, "has no checkpoint checkpoint-7: choose among checkpoint-90"),
        ({"every": 0}, "use a number of 1 or more"),
    ],
)
def test_checkpoints_that_are_not_there_are_named(output: Path, how: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        list_checkpoints("./out", output, **how)


def test_a_folder_without_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no checkpoint-N in \./out: name the output folder of a Trainer"):
        list_checkpoints("./out", tmp_path)
