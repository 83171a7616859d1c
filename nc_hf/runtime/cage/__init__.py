"""The cage: what is not ours is read in a process with limits of memory and time, which can be killed.

A configuration, a tokenizer, a file of text or the layout of a model may loop, take all memory or end the process that
reads it. So it is read in an *inmate*: a child with a session of its own, without terminal, secrets or, unless the text
comes over it, network, and with limits that the system enforces. It answers JSON and plain arrays, never unpickled.

Where a process can neither fork nor be limited (Windows), what is foreign is read in the process itself, uncaged.
"""

from __future__ import annotations

from nc_hf.runtime.cage.face import Inmate as Inmate
from nc_hf.runtime.cage.face import run as run
from nc_hf.runtime.cage.limits import Limits as Limits
from nc_hf.runtime.cage.reasons import CageError as CageError
from nc_hf.runtime.cage.reasons import Reason as Reason
from nc_hf.runtime.cage.watch import watched as watched

__all__ = ["CageError", "Inmate", "Limits", "Reason", "run", "watched"]
