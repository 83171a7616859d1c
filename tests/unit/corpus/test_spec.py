"""What the name of a corpus means, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.corpus.spec import CorpusSpec
from nc_hf.errors import CorpusError

TINYSTORIES = CorpusSpec("hub", dataset="roneneldan/TinyStories")


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("builtin", CorpusSpec("builtin")),
        ("tinystories", TINYSTORIES),
        ("hub:roneneldan/TinyStories", TINYSTORIES),
        ("hub:a/b:en", CorpusSpec("hub", dataset="a/b", config="en")),
        ("hub:a/b::test", CorpusSpec("hub", dataset="a/b", split="test")),
        ("hub:a/b:::story", CorpusSpec("hub", dataset="a/b", column="story")),
        ("hub:a/b:en:test:story", CorpusSpec("hub", dataset="a/b", config="en", split="test", column="story")),
        ("./builtin", CorpusSpec("path", path=Path("builtin"))),
        ("data/a.jsonl", CorpusSpec("path", path=Path("data/a.jsonl"))),
        ("~/a.txt", CorpusSpec("path", path=Path.home() / "a.txt")),
        ("someone/dataset", CorpusSpec("path", path=Path("someone/dataset"))),
        ("a::b:c.txt", CorpusSpec("path", path=Path("a::b:c.txt"))),
        ("C:\\a.csv", CorpusSpec("path", path=Path("C:\\a.csv"))),
        ("./file:a.csv", CorpusSpec("path", path=Path("file:a.csv"))),
        ("file:a.csv", CorpusSpec("path", path=Path("a.csv"))),
        ("file:a.csv::story", CorpusSpec("path", path=Path("a.csv"), column="story")),
        ("file:~/a.jsonl::doc.text", CorpusSpec("path", path=Path.home() / "a.jsonl", column="doc.text")),
        ("file:data:test:", CorpusSpec("path", path=Path("data"), split="test")),
        ("file:data/*-v2.csv:test:story", CorpusSpec("path", Path("data/*-v2.csv"), split="test", column="story")),
        ("file:C:\\a.csv", CorpusSpec("path", path=Path("C:\\a.csv"))),
        ("file:C:\\a.csv::story", CorpusSpec("path", path=Path("C:\\a.csv"), column="story")),
        ("file:10:30.csv::story", CorpusSpec("path", path=Path("10:30.csv"), column="story")),
        ("hub:a/b:::doc.text", CorpusSpec("hub", dataset="a/b", column="doc.text")),
    ],
)
def test_what_a_name_means(name: str, spec: CorpusSpec) -> None:
    assert CorpusSpec.parse(name) == spec


@pytest.mark.parametrize(
    "name",
    [
        "hub:",
        "hub:json",  # a loader that datasets brings, which reads local files
        "hub:../secret",
        "hub:a/../b",
        "hub:/etc/passwd",
        "hub:./a/b",
        "hub:a/b/c",
        "hub:a/b:c:d:e:f",
        "hub:https://huggingface.co/datasets/a/b",
        "hub:a/" + "b" * 100,
        "hub:ä/b",
    ],
)
def test_only_ids_of_the_hub_are_taken_for_one(name: str) -> None:
    with pytest.raises(CorpusError, match="write hub:OWNER/NAME"):
        CorpusSpec.parse(name)


@pytest.mark.parametrize("name", ["", "  ", "a\0b"])
def test_no_name_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match="pass builtin, tinystories"):
        CorpusSpec.parse(name)


@pytest.mark.parametrize("name", ["file:", "file: ", "file:::text"])
def test_a_prefix_without_a_path_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match=r"names no file: write file:PATH\[:split:column\]"):
        CorpusSpec.parse(name)
