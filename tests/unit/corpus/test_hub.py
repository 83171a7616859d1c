"""Data sets of the Hub, read by the real libraries from the stand-in: splits, configurations, columns, faults."""

from __future__ import annotations

import io
import json
from pathlib import Path

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nc_hf.corpus.corpus import open_corpus
from nc_hf.corpus.reading import ReadRecord
from nc_hf.errors import CorpusError, HubError
from tests.hub.server import Fault, StandIn
from tests.text_files import KINDS, write_texts


def jsonl(*texts: str, column: str = "text") -> str:
    return "".join(json.dumps({column: text}) + "\n" for text in texts)


@pytest.mark.slow
def test_tinystories_is_read_split_by_split(hub: StandIn) -> None:
    files = {"data/train.jsonl": jsonl("t"), "data/validation.jsonl": jsonl("v0", "v1", "v2")}
    hub.add("roneneldan/TinyStories", files, kind="dataset")
    corpus = open_corpus("tinystories")
    assert (corpus.name, corpus.split) == ("tinystories", "validation")
    hub.requests.clear()  # opening looks into the head of a file for the columns
    assert list(corpus.texts) == list(corpus.texts) == ["v0", "v1", "v2"]
    assert not hub.asked(r"GET .*resolve/.*/train\.jsonl"), "another split was fetched"
    assert list(open_corpus("tinystories", max_documents=2).texts) == ["v0", "v1"]
    assert list(open_corpus("tinystories", "train").texts) == ["t"]


@pytest.mark.slow
def test_configuration_split_and_column_can_be_named(hub: StandIn) -> None:
    readme = (
        "---\nconfigs:\n"
        "- config_name: en\n  data_files: [{split: train, path: en.jsonl}]\n"
        "- config_name: fr\n  data_files: [{split: test, path: fr.jsonl}]\n---\n"
    )
    files = {"README.md": readme, "en.jsonl": jsonl("one"), "fr.jsonl": jsonl("un", "deux", column="histoire")}
    hub.add("a/b", files, kind="dataset")
    corpus = open_corpus("hub:a/b:fr:test:histoire")
    assert (corpus.split, list(corpus.texts)) == ("test", ["un", "deux"])
    assert list(open_corpus("hub:a/b:en", "train").texts) == ["one"]
    with pytest.raises(CorpusError, match=r"no split 'validation': choose one of train\."):
        open_corpus("hub:a/b:en")
    with pytest.raises(CorpusError, match=r"no column 'text' \(its columns: histoire\)"):
        list(open_corpus("hub:a/b:fr:test").texts)
    for spec in ("hub:a/b:de", "hub:a/b"):
        with pytest.raises(CorpusError, match=r"cannot be opened .*\ben\b.*\bfr\b.* as in hub:a/b:CONFIG"):
            open_corpus(spec)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.endswith("zst")])
def test_a_file_gives_the_same_texts_by_path_and_by_repository(hub: StandIn, tmp_path: Path, kind: str) -> None:
    texts = ["One day.\nIt rained.", "Two: “quoted” — Zoë, and so on", "NA", "12"]
    path = write_texts(tmp_path / f"validation.{kind}", texts)
    hub.add("a/b", {path.name: path}, kind="dataset")
    local, remote = open_corpus(str(path)), open_corpus("hub:a/b")
    assert list(remote.texts) == list(local.texts) == texts
    assert remote.reading == local.reading


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffOnce\r\nupon a time.\n\n",
        "<|endoftext|>a<|endoftext|><|endoftext|> b\nc <|endoftext|>\n \n<|endoftext|>d",
        "one\n\ntwo\x0cthree\u2028four\n",
        "",
    ],
)
def test_text_files_are_parted_at_marks_wherever_they_lie(hub: StandIn, tmp_path: Path, content: str) -> None:
    parts = {"train-0.txt": content, "train-1.txt": "another file"}
    for name, text in parts.items():
        (tmp_path / name).write_bytes(text.encode())
    hub.add("a/b", {name: text.encode() for name, text in parts.items()}, kind="dataset")
    local, remote = open_corpus(str(tmp_path), "train"), open_corpus("hub:a/b", "train")
    assert list(remote.texts) == list(local.texts)
    assert list(remote.texts)[-1] == "another file"
    assert remote.reading == local.reading
    assert remote.reading.files == 2


def test_zst_is_read_or_the_package_for_it_named(hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_texts(tmp_path / "train.jsonl.zst", ["a", "b"])
    hub.add("a/b", {path.name: path}, kind="dataset")
    if "zstd" in fsspec.available_compressions():
        assert list(open_corpus("hub:a/b", "train").texts) == ["a", "b"]
    monkeypatch.setattr(fsspec, "available_compressions", lambda: [None, "gzip"])
    with pytest.raises(CorpusError, match=r"^hub:a/b has files in \.zst, .*: pip install zstandard\.$"):
        open_corpus("hub:a/b", "train")


def test_a_text_file_of_the_hub_that_is_none_is_refused(hub: StandIn) -> None:
    hub.add("a/null", {"train.txt": b"text\x00more"}, kind="dataset")
    with pytest.raises(CorpusError, match=r"hub:a/null is a binary file: name"):
        list(open_corpus("hub:a/null", "train").texts)
    hub.add("a/b", {"train.txt": "a"}, kind="dataset")
    with pytest.raises(CorpusError, match=r"hub:a/b is plain text and has no column 'story': leave"):
        open_corpus("hub:a/b:::story", "train")


def test_an_owner_may_say_that_text_is_read_by_paragraphs(hub: StandIn) -> None:
    readme = "---\nconfigs:\n- config_name: default\n  data_files: train.txt\n  sample_by: paragraph\n---\n"
    hub.add("a/b", {"README.md": readme, "train.txt": "a\nb\n\nc"}, kind="dataset")
    assert list(open_corpus("hub:a/b", "train").texts) == ["a\nb", "c"]


@pytest.mark.slow
def test_entries_of_objects_nulls_and_rows_without_text(hub: StandIn) -> None:
    rows = [
        {"doc": {"text": "a"}},
        {"doc": {"text": None}},
        {"doc": None},
        {"doc": {"text": ""}},
        {"doc": {"text": "b"}},
    ]
    hub.add("a/json", {"train.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}, kind="dataset")
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    hub.add("a/parquet", {"train.parquet": file.getvalue()}, kind="dataset")
    for name in ("a/json", "a/parquet"):
        corpus = open_corpus(f"hub:{name}:::doc.text", "train", allow_local=False)
        assert list(corpus.texts) == ["a", "", "b"]
        assert corpus.reading == ReadRecord(1, 5, 2, "row", empty=3, complete=True)
        with pytest.raises(CorpusError, match=r"no column 'doc.title' \(its columns: doc.text\)"):
            list(open_corpus(f"hub:{name}:::doc.title", "train").texts)


def test_two_versions_of_a_split_are_refused_unless_their_owner_has_chosen(hub: StandIn) -> None:
    files = {f"{name}-{split}.txt": f"{name} {split}" for name in ("TinyStories", "V2") for split in ("train", "valid")}
    hub.add("a/stories", files, kind="dataset")
    with pytest.raises(
        CorpusError,
        match=r"'hub:a/stories' has two versions of the split 'validation', TinyStories-valid\.txt and V2-valid\.txt: "
        r"fetch one, as by `hf download --repo-type dataset a/stories TinyStories-valid\.txt",
    ):
        open_corpus("hub:a/stories")
    readme = "---\nconfigs:\n- config_name: default\n  data_files: [{split: validation, path: '*-valid.txt'}]\n---\n"
    hub.add("a/chosen", {**files, "README.md": readme}, kind="dataset")
    assert list(open_corpus("hub:a/chosen").texts) == ["TinyStories valid", "V2 valid"]
    hub.add("a/folders", {"train/a.txt": "a", "train/b.txt": "b", "other/train.txt": "c"}, kind="dataset")
    assert list(open_corpus("hub:a/folders", "train").texts) == ["a", "b"]


def pictures(image: str, column: str = "picture") -> bytes:
    """Rows of a text beside a cell that only names where an image lies."""
    features = datasets.Features({"text": datasets.Value("string"), column: datasets.Image()})
    if column == "text":
        features = datasets.Features({"text": datasets.Image()})
    cell = pa.array([{"bytes": None, "path": image}], type=features.arrow_schema.field(column).type)
    columns = {"text": pa.array(["a text"]), column: cell}
    file = io.BytesIO()
    pq.write_table(pa.table({name: columns[name] for name in features}, schema=features.arrow_schema), file)
    return file.getvalue()


def within(image: str) -> bytes:
    """A row with a text in an object beside a cell that only names where an image lies."""
    features = datasets.Features({"doc": {"text": datasets.Value("string"), "picture": datasets.Image()}})
    file = io.BytesIO()
    row = {"doc": {"text": "a", "picture": {"bytes": None, "path": image}}}
    pq.write_table(pa.Table.from_pylist([row], schema=features.arrow_schema), file)
    return file.getvalue()


@pytest.mark.slow
def test_a_cell_leads_no_stranger_to_another_server_or_a_file(hub: StandIn, tmp_path: Path) -> None:
    inner = hub.add("inner/service", {"image.png": b"secret"}, kind="dataset")
    address = f"{hub.url}/datasets/{inner.id}/resolve/main/image.png"
    (tmp_path / "image.png").write_bytes(b"secret")
    for name, image in {"a/server": address, "a/file": str(tmp_path / "image.png")}.items():
        hub.add(name, {"validation.parquet": pictures(image)}, kind="dataset")
        assert list(open_corpus(f"hub:{name}", allow_local=False).texts) == ["a text"]
    hub.add("a/text", {"validation.parquet": pictures(address, "text")}, kind="dataset")
    with pytest.raises(CorpusError, match=r"^hub:a/text has no text in the column 'text': "):
        list(open_corpus("hub:a/text", allow_local=False).texts)
    hub.add("a/doc", {"validation.parquet": within(address)}, kind="dataset")
    with pytest.raises(CorpusError, match=r"^hub:a/doc has no text in the column 'doc\.text': "):
        list(open_corpus("hub:a/doc:::doc.text", allow_local=False).texts)
    with pytest.raises(CorpusError, match=r"^hub:a/file has no column 'story' \(its columns: text, picture\): name"):
        list(open_corpus("hub:a/file:::story", allow_local=False).texts)
    assert not hub.asked("inner/service"), "the reader asked another server for a stranger"


def test_missing_private_and_empty_data_sets_are_told_apart(hub: StandIn) -> None:
    hub.add("a/private", {"train.jsonl": jsonl("x")}, kind="dataset", private=True)
    hub.add("a/gated", {"train.jsonl": jsonl("x")}, kind="dataset", gated="manual")
    hub.add("a/empty", {"README.md": "nothing"}, kind="dataset")
    for name in ("a/missing", "a/private", "a/gated"):
        with pytest.raises(HubError, match=rf"no data set {name} on the Hub that you may read.*HF_TOKEN"):
            open_corpus(f"hub:{name}", "train")
    with pytest.raises(CorpusError, match="a/empty cannot be opened"):
        open_corpus("hub:a/empty", "train")


@pytest.mark.slow
def test_a_file_that_does_not_arrive_is_the_hub_s_fault(hub: StandIn) -> None:
    hub.add("a/b", {"train.jsonl": jsonl(*map(str, range(100)))}, kind="dataset")
    corpus = open_corpus("hub:a/b", "train")
    hub.faults.append(Fault(r"GET .*resolve/.*train\.jsonl", status=500))
    with pytest.raises(HubError, match=r"Reading a/b from the Hub failed .* try again"):
        list(corpus.texts)
