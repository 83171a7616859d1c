"""Limits hold for a process from the moment they are set, whatever it had before."""

from __future__ import annotations

import pytest

from tests import caged

CONFINED = """
import resource
from nc_hf.runtime.cage.limits import Limits, allow_computing, confine
held = bytearray(1 << 28)  # more than the limit, and there before it
confine(Limits(memory=1 << 26))
small = bytearray(1 << 24)
try:
    bytearray(1 << 28)
except MemoryError:
    print("no more memory", end=" ")
print(resource.getrlimit(resource.RLIMIT_CORE)[0], end=" ")
while resource.getrusage(resource.RUSAGE_SELF).ru_utime < 1.2:
    pass
allow_computing(30)
soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
print(soft - int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) >= 30, hard == resource.RLIM_INFINITY, end=" ")
"""


@pytest.mark.slow
def test_memory_counts_from_what_there_is_and_computing_from_the_question() -> None:
    assert caged.with_one_thread(CONFINED) == "no more memory 0 True True"


def test_a_lower_limit_of_the_system_stays() -> None:
    said = caged.with_one_thread(
        "import resource\n"
        "from nc_hf.runtime.cage.limits import Limits, confine\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "confine(Limits())\n"
        "print(resource.getrlimit(resource.RLIMIT_FSIZE))"
    )
    assert said == "(1000, 1000)"
