"""The command that runs a study: its options are the settings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nc_hf.cli import app
from nc_hf.study.preset import AXES, WHOLE
from tests.paths import RECIPES

RECIPE = [sys.executable, str(RECIPES / "tinystories_grid.py")]
COMMAND = [str(Path(sys.executable).with_name("nc-hf")), "study", "run"]


def test_the_help_lists_every_setting_with_its_words() -> None:
    shown = " ".join(CliRunner().invoke(app, ["study", "run", "--help"]).output.replace("│", " ").split())
    listed = set(re.findall(r"--([a-z-]+)", shown))
    assert {name.replace("_", "-") for name in (*AXES, *WHOLE, "extra")} <= listed
    assert "(default: adamw_torch)" in shown


def test_a_dry_run_of_what_would_be_refused_is_refused(tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments, said in (
        (["--lr-scheduler", "stairs"], "the Trainer knows"),
        (["--family", "gpt5"], "give gpt_neo, llama"),
        (["--width", "30"], "does not divide among 4 heads"),
        (["--shard", "3/2"], "is no shard"),
    ):
        found = runner.invoke(app, ["study", "run", "smoke", "--dry-run", *arguments])
        assert found.exit_code in (2, 8), arguments
        assert said in found.stderr
        assert len(found.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", [RECIPE, COMMAND], ids=["recipe", "command"])
def test_without_the_extra_it_is_named_in_one_sentence(tmp_path: Path, command: list[str]) -> None:
    hide = "import sys\nsys.modules['pandas'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    found = subprocess.run(
        command, capture_output=True, text=True, env={"PYTHONPATH": f"{tmp_path}:{RECIPES.parent}"}, check=False
    )
    assert found.returncode == 2
    assert re.fullmatch(
        r"\S+: studies need pandas: pip install 'nc_hf\[study\]'.\n", found.stderr.replace("nc-hf", "x")
    )
