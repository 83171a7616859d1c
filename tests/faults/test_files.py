"""Every kind of file harmed at random, by recorded seeds: it says what it said before, or it is refused."""

from __future__ import annotations

import os
import random
import shutil
from functools import cache
from pathlib import Path

import pytest

from tests.faults.conftest import Meet
from tests.faults.damage import WAYS
from tests.faults.kinds import KINDS
from tests.faults.outcomes import outcome_of

pytestmark = pytest.mark.slow

FAULTS = int(os.environ.get("NC_FAULTS", "360"))
"""How many; `python -m tests.faults 2000` asks for more."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("originals")


@cache
def original(folder: Path, kind: str) -> tuple[Path, object]:
    """A folder with a whole file of a kind, made once, and what it says."""
    home = folder / kind.replace(" ", "_")
    home.mkdir()
    path = KINDS[kind].write(home)
    truth = KINDS[kind].read(path)
    assert truth is not None
    return path.relative_to(folder), truth


@pytest.mark.parametrize("seed", range(FAULTS), ids="seed{}".format)
def test_a_harmed_file_says_the_truth_or_nothing(seed: int, originals: Path, tmp_path: Path, meet: Meet) -> None:
    kind = list(KINDS)[seed % len(KINDS)]
    way = list(WAYS)[seed // len(KINDS) % len(WAYS)]
    chance = random.Random(seed)
    path, truth = original(originals, kind)
    shutil.copytree(originals / path.parts[0], tmp_path / path.parts[0])
    harmed = tmp_path / path
    data = harmed.read_bytes()
    harmed.unlink()  # what the original maps stays as it is
    harmed.write_bytes(WAYS[way](data, chance))
    outcome, seen = outcome_of(lambda: KINDS[kind].read(harmed), truth)
    meet(kind, way, outcome, seen)
