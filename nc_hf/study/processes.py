"""What the processes of one launch agree on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from accelerate.state import PartialState
from accelerate.utils import broadcast_object_list

_Found = TypeVar("_Found")


def from_main(look: Callable[[], _Found]) -> _Found:
    """Give every process what the main one finds."""
    found: _Found = broadcast_object_list([look() if PartialState().is_main_process else None])[0]
    return found
