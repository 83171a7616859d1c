"""Breaks nc_hf on purpose, one place at a time, and asks whether its tests notice.

    python .ci/mutants.py --number 100 --seed 0
    python .ci/mutants.py --number 20 --seed 3 --only 'nc_hf/model/*'

Each mutant is one change of one expression or statement, drawn by the seed from all that the modules allow. It is
written into a copy of the checkout, and tests run there until one fails: for every mutant those of the module's
own name, then for what is left those of its area. A test that fails has to pass without the change. What survives is
printed as a diff.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import difflib
import fnmatch
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODULES = (
    "nc_hf/statistics/*.py", "nc_hf/metrics/*.py", "nc_hf/corpus/packing.py", "nc_hf/corpus/blocks.py",
    "nc_hf/model/tap.py", "nc_hf/model/hooks.py", "nc_hf/model/head.py", "nc_hf/training/listener.py",
)  # fmt: skip
ALSO = {
    "nc_hf/statistics/*": ["tests/unit/statistics", "tests/unit/metrics/test_compute.py"],
    "nc_hf/metrics/*": ["tests/unit/metrics", "tests/reference"],
    "nc_hf/corpus/*": ["tests/unit/corpus", "tests/integration/test_marks.py"],
    "nc_hf/model/*": ["tests/unit/model", "tests/unit/training", "tests/unit/measurement/test_one_pass.py"],
    "nc_hf/training/*": ["tests/unit/training", "tests/integration/test_callback.py"],
}
"""Tests beside those of the module's own name, by the module."""

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift,
}  # fmt: skip
_SYMMETRIC = {"equal", "max", "min", "maximum", "minimum", "allclose"}


@dataclass(frozen=True)
class Mutant:
    """One change: what stands in ``file`` from ``begin`` to ``end`` (bytes) becomes ``text``."""

    file: str
    begin: int
    end: int
    text: str
    line: int

    def applied(self, source: bytes) -> bytes:
        """Return the source with the change."""
        return source[: self.begin] + self.text.encode() + source[self.end :]

    def diff(self, source: bytes) -> str:
        """Return the lines that change."""
        before, after = source.decode().splitlines(), self.applied(source).decode().splitlines()
        return "\n".join(
            line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:3] not in ("---", "+++")
        )


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """Return every change of a module that is tried, in its order."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in _reachable(ast.parse(source)):
        for place, changed in _changes(node):
            begin = starts[place.lineno - 1] + place.col_offset
            end = starts[(place.end_lineno or 0) - 1] + (place.end_col_offset or 0)
            text = ast.unparse(changed)
            found.append(Mutant(file, begin, end, f"({text})" if isinstance(changed, ast.expr) else text, place.lineno))
    return found


def _reachable(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Every expression and statement that decides something: no types, decorators, words of errors, or texts."""
    if isinstance(node, ast.Raise):
        yield node
    if isinstance(node, ast.Raise | ast.JoinedStr) or (
        isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ):
        return
    if isinstance(node, ast.expr | ast.stmt):
        yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list", "bases"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _reachable(child)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST]]:
    """What is replaced, and by what."""
    match node:
        case ast.Compare(ops=[operator, *others]):
            for other in _COMPARISONS[type(operator)]:
                yield node, _with(node, ops=[other(), *others])
        case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
            yield node, _with(node, op=_OPERATORS[type(operator)]())
        case ast.AugAssign(op=operator):
            if type(operator) in _OPERATORS:
                yield node, _with(node, op=_OPERATORS[type(operator)]())
            yield node, ast.Pass()
        case ast.BoolOp(op=operator):
            yield node, _with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node, node.operand
        case ast.Constant(value=bool()):
            yield node, ast.Constant(not node.value)
        case ast.Constant(value=int()):
            yield node, ast.Constant(node.value + 1)
        case ast.Constant(value=float()):
            yield node, ast.Constant(node.value * 2 or 1.0)
        case ast.Call(args=[first, second, *rest]) if ast.unparse(node.func).rpartition(".")[2] not in _SYMMETRIC:
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                yield node, _with(node, args=[second, first, *rest])
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            if isinstance(test, ast.Name | ast.Attribute | ast.Call):
                yield test, ast.UnaryOp(ast.Not(), test)
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, ast.Pass()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def drawn(root: Path, patterns: Sequence[str], number: int, seed: int) -> list[Mutant]:
    """Return so many mutants of the modules that match, the same for the same seed."""
    files = sorted({path for pattern in patterns for path in root.glob(pattern)})
    every = [mutant for path in files for mutant in mutants_of(path.relative_to(root).as_posix(), path.read_bytes())]
    return random.Random(seed).sample(every, min(number, len(every)))


def tests_of(root: Path, file: str) -> tuple[list[str], list[str]]:
    """Return the tests of a module's own name, and those of its area."""
    path = Path(file)
    own = Path("tests", "unit", *path.parts[1:-1], f"test_{path.name}")
    area = [test for pattern, tests in ALSO.items() if fnmatch.fnmatch(file, pattern) for test in tests]
    return [own.as_posix()] if (root / own).exists() else [], [test for test in area if (root / test).exists()]


@contextlib.contextmanager
def checkout(root: Path) -> Iterator[Path]:
    """A copy of package and tests in which everything else leads to the original."""
    with tempfile.TemporaryDirectory(prefix="mutants_") as scratch:
        place = Path(scratch, root.name)
        place.mkdir()
        Path(scratch, "temporary").mkdir()  # a process that is ended leaves what it wrote, and all of this goes
        for entry in root.iterdir():
            if entry.name in ("nc_hf", "tests"):
                shutil.copytree(entry, place / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
            elif entry.name != ".git":
                (place / entry.name).symlink_to(entry)
        if (root.parent / "shared").exists():  # the real data
            (place.parent / "shared").symlink_to(root.parent / "shared")
        yield place


class Failures:
    """What pytest is given to write down the first test, or file of tests, that fails."""

    def __init__(self, path: Path) -> None:
        """Write into this file."""
        self._path = path

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Write down a test."""
        if report.failed and not self._path.read_text():
            self._path.write_text(report.nodeid)

    pytest_collectreport = pytest_runtest_logreport


def failing(place: Path, tests: Sequence[str], limit: float) -> str | None:
    """Run tests in a process of its own until one fails, and return it: empty if all pass, None if they do not end."""
    found = place / "failing.txt"
    found.write_text("")
    child = os.fork()  # the libraries are there already, which is most of the time of a run
    if child == 0:
        os.setsid()
        with Path(place, "tests.log").open("wb", buffering=0) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(place)
        os.environ |= {"PYTHONPATH": str(place), "TMPDIR": str(place.parent / "temporary")}
        tempfile.tempdir = None
        sys.path.insert(0, str(place))
        import pytest

        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], [Failures(found)])
        os._exit(int(code))
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return found.read_text() or ("pytest itself" if os.waitstatus_to_exitcode(status) not in (0, 5) else "")
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    """Draw, try, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=MODULES, metavar="PATTERN", help="modules, by their paths")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the checkout")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which tests count as hanging")
    options = parser.parse_args()
    os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}  # a stale .pyc would hide a mutant
    sys.dont_write_bytecode = True
    with contextlib.suppress(ImportError):
        for library in (
            "pytest",
            "hypothesis",
            "torch",
            "scipy.stats",
            "pandas",
        ):  # the Hub's clients read their settings
            importlib.import_module(library)
    mutants = drawn(options.root, options.only, options.number, options.seed)
    left = list(enumerate(mutants, 1))
    sound: set[str] = set()
    with checkout(options.root) as place:
        for stage in (0, 1):  # most are killed by the tests of their own, and few need all of their area
            survivors = []
            for number, mutant in left:
                tests = tests_of(place, mutant.file)[stage]
                path = place / mutant.file
                source = path.read_bytes()
                path.write_bytes(mutant.applied(source))
                test = failing(place, tests, options.limit) if tests else ""
                path.write_bytes(source)
                if test and (file := test.partition("::")[0]) not in sound:  # the change may have named the test
                    if failing(place, [file], options.limit) != "":
                        raise SystemExit(f"{file} fails as it is: " + Path(place, "tests.log").read_text()[-3000:])
                    sound.add(file)
                if test == "":
                    survivors.append((number, mutant))
                if test != "" or stage == 1:
                    word = "SURVIVED" if test == "" else "killed (hangs)" if test is None else f"killed by {test}"
                    print(f"{number:3} {mutant.file}:{mutant.line} {word}", flush=True)
                    if test == "":
                        print(mutant.diff(source), flush=True)
            left = survivors
    print(f"{len(mutants) - len(left)} of {len(mutants)} mutants killed (seed {options.seed})")


if __name__ == "__main__":
    main()
