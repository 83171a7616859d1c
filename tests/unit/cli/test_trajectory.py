"""`nc-hf trajectory`: what it writes, prints and refuses, and that it goes on."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import Result

from nc_hf import Trajectory, measure
from tests.command import invoke
from tests.hub.helpers import write
from tests.hub.repository import Repository
from tests.hub.server import StandIn
from tests.trained import NAME, OPTIONS, after_training, states, values, weights_fetched, write_held_out


@pytest.fixture
def repository(hub: StandIn) -> Repository:
    return after_training(hub)


@pytest.fixture
def story_file(tmp_path: Path) -> Path:
    return write_held_out(tmp_path)


def run(*arguments: object) -> Result:
    return invoke("trajectory", *arguments, columns=80)


@pytest.mark.slow
def test_the_command_writes_prints_and_goes_on(
    repository: Repository, story_file: Path, tmp_path: Path, hub: StandIn
) -> None:
    output = tmp_path / "new" / "course"
    repository.commit({"README.md": "# Nothing"}, branch="step50")
    arguments = [NAME, "--revisions", "step*", "--every", "2", "--corpus", story_file, "--output", output]
    settings = ["--max-tokens", "6000", "--classes", "top:50", "--device", "cpu"]
    repository.commit({"README.md": "# Nothing"}, branch="step45")  # so that step50, the seventh, is among them
    result = run(*arguments, *settings)
    assert result.exit_code == 0, result.output
    course = Trajectory.load(output / "trajectory.json")
    assert [point.revision for point in course.points] == ["step0", "step20", "step40"]
    assert [failure.revision for failure in course.failures] == ["step50"]
    expected = measure(NAME, str(story_file), revision="step20", **OPTIONS)
    assert values(course.points[1].report) == values(expected)
    rows = list(csv.DictReader(io.StringIO((output / "trajectory.csv").read_text(encoding="utf-8"))))
    assert [row["revision"] for row in rows] == ["step0", "step20", "step40"]
    assert float(rows[1]["nc1_trace_ratio"]) == expected.metrics["nc1_trace_ratio"].value
    assert float(rows[1]["nc1_trace_ratio_stderr"]) == expected.metrics["nc1_trace_ratio"].stderr
    assert b"PNG" in (output / "trajectory.png").read_bytes()[:8]
    assert all(name in (output / "trajectory.svg").read_text(encoding="utf-8") for name in ("NC1", "NC4"))
    assert (output / "trajectory.md").read_text(encoding="utf-8") == course.to_markdown()
    for number, name in enumerate(("step0", "step20", "step40", "step50"), start=1):
        assert f"revision {number} of 4: {name} ({repository.branches[name][:7]})" in result.stderr
    assert "revision" not in result.stdout.split("Course")[1].split("Not measured")[0]
    assert "step50" in result.stdout.split("Not measured")[1]
    assert max(map(len, result.stdout.splitlines())) <= 80
    told = [line.split()[1] for line in result.stderr.splitlines() if line.startswith("wrote ")]
    assert told == [str(output / f"trajectory.{ending}") for ending in ("json", "csv", "md", "png", "svg")]

    hub.requests.clear()
    again = run(*arguments, *settings, "--json", "--quiet")
    assert json.loads(again.stdout) == json.loads((output / "trajectory.json").read_text(encoding="utf-8"))
    assert again.stderr == ""
    assert weights_fetched(hub) == 0


@pytest.mark.slow
def test_the_classes_may_be_named_in_a_file(repository: Repository, story_file: Path, tmp_path: Path) -> None:
    """Of this machine: what stands in it is no name that came over a network."""
    classes = tmp_path / "classes.txt"
    classes.write_text("".join(f"{token}\n" for token in range(10, 60)), encoding="utf-8")
    arguments = [NAME, "--revisions", "step20", "--corpus", story_file, "--output", tmp_path / "course"]
    result = run(*arguments, "--max-tokens", "6000", "--classes", classes, "--device", "cpu", "--quiet")
    assert result.exit_code == 0, result.output
    (point,) = Trajectory.load(tmp_path / "course" / "trajectory.json").points
    assert (point.report.classes.rule, point.report.classes.ids) == ("a given list", list(range(10, 60)))


def test_the_command_refuses_in_one_line(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments, said, code in (
        ([NAME, "--output", tmp_path / "file"], "not a directory open to you", 6),
        ([NAME, "--revisions", "epoch*", "--corpus", "builtin"], "No branch or tag", 7),
        (["a/b/c", "--corpus", "builtin"], "is not the id of a model", 2),
    ):
        result = run(*arguments)
        assert result.exit_code == code
        assert said in result.stderr
        assert result.stderr.startswith("nc-hf: ")
        assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_trainer_s_folder_is_read_in_the_order_of_its_steps(story_file: Path, tmp_path: Path, hub: StandIn) -> None:
    folder, output = tmp_path / "out", tmp_path / "course"
    for step in (0, 40):
        files = states()[f"step{step}"]
        write(folder, {name: text for name, text in files.items() if name.startswith("tokenizer")})
        write(folder / f"checkpoint-{step}", {name: text for name, text in files.items() if "tokenizer" not in name})
    write(folder / "checkpoint-8", {"pytorch_model.bin": b"PK", "config.json": states()["main"]["config.json"]})
    settings = ["--corpus", story_file, "--max-tokens", "6000", "--classes", "top:50", "--device", "cpu"]
    result = run(folder, "--output", output, *settings)
    assert result.exit_code == 0, result.output
    course = Trajectory.load(output / "trajectory.json")
    assert [point.step for point in course.points] == [0, 40]
    assert [failure.revision for failure in course.failures] == ["checkpoint-8"]
    rows = list(csv.DictReader(io.StringIO((output / "trajectory.csv").read_text(encoding="utf-8"))))
    assert [(row["revision"], row["step"]) for row in rows] == [("checkpoint-0", "0"), ("checkpoint-40", "40")]
    assert b"PNG" in (output / "trajectory.png").read_bytes()[:8]
    first = course.points[0].commit.removeprefix("sha256:")[:7]
    assert f"revision 1 of 3: checkpoint-0 ({first})\n" in result.stderr
    assert "revision 2 of 3: checkpoint-8\n" in result.stderr
    for arguments, said in (
        ([folder, "--revisions", "step*"], "No checkpoint of"),
        ([folder, "--discard-downloads"], "are no downloads"),
        ([folder / "checkpoint-0"], "There is no checkpoint-N in"),
    ):
        refused = run(*arguments, *settings)
        assert refused.exit_code == 2
        assert said in refused.stderr
        assert refused.stderr.count("\n") == 1
