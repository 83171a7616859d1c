"""Every command of README.md runs as it stands, and so does its Python.

The Hub is the stand-in, and nothing is changed in a command; options behind it make models and texts small. What one
command writes the next ones read, so they run in their order, in one folder.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainingArguments

from nc_hf.corpus.stories import stories
from tests.command import invoke
from tests.hub.server import StandIn
from tests.paths import RECIPES, ROOT
from tests.training import examples, save_tiny, tiny_model

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines() if line.strip()]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)

MEASURE = "--max-tokens 2000 --classes top:20 --device cpu --quiet"
STUDY = "--width 16 --depth 1 --epochs 1 --vocab-size 512 --block-size 64 --max-train-tokens 8000 "
STUDY += "--max-validation-tokens 4000 --extra [] --tokenizer builtin --batch-size 8 --seed 0 --weight-decay 0.1"
SMALLER = {
    "nc-hf measure": MEASURE,
    "nc-hf trajectory": MEASURE,
    "nc-hf study analyze": "--resamples 20 --permutations 100",
    "nc-hf study run mini": f"{STUDY} --output runs/small",
    "nc-hf study run paper": "--width 64 --depth 1",
    "accelerate launch": STUDY,
    "nc-hf space": "--help",  # tests/integration/test_space.py serves it
}
"""What is put behind a command, by its beginning."""

MODEL = "EleutherAI/pythia-70m"


@pytest.fixture
def folder(hub: StandIn, tmp_path: Path) -> Path:
    """A folder in which the commands find what they name: models and text on the Hub, checkpoints, results."""
    told = [json.dumps({"text": text}) for text in islice(stories(0), 400)]
    texts = {f"{split}.jsonl": "\n".join(told) + "\n" for split in ("train", "validation")}
    hub.add("roneneldan/TinyStories", texts, kind="dataset")
    files = {path.name: path.read_bytes() for path in save_tiny(tmp_path / "out" / "checkpoint-5").iterdir()}
    repository = hub.add(MODEL, {**files, "README.md": "---\nlicense: mit\n---\n# A model\n"})
    for branch in ("step0", "step1000"):
        repository.commit(files, branch=branch)
    (tmp_path / "PATH").mkdir()
    for name, text in texts.items():
        (tmp_path / "PATH" / name).write_text(text)
    shutil.copytree(RECIPES / "results" / "mini", tmp_path / "runs" / "mini")
    (tmp_path / "recipes").symlink_to(RECIPES)
    return tmp_path


def smaller(command: list[str]) -> list[str]:
    """Put the options behind a command that make it small."""
    words = " ".join(command)
    return command + shlex.split(next((more for begin, more in SMALLER.items() if words.startswith(begin)), ""))


def test_commands_are_found() -> None:
    assert {command[0] for command in COMMANDS} == {"make", "accelerate", "nc-hf"}
    assert len(COMMANDS) >= 12
    assert all(any(" ".join(command).startswith(begin) for command in COMMANDS) for begin in SMALLER)


@pytest.mark.parametrize("target", [command[1] for command in COMMANDS if command[0] == "make"])
def test_a_target_is_one_of_the_makefile(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for tool, *arguments in filter(lambda each: each[0] == "nc-hf", map(smaller, COMMANDS)):
        result = invoke(*arguments, columns=100)
        assert result.exit_code == 0, (tool, arguments, result.output[-3000:])
        assert result.stdout.strip(), arguments
    written = {"early.json", "late.json", "card.md", "course/trajectory.json", "steps/trajectory.json"}
    written |= {"figures/loss.png"}
    assert all((folder / name).is_file() for name in (*written, "runs/small/results.csv"))


@pytest.mark.slow
@pytest.mark.parametrize("command", [" ".join(command) for command in COMMANDS if command[0] == "accelerate"])
def test_the_recipe_is_launched(command: str, folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    tool = Path(sys.executable).with_name("accelerate")
    done = subprocess.run(
        [tool, *smaller(command.split())[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "runs" / "smoke" / "results.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_the_python_runs(snippet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = TrainingArguments(tmp_path, max_steps=2, save_strategy="no", use_cpu=True, report_to="none")
    names: dict[str, Any] = {"model": tiny_model(), "args": args, "train": examples(16)}
    names["held_out"] = examples(16, seed=1)
    exec(compile(snippet, "README.md", "exec"), names)
    assert float(capsys.readouterr().out.split()[-1]) > 0
