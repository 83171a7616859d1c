"""What the processes of one launch agree on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from accelerate.state import PartialState
from accelerate.utils import broadcast_object_list

from nc_hf.runtime.distributed import wait_for_all

_Found = TypeVar("_Found")


def from_main(look: Callable[[], _Found]) -> _Found:
    """Give every process what the main one finds."""
    process = PartialState()
    found = [look() if process.is_main_process else None]
    wait_for_all(process)
    given: _Found = broadcast_object_list(found)[0]
    return given
