"""Files of text, of every kind that a corpus may be kept in."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from nc_hf.corpus.compression import uncompressed_name

TABLES = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet")
PACKED = ("gz", "zst", "xz", "bz2")
KINDS = ("txt", *TABLES, *(f"{kind}.{packed}" for kind in ("txt", "jsonl", "json", "csv", "tsv") for packed in PACKED))


def write_texts(path: Path, texts: list[str], column: str = "text") -> Path:
    """Write texts as the name of the file says, each with a number where there are columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        from datasets import Dataset

        Dataset.from_list([{"id": number, column: text} for number, text in enumerate(texts)]).to_parquet(str(path))
    else:
        path.write_bytes(compressed(as_text(path.name, texts, column).encode(), path.suffix))
    return path


def as_text(name: str, texts: list[str], column: str = "text") -> str:
    """Return what an uncompressed file of texts has in it."""
    kind = uncompressed_name(name)[0].rpartition(".")[2].lower()
    rows: list[dict[str, Any]] = [{"id": number, column: text} for number, text in enumerate(texts)]
    if kind == "txt":
        return "\n<|endoftext|>\n".join(texts)
    if kind == "json":
        return json.dumps(rows, indent=1)
    if kind in {"jsonl", "ndjson"}:
        return "".join(json.dumps(row) + "\n" for row in rows)
    table = io.StringIO()
    writer = csv.DictWriter(table, ["id", column], delimiter="\t" if kind == "tsv" else ",", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


def compressed(content: bytes, suffix: str) -> bytes:
    """Return bytes as a compression has them; as they are where the suffix is of none."""
    if suffix == ".zst":
        import pyarrow as pa

        frame: bytes = pa.compress(content, codec="zstd", asbytes=True)
        return frame
    modules = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}
    if suffix not in modules:
        return content
    undated = {"mtime": 0} if suffix == ".gz" else {}  # the same bytes in every process, of which pytest makes names
    result: bytes = __import__(modules[suffix]).compress(content, **undated)
    return result
