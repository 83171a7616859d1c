"""Whatever bytes lie in the place of a file: its true content, or one of our errors; never another exception."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.conftest import Meet
from tests.faults.kinds import KINDS
from tests.faults.outcomes import CRASHED, HUNG, REFUSED, SAME, WRONG, outcome_of

pytestmark = pytest.mark.slow

EXAMPLES = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=4)
"""Where in the file, how many bytes go, and what comes in their place."""


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for share, gone, put in edits:
        place = int(share * len(data))
        data = data[:place] + put + data[place + gone :]
    return data


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", ["any bytes", "any JSON", "edits"])
def test_any_bytes_in_a_file_s_place(kind: str, of: str, tmp_path: Path, meet: Meet) -> None:
    original = tmp_path / "original"
    original.mkdir()
    path = KINDS[kind].write(original)
    truth, data = KINDS[kind].read(path), path.read_bytes()
    place = path.relative_to(original)
    copy = tmp_path / "copy"
    if of == "any bytes":
        contents = st.binary(max_size=200)
    elif of == "any JSON":
        contents = JSON.map(lambda document: json.dumps(document).encode())
    else:
        contents = EDITS.map(lambda edits: edited(data, edits))
    found: list[tuple[str, str]] = []

    @EXAMPLES
    @given(content=contents)
    def put(content: bytes) -> None:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy)
        (copy / place).unlink()
        (copy / place).write_bytes(content)
        outcome, seen = outcome_of(lambda: KINDS[kind].read(copy / place), truth)
        found.append((outcome, seen))
        assert outcome in (REFUSED, SAME), f"{outcome}: {seen}: {content!r:.300}"

    put()
    assert len(found) >= 10
    worst = next((each for each in (CRASHED, HUNG, WRONG, SAME) if any(each == one for one, _ in found)), REFUSED)
    meet(kind, of, worst, "")
