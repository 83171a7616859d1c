"""The mutation run changes what decides something, the same for the same seed, and tells what its tests let pass."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.paths import ROOT
from tests.scripts import load_script

SCRIPT = ROOT / ".ci" / "mutants.py"
SOURCE = '''
"""A module, of 3 lines."""
def within(value: int = 2, *, strict: bool = False) -> bool:
    """Whether 1 <= value < 9."""
    if value != value + 1 and not strict:
        raise ValueError(f"{value + 7} is no number" + "!")
    return 1 <= value < 9
'''
CHANGED = [
    "value: int = (3)", "strict: bool = (True)", "if (value != value + 1 or not strict):", "(value == value + 1)",
    "value != (value - 1)", "value + (2)", "and (strict)", "        pass", "(1 < value < 9)", "(1 >= value < 9)",
    "(2) <=", "< (10)",
]  # fmt: skip
TESTS = """
import sys
from nc_hf.thing.whole import within

def test_the_middle():
    assert within(5)
    assert not within(20)
"""


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    """The script."""
    return load_script(SCRIPT)


def test_what_decides_is_changed_and_nothing_else(mutants: ModuleType) -> None:
    source = SOURCE.encode()
    changed = [mutant.applied(source).decode() for mutant in mutants.mutants_of("within.py", source)]
    assert len(changed) == len(CHANGED)
    for part in CHANGED:
        (text,) = (text for text in changed if part in text)
        ast.parse(text)


def test_lines_of_letters_beyond_ascii_are_cut_where_they_should(mutants: ModuleType) -> None:
    source = "x = {'é': 1 < 2}\n".encode()
    assert {mutant.applied(source).decode() for mutant in mutants.mutants_of("x.py", source)} >= {
        "x = {'é': (1 <= 2)}\n"
    }


@pytest.mark.slow
def test_the_seed_decides(mutants: ModuleType) -> None:
    first, again, other = (mutants.drawn(ROOT, mutants.MODULES, 20, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len({mutant.file for mutant in first}) > 5


def test_every_module_has_tests_of_its_own_first(mutants: ModuleType) -> None:
    for pattern in mutants.MODULES:
        assert list(ROOT.glob(pattern)), f"no module is named {pattern}"
        assert any(test.startswith("tests/unit/") for test in mutants.tests_of(ROOT, pattern)[1])
    own, area = mutants.tests_of(ROOT, "nc_hf/model/tap.py")
    assert own == ["tests/unit/model/test_tap.py"]
    assert "tests/unit/training" in area


@pytest.mark.slow
def test_survivors_are_told_with_their_change(tmp_path: Path) -> None:
    package, tests = tmp_path / "nc_hf" / "thing", tmp_path / "tests" / "unit" / "thing"
    for folder in (package, tests):
        folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "whole.py").write_text("def within(value):\n    return 0 < value < 9\n")
    (tests / "test_whole.py").write_text(TESTS)
    command = [sys.executable, SCRIPT, "--root", tmp_path, "--only", "nc_hf/thing/*.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    # 0 <= value, 0 > value, 1 < value, value < 10
    assert lines[-1] == "1 of 4 mutants killed (seed 0)"
    assert "killed by tests/unit/thing/test_whole.py::test_the_middle" in done.stdout
    assert "+    return (0 <= value < 9)" in lines
    assert "+    return (0 > value < 9)" not in lines
    (tests / "test_whole.py").write_text(TESTS.replace("not within(20)", "within(20)"))
    failing = subprocess.run(command, capture_output=True, text=True)
    assert failing.returncode == 1
    assert "tests/unit/thing/test_whole.py fails as it is" in failing.stderr
