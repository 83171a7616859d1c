"""No garbage is looked for while libraries are imported, and Python looks for it again afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import gc
from nc_hf.runtime.uncollected import uncollected

class Cycle:
    def __init__(self):
        self.itself = self

{before}
try:
    with uncollected():
        assert not gc.isenabled()
        inside = [Cycle()]
        {within}
except KeyError:
    pass
assert gc.isenabled() is {enabled}
assert gc.get_freeze_count() > 0
assert not any(found is inside[0] for found in gc.get_objects())
after = Cycle()
assert any(found is after for found in gc.get_objects())
gc.unfreeze()
"""


@pytest.mark.parametrize(
    ("before", "within", "enabled"),
    [("pass", "pass", True), ("pass", "raise KeyError", True), ("gc.disable()", "pass", False)],
)
def test_what_is_there_by_the_end_of_the_block_is_looked_at_no_more(before: str, within: str, enabled: bool) -> None:
    program = PROGRAM.format(before=before, within=within, enabled=enabled)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
