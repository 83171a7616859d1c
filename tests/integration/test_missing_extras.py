"""Without any extra: what needs none works, and all else says in one sentence which one to install."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import REFERENCES
from tests.training import save_tiny

REPORT = str(REFERENCES / "report_6.json")
OPTIONAL = (
    "evaluate", "gradio", "matplotlib", "mcp", "numba", "peft", "pooch", "ray", "scipy", "tensorboard", "trackio",
)  # fmt: skip
"""What extras alone install; pandas is not among them, since datasets needs it too."""

RUN = """
import sys
sys.modules |= dict.fromkeys({hidden}, None)  # whoever imports one of them is told that there is no such module
{program}
"""
COMMAND = "from nc_hf.cli import main\nsys.argv = ['nc-hf', *{}]\nmain()"
REFUSED = "from nc_hf.errors import NCError\ntry:\n    {}\nexcept NCError as error:\n    sys.exit(f'nc-hf: {{error}}')"


def run(program: str, hidden: tuple[str, ...] = OPTIONAL) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own that lacks some packages."""
    code = RUN.format(hidden=hidden, program=program)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)


def run_command(*arguments: str, hidden: tuple[str, ...] = OPTIONAL) -> subprocess.CompletedProcess[str]:
    return run(COMMAND.format(list(arguments)), hidden)


def check_sentence(done: subprocess.CompletedProcess[str], extra: str) -> None:
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("nc-hf: "), done.stderr
    assert done.stderr.endswith(f": pip install 'nc_hf[{extra}]'.\n"), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.fixture
def adapter(tmp_path: Path) -> str:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "a/b"}))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    return str(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["study", "analyze", "results.csv"], "study"),
        (["study", "compare", "results.csv"], "study"),
        (["study", "published"], "study"),
        (["study", "curve", "trainer_state.json", "--figures", "drawn"], "study"),
        (["study", "run", "smoke"], "study"),
        (["card", REPORT, "--figure", "--output", "{folder}/card.md"], "study"),
        (["trajectory", "someone/model", "--output", "{folder}/course"], "study"),
        (["space", "--no-browser"], "space"),
    ],
    ids=lambda each: " ".join(each[:2]) if isinstance(each, list) else each,
)
def test_a_command_names_its_extra(tmp_path: Path, arguments: list[str], extra: str) -> None:
    check_sentence(run_command(*(each.format(folder=tmp_path) for each in arguments)), extra)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_adapter_names_its_extra(adapter: str) -> None:
    check_sentence(run_command("measure", adapter, "--corpus", "builtin"), "peft")


@pytest.mark.slow
def test_a_launcher_names_its_extra() -> None:
    check_sentence(run_command("study", "run", "smoke", "--launcher", "ray", hidden=("ray",)), "ray")


@pytest.mark.parametrize(
    ("statement", "missing", "extra"),
    [
        ("from nc_hf.report.figures import variability_figure", "matplotlib", "study"),
        ("from nc_hf.report.figures.cosines import cosine_figure", "scipy", "study"),
        ("from nc_hf.study.analysis.analyze import analyze", "pandas", "study"),
        ("from nc_hf.study.analysis.published import load_published", "pooch", "study"),
        ("from nc_hf.space.page import serve", "mcp", "space"),
        ("from nc_hf import Trajectory; Trajectory('a', []).to_frame()", "pandas", "study"),
    ],
)
def test_a_function_names_its_extra(statement: str, missing: str, extra: str) -> None:
    done = run(REFUSED.format(statement), (missing,))
    check_sentence(done, extra)
    assert f" {missing}: " in done.stderr


@pytest.mark.slow
def test_the_rest_works_without_any(tmp_path: Path) -> None:
    model, output = str(tmp_path / "checkpoint-5"), str(tmp_path / "report.json")
    save_tiny(Path(model))
    options = ["--max-tokens", "3000", "--classes", "top:20", "--quiet"]
    statistics = str(tmp_path / "a.safetensors")
    for arguments in (
        ["measure", model, "--corpus", "builtin", *options, "--output", output, "--save-statistics", statistics],
        ["merge", statistics, "--output", str(tmp_path / "whole.safetensors")],
        ["trajectory", str(tmp_path), "--corpus", "builtin", *options],
        ["compare", output, REPORT],
        ["card", output],
        ["publish", "--help"],
        ["metrics"],
    ):
        done = run_command(*arguments)
        assert done.returncode == 0, (arguments, done.stderr[-2000:])
        assert done.stdout
    done = run("import nc_hf\nprint(*(getattr(nc_hf, name) for name in nc_hf.__all__))")
    assert done.returncode == 0, done.stderr
