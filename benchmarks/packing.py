"""Packing a folder of shards into a study's folder: bytes a token on the disk, and memory for little and much text.

The text is made of the built-in stories, as jsonl and parquet files of 10 MB. Memory is what the process holds by
itself (``RssAnon`` of Linux) beyond what it held before: pages of a mapped file can be dropped and are not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path

from timing import machine

from nc_hf.corpus.corpus import open_corpus
from nc_hf.corpus.stories import builtin_tokenizer, stories
from nc_hf.study.packed import Packing, keep_packed

SIZES = (20, 200)  # MB of text
SHARD = 10_000_000
BLOCK = 256
VOCABULARY = 4096


def write_shards(folder: Path, megabytes: int) -> None:
    """Write so much text in files that take turns in kind."""
    tales = list(islice(stories(), 3000))
    numbered = (f"{number} {tales[number * 7919 % len(tales)]}" for number in range(10**9))
    for shard in range(megabytes * 1_000_000 // SHARD):
        rows, size = [], 0
        while size < SHARD:
            rows.append(next(numbered))
            size += len(rows[-1])
        name = folder / f"train-{shard:05d}"
        if shard % 2:
            arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
            parquet.write_table(arrow.table({"text": rows}), f"{name}.parquet")
        else:
            name.with_suffix(".jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))


def held() -> int:
    """Bytes that this process holds by itself."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) * 1024


@contextmanager
def watched() -> Iterator[list[int]]:
    """Keep what the process holds at the most, in bytes, beyond what it holds now."""
    before, peak, done = held(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], held() - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def pack(megabytes: int) -> None:
    """Print what so much text takes."""
    tokenizer, packing = builtin_tokenizer(VOCABULARY), Packing(BLOCK, "documents", None)
    with tempfile.TemporaryDirectory() as scratch:
        text, folder = Path(scratch) / "text", Path(scratch) / "study"
        text.mkdir()
        folder.mkdir()
        write_shards(text, megabytes)
        with watched() as peak:
            blocks = keep_packed(folder, "train", open_corpus(str(text), "train"), tokenizer, packing)
        tokens, size = blocks.input_ids.numel(), (folder / "train.safetensors").stat().st_size
    each = f"{size / tokens:.2f} bytes a token"
    print(f"{megabytes} MB of text: {tokens:,} tokens, {each}, {peak[0] / 1e6:,.0f} MB held at the most", flush=True)


def main() -> None:
    """Print a line for each size, of a process of its own."""
    if len(sys.argv) > 1:
        pack(int(sys.argv[1]))
        return
    print(f"jsonl and parquet files of 10 MB, blocks of {BLOCK}, vocabulary {VOCABULARY}; {machine()}", flush=True)
    for size in SIZES:
        subprocess.run([sys.executable, __file__, str(size)], check=True)


if __name__ == "__main__":
    main()
