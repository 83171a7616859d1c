"""Two processes on the CPU: one launch runs every situation of ``on_two_ranks.py``, and each looks at what it left."""

from __future__ import annotations

import logging
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.distributed.launcher import launch
from tests.situations.registry import situation
from tests.situations.watching import Compared


@cache
def ranks() -> list[dict[str, Any]]:
    """What each rank wrote, of as many situations as it came to."""
    script = Path(__file__).with_name("on_two_ranks.py")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return launch(script, 2, folder)
        except (AssertionError, subprocess.TimeoutExpired) as trouble:
            import json

            written = sorted(Path(folder).glob("rank*.json"))
            found = [json.loads(path.read_text(encoding="utf-8")) for path in written] or [{}]
            return [{"stopped": str(trouble)[-2000:], **each} for each in found]


def left(name: str) -> Any:
    """What a situation left on both ranks; what was said there is said here."""
    found = []
    for rank in ranks():
        assert name in rank, rank.get("stopped")
        assert "failed" not in rank[name], rank[name]["failed"]
        for sentence in rank[name]["said"]:
            logging.getLogger("nc_hf.training").warning(sentence)
        found.append(rank[name])
    assert len(found) == 2
    if found[0]["compared"] is None:
        return [row for rank in found for row in rank["rows"]]
    pairs = [[Compared(*each) for each in rank["compared"]] for rank in found]
    for mine, theirs in zip(*pairs, strict=True):
        assert mine.values == theirs.values  # to the last digit
    return pairs


def both(name: str, *outcome: Any, **settings: Any) -> None:
    """Enter a situation of ``on_two_ranks.py``."""
    situation("two processes", name, *outcome, **settings)(lambda folder: left(name))


for _count in (1, 5, 30, 31, 32, 33):
    _rows = f"{_count} row{'s' if _count > 1 else ''}"
    both(_rows)
    both(f"{_rows}, dispatch_batches")
    both(f"{_rows}, split_batches")
    both(f"{_rows} of a stream that tells its length, dispatch_batches off")
both("32 rows, even_batches off")
for _count in (31, 33):
    both(f"{_count} rows, split_batches and dispatch_batches")
    both(f"{_count} rows of a stream, defaults")
for _count in (29, 31):
    both(f"{_count} rows, a flattening collator")
for _source in ("files: 1", "files: 3", "files: 2, a worker"):
    both(f"33 rows of a streaming data set of datasets, {_source}")
both("31 rows of a streaming data set of datasets, files: 2, dispatch_batches off")
both("SFT, packing bfd, an odd number of packed rows", tolerance=1e-3, needs="trl")
both("SFT, streaming, an odd number of rows", tolerance=1e-3, needs="trl")
both("SFT, padding_free, an odd number of rows", tolerance=1e-3, needs="trl")
both("a training with its best model by our value")
both("a corpus of the callback's own, every step")
both("log overridden for rank 0 alone")
both("labels on one rank alone")
both("a stream of unknown length, dispatch_batches off", "warned", said="counted twice", kept=True)
both("NaN on one rank", "warned", said="left out")
both("a loss that cannot be heard on one rank", "warned", said="left out")
