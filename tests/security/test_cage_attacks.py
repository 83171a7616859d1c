"""Files that would stop, fill or end the process that reads them: one sentence with the reason, and work goes on."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nc_hf.corpus import Corpus, open_corpus, pack_texts
from nc_hf.corpus.vocabulary import raw_text
from nc_hf.errors import CorpusError, ModelError, NCError, TokenizerError
from nc_hf.hub import load_tokenizer, open_tokenizer, resolve
from nc_hf.hub.encoding import encoded
from nc_hf.measurement.measure import measure
from tests.hub.helpers import is_one_sentence_with_advice, write
from tests.hub.models import gpt2_files, tokenizer_files, with_config
from tests.hub.repository import Content
from tests.hub.server import StandIn


def refused(kind: type[NCError], said: str, act: Callable[[], object], after: Path) -> None:
    """Whether an act is refused with a reason, and an honest model is read right after it."""
    with pytest.raises(kind, match=said) as caught:
        act()
    assert is_one_sentence_with_advice(str(caught.value))
    assert resolve(str(write(after / "honest", gpt2_files())), allow_local=True).parameters > 0


def configured(**changes: Any) -> dict[str, Content]:
    return with_config(gpt2_files(), **changes)


def written(text: str) -> dict[str, Content]:
    """A configuration with an entry that is written as it stands."""
    config = str(gpt2_files()["config.json"], "utf-8")  # type: ignore[arg-type]
    return {**gpt2_files(), "config.json": config.rstrip().removesuffix("}") + f", {text}}}"}


CONFIGURATIONS = {
    "labels of the Space's standstill": (configured(num_labels=5_000_000), "gives num_labels as 5e[+]06"),
    "more labels": (configured(num_labels=10_000_000), "gives num_labels as 1e[+]07"),
    "labels below every bound": (configured(num_labels=99_999), "gives num_labels as 1e[+]05 and its weights are"),
    "layers": (configured(n_layer=10**9), "gives n_layer as 1e[+]09"),
    "a width": (configured(n_embd=2**20), "gives n_embd as"),
    "a vocabulary": (configured(vocab_size=10**9), "gives vocab_size as"),
    "a large whole number": (written(f'"n_positions": {10**30}'), "gives n_positions as 1e[+]30"),
    "a number that no float holds": (written(f'"n_positions": {10**400}'), "1e[+]300 or more"),
    "a number of too many digits": (written(f'"n_positions": {"9" * 5000}'), "cannot be read"),
    "a float beyond all": (written('"n_positions": 1e400'), "1e[+]300 or more"),
    "nested": (written('"a": ' + "[" * 100_000 + "]" * 100_000), "cannot be read"),
    "nested objects": (written('"a": ' + '{"a":' * 100_000 + "1" + "}" * 100_000), "cannot be read"),
    "long": (written(f'"a": {json.dumps([[]] * 1_500_000)}'), "which cannot be right"),
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", CONFIGURATIONS)
def test_a_configuration_without_measure(tmp_path: Path, attack: str) -> None:
    files, said = CONFIGURATIONS[attack]
    folder = write(tmp_path / "model", files)
    refused(ModelError, said, lambda: resolve(str(folder), allow_local=True), tmp_path)


def tokenizer_with(**changes: Any) -> dict[str, Content]:
    description = json.loads(str(tokenizer_files()["tokenizer.json"]))
    return {**tokenizer_files(), "tokenizer.json": json.dumps({**description, **changes})}


def chain(pattern: str, content: str, times: int) -> dict[str, Any]:
    """Normalizers of which each replaces what the one before has made."""
    return {
        "type": "Sequence",
        "normalizers": [{"type": "Replace", "pattern": {"String": pattern}, "content": content}] * times,
    }


EATERS = {
    "normalizers of nothing": {"normalizer": chain("", "ab" * 1000, 4)},
    "by an expression": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"Regex": "."}, "content": "b" * 1000}] * 4,
        }
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("eater", EATERS)
def test_a_tokenizer_that_multiplies_text(tmp_path: Path, eater: str) -> None:
    """It is built in an instant, and one letter is enough."""
    tokenizer = open_tokenizer(str(write(tmp_path / "it", tokenizer_with(**EATERS[eater]))), allow_local=True)
    act = partial(pack_texts, ["a b a"] * 9, tokenizer, 8)
    refused(TokenizerError, "makes of a text takes more than", act, tmp_path)


@pytest.mark.slow
def test_four_normalizers_that_multiply_text(tmp_path: Path) -> None:
    """Any text with the letter ends the whole process, where it is not caged."""
    files = tokenizer_with(normalizer=chain("a", "a" * 1000, 4))
    tokenizer = open_tokenizer(str(write(tmp_path / "it", files)), allow_local=True)
    act = partial(pack_texts, ["a b a"] * 9, tokenizer, 8)
    refused(TokenizerError, "makes of a text takes more than 2.1 GB of memory", act, tmp_path)


@pytest.mark.slow
def test_a_decoder_that_multiplies_text(tmp_path: Path) -> None:
    decoders = [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}] * 4
    files = tokenizer_with(decoder={"type": "Sequence", "decoders": decoders})
    tokenizer = open_tokenizer(str(write(tmp_path / "it", files)), allow_local=True)
    token_id = tokenizer.get_vocab()["a"]
    refused(TokenizerError, "makes of a text takes more than", lambda: raw_text(tokenizer, token_id), tmp_path)


BROKEN = {
    "nested": {"tokenizer.json": "[" * 100_000},
    "nested within": {"tokenizer.json": '{"model": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}"},
    "negative ids": tokenizer_with(model={"type": "BPE", "vocab": {"a": -1, "b": 0}, "merges": []}),
    "ids beyond 32 bits": tokenizer_with(model={"type": "BPE", "vocab": {"a": 2**40}, "merges": []}),
    "half of a file": {"tokenizer.json": str(tokenizer_files()["tokenizer.json"])[:500]},
    "settings nested": {**tokenizer_files(), "tokenizer_config.json": "[" * 100_000},
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_damaged_tokenizer_is_said_to_be_damaged(tmp_path: Path, broken: str) -> None:
    """And not to be missing, by the measurement that needs it."""
    folder = write(tmp_path / "model", {**gpt2_files(), **BROKEN[broken]})
    refused(TokenizerError, "The tokenizer of .* cannot be read", lambda: measure(str(folder), "builtin"), tmp_path)


@pytest.mark.slow
def test_ids_that_two_tokens_share_are_taken_or_refused_and_no_more(tmp_path: Path) -> None:
    files = tokenizer_with(model={"type": "BPE", "vocab": {"a": 0, "b": 0, "c": 4_000_000_000}, "merges": []})
    folder = write(tmp_path / "model", {**gpt2_files(), **files})
    with pytest.raises(NCError) as caught:
        measure(str(folder), "builtin", max_tokens=2000)
    assert is_one_sentence_with_advice(str(caught.value))


def test_an_expression_that_never_ends(tmp_path: Path) -> None:
    """The library's engine gives up by itself, or the cage ends it."""
    split = {"type": "Split", "pattern": {"Regex": "(a|aa|a*)*$b"}, "behavior": "Isolated", "invert": False}
    tokenizer = open_tokenizer(str(write(tmp_path / "it", tokenizer_with(pre_tokenizer=split))), allow_local=True)
    with suppress(TokenizerError):
        assert len(pack_texts(["a" * 4000] * 9, tokenizer, 8)) > 0
    other = open_tokenizer(str(write(tmp_path / "other", tokenizer_files())), allow_local=True)
    assert encoded(other, ["a"]) == [[other.get_vocab()["a"]]]


def test_a_template_for_conversations_is_not_even_read(tmp_path: Path) -> None:
    about = json.loads(str(tokenizer_files()["tokenizer_config.json"]))
    loop = "{% for a in range(10**9) %}{% for b in range(10**9) %}{{ a }}{% endfor %}{% endfor %}"
    files = {**tokenizer_files(), "tokenizer_config.json": json.dumps({**about, "chat_template": loop})}
    folder = write(tmp_path / "model", {**gpt2_files(), **files, "chat_template.jinja": loop})
    assert load_tokenizer(resolve(str(folder), allow_local=True)).chat_template is None


def row_of_a_file(path: Path, characters: int) -> Path:
    """A parquet file of some kilobytes with one row of so many characters."""
    pq.write_table(pa.table({"text": ["a" * characters]}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 100_000
    return path


def gz_bomb(path: Path, part: bytes, times: int) -> Path:
    path.write_bytes(gzip.compress(part) * times)  # of several members, each of which goes on where one ended
    return path


@pytest.mark.slow
def test_a_row_of_268_million_characters_in_25_kilobytes(tmp_path: Path) -> None:
    path = row_of_a_file(tmp_path / "row.parquet", 1 << 28)
    act = open_corpus(str(path)).check
    refused(CorpusError, "has a text of 268,435,456 characters, of 16,777,216 that are read", act, tmp_path)


@pytest.mark.slow
def test_rows_that_no_memory_holds(tmp_path: Path) -> None:
    rows = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0] * 4096, pa.int32()), ["a" * (1 << 24)])})
    pq.write_table(rows, tmp_path / "rows.parquet", compression="zstd")
    act = partial(list, open_corpus(str(tmp_path / "rows.parquet")).texts)
    refused(CorpusError, "rows.parquet' (takes more than|has a text|is not a whole)", act, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["line.jsonl.gz", "line.txt.gz"])
def test_a_line_without_an_end(tmp_path: Path, name: str) -> None:
    path = gz_bomb(tmp_path / name, b"a" * (1 << 24), 256)
    assert path.stat().st_size < 5_000_000
    refused(CorpusError, "line.* takes more than 2.1 GB of memory", lambda: open_corpus(str(path)).check(), tmp_path)


@pytest.mark.slow
def test_what_is_no_file_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(zlib.compress(b"a" * 1000))
    (tmp_path / "a.jsonl").write_text("[" * 100_000 + "\n")
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\xff" * 100 + b"PAR1")
    for name in ("a.txt.gz", "a.jsonl", "a.parquet"):
        refused(CorpusError, name, open_corpus(str(tmp_path / name)).check, tmp_path)


def test_a_text_of_the_program_itself_is_not_caged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has an object trusts it: a tokenizer and texts at hand are read where they are."""
    from tests.letters import letters

    monkeypatch.setattr("nc_hf.runtime.cage.face.open_cell", None)
    blocks = Corpus("mine", "all", ["a b c d e f g h"]).pack(letters(), 4)
    assert len(blocks) == 2


def test_a_file_of_the_hub_is_refused_alike(hub: StandIn) -> None:
    hub.add("someone/labels", configured(num_labels=5_000_000))
    with pytest.raises(ModelError, match="num_labels"):
        resolve("someone/labels")
    assert not hub.asked("GET .*safetensors")
