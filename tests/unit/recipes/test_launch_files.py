"""The files for Slurm and Hugging Face Jobs: every option that they pass exists where they pass it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from nc_hf.cli.study_run import command, main
from nc_hf.study.ledger import TEXTS
from nc_hf.study.packed import NOTED
from nc_hf.study.text import TOKENIZER
from tests.paths import RECIPES
from tests.scripts import load_script

FILES = sorted([*(RECIPES / "slurm").glob("*.sbatch"), *(RECIPES / "hf_jobs").glob("*.sh")])
ENDS = re.compile(r"\s(?:&&|\|\||;|bash|\d?>)(?=\s)")


def commands(path: Path, start: str) -> list[str]:
    """The commands of a file that have ``start`` in them, from there on, each in one line."""
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    lines = [line for line in text.splitlines() if start in line and not line.lstrip().startswith("#")]
    return [ENDS.split(line.partition(start)[2])[0] for line in lines]


def options(command: str) -> set[str]:
    return set(re.findall(r"(?<!\S)--[a-z][\w-]*", command))


def recipe_options() -> set[str]:
    assert load_script(RECIPES / "tinystories_grid.py").main is main
    return {name for parameter in command().params for name in parameter.opts}


def test_the_recipe_knows_every_option() -> None:
    known = recipe_options()
    passed = {path.name: options(line) for path in FILES for line in commands(path, "tinystories_grid.py ")}
    passed.pop("submit.sh", None)  # copies it
    assert set(passed) == {"array.sbatch", "multi_gpu.sbatch", "ray.sbatch", "job.sh", "collect.sh"}
    assert {name: sorted(found - known) for name, found in passed.items() if found - known} == {}
    assert all("--output" in found for found in passed.values())
    assert "--shard" in passed["array.sbatch"] & passed["job.sh"]
    assert {"--launcher", "--ray-address", "--gpus-per-cell"} <= passed["ray.sbatch"]


def test_what_is_sent_to_a_job_exists() -> None:
    (copied,) = commands(RECIPES / "hf_jobs" / "submit.sh", "cp ")[:1]
    paths = [path for path in copied.split() if path.startswith("recipes/")]
    assert len(paths) == 2
    assert all((RECIPES.parent / path).is_file() for path in paths)


def test_a_job_keeps_all_but_the_blocks_of_its_texts() -> None:
    """They are made anew; what a text is known by, and the tokenizer trained on it, are not."""
    jobs = "".join((RECIPES / "hf_jobs" / f"{name}.sh").read_text() for name in ("job", "collect"))
    (pattern,) = set(re.findall(r"--exclude '(texts[^']*)'", jobs))
    kept = [f"{TEXTS}/some-1a2b3c4d/{name}" for name in (NOTED, TOKENIZER)]
    assert fnmatch(f"{TEXTS}/some-1a2b3c4d/train.safetensors", pattern)
    assert not any(fnmatch(path, pattern) for path in kept)


def test_every_job_of_an_array_has_its_shard() -> None:
    text = (RECIPES / "slurm" / "array.sbatch").read_text()
    assert '--shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"' in text
    first, last = re.search(r"--array=(\d+)-(\d+)$", text, re.MULTILINE).groups()  # type: ignore[union-attr]
    assert (first, int(last) > 1) == ("1", True)  # shards count from 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("hf", "jobs run"),
        ("hf", "buckets sync"),
        ("hf", "buckets create"),
        ("hf", "buckets cp"),
        ("hf", "repos create"),
        ("hf", "upload"),
        ("accelerate", "launch"),
    ],
)
def test_the_command_lines_of_others_know_theirs(program: str, command: str) -> None:
    lines = [line for path in FILES for line in commands(path, f"{program} {command} ")]
    before = [re.split(r"\s(?:recipes/|\")", line)[0] if program == "accelerate" else line for line in lines]
    passed = set().union(*map(options, before))
    shown = subprocess.run(
        [Path(sys.executable).with_name(program), *command.split(), "--help"],
        capture_output=True, text=True, timeout=200, check=True,
    ).stdout  # fmt: skip
    assert lines
    assert {name for name in passed if not re.search(rf"(?<!\S){name}(?![\w-])", shown)} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_bash_can_read_it(path: Path) -> None:
    assert subprocess.run(["bash", "-n", path], capture_output=True, check=False).stderr == b""
    shellcheck = shutil.which("shellcheck")
    if shellcheck:
        found = subprocess.run([shellcheck, "-s", "bash", path], capture_output=True, text=True, check=False)
        assert found.stdout == ""
