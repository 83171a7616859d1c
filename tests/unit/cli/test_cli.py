"""The command line: light to import, results on stdout, refusals as one line on stderr with a documented exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import typer
from typer.testing import CliRunner

from nc_hf import __version__, errors
from nc_hf.cli import Commands, app
from nc_hf.cli import study as study_commands
from tests.command import run

SCRIPT = Path(sys.executable).with_name("nc-hf")
HEAVY = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "evaluate",
    "gradio",
    "matplotlib",
    "numpy",
    "pandas",
    "ray",
)
COMMANDS = [name for entry in (*app.registered_commands, *app.registered_groups) if (name := entry.name)]
STUDY_COMMANDS = ["run", *(name for entry in study_commands.app.registered_commands if (name := entry.name))]
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NCError)]


def imports(code: str) -> set[str]:
    """Run Python code in a process of its own and return all that it imported."""
    report = f"import sys\n{code}\nsys.stderr.write(' '.join(sys.modules))"
    process = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(process.stderr.split())


def heavy_imports(code: str) -> set[str]:
    """The heavy libraries among these."""
    return imports(code) & set(HEAVY)


class TestLightness:
    def test_import_of_the_package_is_light(self) -> None:
        assert heavy_imports("import nc_hf") == set()

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--help"],
            ["--version"],
            ["measure", "--help"],
            ["merge", "--help"],
            ["compare", "--help"],
            ["trajectory", "--help"],
            ["card", "--help"],
            ["publish", "--help"],
            ["study", "--help"],
            ["metrics"],
            ["metrics", "--json"],
        ],
    )
    def test_help_is_light(self, arguments: list[str]) -> None:
        code = "from nc_hf.cli import app\ntry:\n    app({})\nexcept SystemExit as end:\n    assert end.code == 0"
        assert heavy_imports(code.format(arguments)) == set()

    def test_completion_is_light(self) -> None:
        code = "import os, sys\nsys.argv = ['nc-hf']\nfrom nc_hf.cli import main\n"
        code += "os.environ |= {'_NC_HF_COMPLETE': 'complete_bash', 'COMP_WORDS': 'nc-hf mea', 'COMP_CWORD': '1'}\n"
        assert heavy_imports(f"{code}try:\n    main()\nexcept SystemExit:\n    pass") == set()

    @pytest.mark.slow
    def test_heavy_imports_are_noticed(self) -> None:
        assert heavy_imports("import nc_hf, numpy") == {"numpy"}
        assert "torch" in heavy_imports("from nc_hf import ClassStatistics")

    def test_help_waits_for_few_modules(self) -> None:
        """What it waits for is imports: some 360, of which nc_hf has a tenth; numpy alone would bring 140."""
        imported = imports("from nc_hf.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass")
        assert "nc_hf.cli" in imported
        assert len(imported) < 450


class TestManners:
    @pytest.mark.parametrize(
        "command", [[], *([name] for name in COMMANDS), *(["study", name] for name in STUDY_COMMANDS)], ids=" ".join
    )
    def test_h_is_help_everywhere(self, command: list[str]) -> None:
        assert "Usage: nc-hf" in run(*command, "-h")
        assert run(*command, "-h") == run(*command, "--help")

    def test_the_package_is_the_command(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "nc_hf", "--version"], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout == f"nc-hf {__version__}\n"

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            ("nc-hf me", {"measure", "merge", "metrics"}),
            ("nc-hf study c", {"compare", "curve"}),
            ("nc-hf measure model --chec", {"--checkpoint"}),
            ("nc-hf measure model --preset p", {"paper"}),
            ("nc-hf metrics nc4_a", {"nc4_agreement", "nc4_agreement_when_correct"}),
        ],
    )
    def test_the_shell_completes(self, typed: str, offered: set[str]) -> None:
        words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
        done = subprocess.run(
            [SCRIPT],
            env=os.environ | words | {"_NC_HF_COMPLETE": "complete_bash"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert set(done.stdout.split()) == offered, done.stderr

    def test_the_shell_is_told_how(self) -> None:
        shown = subprocess.run(
            [SCRIPT, "--show-completion", "bash"],
            env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert "_NC_HF_COMPLETE=complete_bash" in shown.stdout


class TestErrors:
    def test_version(self) -> None:
        assert run("--version") == f"nc-hf {__version__}\n"

    def test_help_documents_every_exit_code(self) -> None:
        lines = run("--help").splitlines()
        for kind in KINDS:
            assert any(line.split()[:1] == [str(kind.exit_code)] for line in lines), kind

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    def test_refusal_is_one_line_with_the_code_of_its_kind(self, kind: type[errors.NCError]) -> None:
        commands = typer.Typer(cls=Commands)

        @commands.command("one")
        def one() -> NoReturn:
            raise kind("no such thing: name another.")

        commands.command("two")(lambda: None)
        result = CliRunner().invoke(commands, ["one"])
        assert result.exit_code == kind.exit_code
        assert (result.stdout, result.stderr) == ("", "nc-hf: no such thing: name another.\n")

    def test_unforeseen_error_keeps_its_traceback_and_an_interrupt_its_code(self) -> None:
        commands = typer.Typer(cls=Commands)

        @commands.command("broken")
        def broken() -> NoReturn:
            raise ZeroDivisionError

        @commands.command("slow")
        def slow() -> NoReturn:
            raise KeyboardInterrupt

        assert isinstance(CliRunner().invoke(commands, ["broken"]).exception, ZeroDivisionError)
        interrupted = CliRunner().invoke(commands, ["slow"])
        assert interrupted.exit_code == 130
        assert interrupted.stderr.strip().startswith("nc-hf: interrupted: ")

    def test_installed_command_leaves_without_a_traceback(self, tmp_path: Path) -> None:
        command = [SCRIPT, "compare", tmp_path / "no.json", tmp_path / "no.json"]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        assert process.returncode == errors.FileError.exit_code
        assert process.stdout == ""
        assert process.stderr == f"nc-hf: {tmp_path / 'no.json'} does not exist: check the path.\n"
