"""Data sets of the Hub, read by the real libraries from the stand-in: splits, configurations, columns, faults."""

from __future__ import annotations

import io
import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nc_hf.corpus.corpus import open_corpus
from nc_hf.errors import CorpusError, HubError
from tests.hub.server import Fault, StandIn


def jsonl(*texts: str, column: str = "text") -> str:
    return "".join(json.dumps({column: text}) + "\n" for text in texts)


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


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "/tmp/**/*.txt", "../*.txt", "file:///etc/hostname", "https://127.0.0.1/x.txt", "~/x.txt"]
)
@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
@pytest.mark.parametrize("form", ["[{{split: validation, path: '{}'}}]", "'{}'", "{{validation: ['{}']}}"])
def test_a_data_set_leads_no_stranger_out_of_its_repository(hub: StandIn, path: str, file: str, form: str) -> None:
    settings = f"note: 'a --- b'\nconfigs:\n- config_name: default\n  data_files: {form.format(path)}\n"
    text = f"---\n{settings}---\n" if file == "README.md" else settings
    hub.add("a/b", {file: text, "validation.jsonl": jsonl("x")}, kind="dataset")
    with pytest.raises(CorpusError, match=r"^The data set a/b names files outside its repository: "):
        open_corpus("hub:a/b", allow_local=False)


def test_a_data_set_that_keeps_to_itself_is_open_to_strangers(hub: StandIn) -> None:
    readme = "---\nconfigs:\n- config_name: default\n  data_files: [{split: validation, path: 'data/v*.jsonl'}]\n---\n"
    hub.add("a/b", {"README.md": readme, "data/v.jsonl": jsonl("x")}, kind="dataset")
    assert list(open_corpus("hub:a/b", allow_local=False).texts) == ["x"]


def _unfolding(lines: int) -> str:
    """Settings of few bytes that unfold to nine to the power of so many names."""
    return "x0: &a0 [a]\n" + "".join(f"x{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]\n" for n in range(1, lines))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "settings",
    [
        _unfolding(12) + "configs:\n- data_files: *a11\n",
        _unfolding(12).replace("[a]", "{b: c}").replace("[", "{<<: [").replace("]", "]}"),
        "configs:\n- data_files: &a [*a]\n",
        f"configs: {50_000 * '['}",
    ],
    ids=["aliases", "merged", "recursive", "deep"],
)
@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
def test_settings_that_unfold_without_end_are_refused(hub: StandIn, settings: str, file: str) -> None:
    text = f"---\n{settings}\n---\n" if file == "README.md" else settings
    hub.add("a/b", {file: text, "validation.jsonl": jsonl("x")}, kind="dataset")
    with pytest.raises(CorpusError, match=rf"^The settings in {file} of a/b cannot be read.*: name another data set"):
        open_corpus("hub:a/b", allow_local=False)


@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
def test_settings_that_are_too_long_are_not_even_fetched(hub: StandIn, file: str) -> None:
    hub.add("a/b", {file: "x" * 1_000_001, "validation.jsonl": jsonl("x")}, kind="dataset")
    with pytest.raises(CorpusError, match=rf"^{file} of the data set a/b has 1,000,001 bytes, of 1,000,000 .* name"):
        open_corpus("hub:a/b", allow_local=False)
    assert not hub.asked(r"GET .*/resolve/")


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
