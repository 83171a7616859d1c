"""A pass over a few blocks, without a word."""

from __future__ import annotations

from typing import Any

from nc_hf.measurement.one_pass import collect
from tests.distributed.launcher import ROOT
from tests.training import token_blocks

SCRIPT = ROOT / "tests" / "distributed" / "collecting.py"


def quietly(model: Any, blocks: Any = None, **settings: Any) -> Any:
    return collect(model, token_blocks(10, 3) if blocks is None else blocks, progress=False, **settings)
