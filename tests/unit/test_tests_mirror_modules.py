"""Every file of unit tests is named after a module, and every module that computes something has one.

So the place of a test follows from the module that it is about, and the other way round.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.paths import ROOT

TESTS, PACKAGE = ROOT / "tests", ROOT / "nc_hf"

# Folders of tests/unit that are about something beside the package.
NOT_OF_THE_PACKAGE = {
    "benchmarks": "scripts of benchmarks/",
    "docs": "the documents",
    "recipes": "files of recipes/",
    "release": "what is built, checked and published: pyproject.toml, .ci/ and .github/",
}
# Files at the top of tests/unit, about the package as a whole.
OF_THE_WHOLE = {"test_light_imports.py", "test_public_names.py", "test_tests_mirror_modules.py"}
# Modules that only come to life among others: where they are tested, and why there.
ELSEWHERE = {
    "space/api": ("integration/test_space_api.py", "what it answers is asked for over HTTP"),
    "space/cache": ("integration/test_space_cache.py", "what an analysis leaves there, its requests bring about"),
    "space/compare_tab": ("browser/test_compare.py", "it is looked at in a browser"),
    "space/course_tab": ("browser/test_course.py", "it is looked at in a browser"),
    "space/earlier_tab": ("browser/test_earlier_results.py", "it is looked at in a browser"),
    "space/measure_tab": ("browser/test_space_page.py", "it is looked at in a browser"),
    "space/tools": ("integration/test_space_api.py", "what MCP answers is asked for over HTTP"),
    "study/launchers/local": ("integration/test_tinystories_grid.py", "it runs the cells of a whole study"),
    "study/launchers/ray": ("integration/test_ray_launcher.py", "it runs the cells of a whole study"),
    "study/launchers/ray_task": ("integration/test_ray_launcher.py", "it is run by Ray, in a process of its own"),
    "study/processes": ("distributed/test_study_distributed.py", "it speaks between processes"),
    "study/runner": ("integration/test_study_survives.py", "it trains and measures a whole cell"),
    "study/training": ("integration/test_study_survives.py", "it trains and measures a whole cell"),
}


def computes(path: Path) -> bool:
    """Whether a module has a function; without one it is data."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))


def module_of(path: Path) -> str:
    """``area/module``; a package of its own stands for its ``__init__``, as ``cli/cli``."""
    within = path.relative_to(PACKAGE).with_suffix("")
    return (within.parent / (within.parent.name if within.name == "__init__" else within.name)).as_posix()


def subject_of(path: Path) -> str:
    within = path.relative_to(TESTS / "unit")
    return (within.parent / within.stem.removeprefix("test_")).as_posix()


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py") if "spaces" not in path.relative_to(PACKAGE).parts}
FILES = {
    subject_of(path): path
    for path in (TESTS / "unit").rglob("test_*.py")
    if path.relative_to(TESTS / "unit").parts[0] not in NOT_OF_THE_PACKAGE.keys() | OF_THE_WHOLE
}


def test_the_tree_is_looked_at() -> None:
    assert len(MODULES) > 100
    assert len(FILES) > 80
    assert {"hub/steps", "report/figures/style", "cli/cli"} <= MODULES.keys() & FILES.keys()
    assert not computes(PACKAGE / "runtime" / "version.py")
    assert computes(PACKAGE / "hub" / "steps.py")


def test_a_file_of_unit_tests_is_named_after_a_module() -> None:
    strange = sorted(path.relative_to(ROOT).as_posix() for name, path in FILES.items() if name not in MODULES)
    assert not strange, "name each after the module that it is about, or put it into integration"


def test_a_module_that_computes_has_tests_of_its_name() -> None:
    missing = [name for name, path in MODULES.items() if computes(path) and name not in FILES.keys() | ELSEWHERE.keys()]
    assert not sorted(missing), "add tests/unit/<area>/test_<module>.py"


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_tested_elsewhere_is_so(name: str) -> None:
    file, why = ELSEWHERE[name]
    assert name in MODULES, "the module is gone: take it off the list"
    assert name not in FILES, "it has a file of its own: take it off the list"
    assert (TESTS / file).is_file()
    assert why


def test_no_folder_of_exceptions_is_empty() -> None:
    assert all(list((TESTS / "unit" / folder).glob("test_*.py")) for folder in NOT_OF_THE_PACKAGE)
    assert all((TESTS / "unit" / file).is_file() for file in OF_THE_WHOLE)
