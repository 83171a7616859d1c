"""Tokenizers: of the model or of another, that belong to it, and that read no other file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nc_hf.errors import TokenizerError
from nc_hf.hub import check_tokenizer, load_model, load_tokenizer, open_tokenizer, resolve
from nc_hf.hub.tokenizer import has_tokenizer, origin_of
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.helpers import is_one_sentence_with_advice
from tests.hub.models import VOCABULARY, gpt2_files, tokenizer_files
from tests.hub.server import StandIn


def test_a_model_without_tokenizer_is_looked_up_but_has_none_to_load(hub: StandIn) -> None:
    hub.add("someone/bare", gpt2_files(tokenizer=False))
    source = resolve("someone/bare")
    with pytest.raises(TokenizerError, match="no tokenizer: pass the one"):
        load_tokenizer(source)
    assert load_model(source).config.vocab_size == VOCABULARY


def test_a_damaged_tokenizer_is_one_sentence(hub: StandIn) -> None:
    hub.add("someone/tiny", {**gpt2_files(), "tokenizer.json": '{"model": 3}'})
    with pytest.raises(TokenizerError, match="cannot be read") as caught:
        load_tokenizer(resolve("someone/tiny"))
    assert is_one_sentence_with_advice(str(caught.value))


def test_a_tokenizer_of_another_model_is_refused(hub: StandIn, shared_data: Path) -> None:
    from transformers import AutoTokenizer, GPT2Config, LlamaConfig

    hub.add("someone/tiny", gpt2_files())
    small = load_tokenizer(resolve("someone/tiny"))
    gpt2 = AutoTokenizer.from_pretrained(shared_data / "tokenizers" / "gpt2")
    check_tokenizer(small, GPT2Config(vocab_size=VOCABULARY))
    check_tokenizer(small, GPT2Config(vocab_size=VOCABULARY + 20))
    check_tokenizer(gpt2, LlamaConfig(vocab_size=50304))
    with pytest.raises(TokenizerError, match="a token 50256 and the model a vocabulary of 300"):
        check_tokenizer(gpt2, GPT2Config(vocab_size=VOCABULARY))
    with pytest.raises(TokenizerError, match="has 300 tokens and the model a vocabulary of 50257"):
        check_tokenizer(small, GPT2Config())
    small.add_tokens(["<pad>"], special_tokens=True)
    check_tokenizer(small, GPT2Config(vocab_size=VOCABULARY))  # text never produces it
    small.eos_token = "<pad>"
    with pytest.raises(TokenizerError, match="a token 300 and"):  # packing puts it between documents
        check_tokenizer(small, GPT2Config(vocab_size=VOCABULARY))


SECRET = "THE_SECRET"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.mark.parametrize("where", ["special_tokens_map.json", "tokenizer_config.json"])
@pytest.mark.parametrize("kind", ["BertTokenizer", "EsmTokenizer", "ProphetNetTokenizer", "CTRLTokenizer"])
@pytest.mark.parametrize("key", ["vocab_file", "vocab", "init_inputs", "merges_file", "tokenizer_file"])
def test_settings_of_a_tokenizer_name_no_file_to_read(
    hub: StandIn, secret: Path, where: str, kind: str, key: str
) -> None:
    injected = {key: [str(secret)] if key == "init_inputs" else str(secret)}
    settings = {"tokenizer_config.json": {"tokenizer_class": kind}, "special_tokens_map.json": {}}
    settings[where] = {**settings[where], **injected}
    files = {name: json.dumps(value) for name, value in settings.items()}
    hub.add("someone/reader", {**files, "vocab.txt": "[UNK]\n[PAD]\n[CLS]\n[SEP]\n[MASK]\nhello\n"})
    try:
        seen = " ".join(open_tokenizer("someone/reader").get_vocab())
    except TokenizerError as fault:
        seen = str(fault)
    assert SECRET not in seen


def test_transformers_alone_would_read_it(secret: Path, tmp_path: Path) -> None:
    """The reason for cleaning the settings; when this fails, the library has closed the gap and cleaning may go."""
    from transformers import AutoTokenizer

    folder = tmp_path / "tokenizer"
    folder.mkdir()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    (folder / "special_tokens_map.json").write_text(json.dumps({"vocab_file": str(secret)}))
    (folder / "vocab.txt").write_text("[UNK]\n[PAD]\n[CLS]\n[SEP]\n[MASK]\nhello\n")
    assert SECRET in AutoTokenizer.from_pretrained(folder).get_vocab()


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", ["[", "[]", "3", "{}", '{"model": {"type": "BPE"}}', "[" * 100_000, "\xff"])
def test_a_tokenizer_of_another_form_is_one_sentence(hub: StandIn, file: str, text: str) -> None:
    hub.add("someone/odd", {**tokenizer_files(), file: text.encode("latin-1")})
    if file == "tokenizer_config.json" and text.startswith("{"):
        assert len(open_tokenizer("someone/odd")) == VOCABULARY
        return
    with pytest.raises(TokenizerError, match="tokenizer of someone/odd cannot be read") as caught:
        open_tokenizer("someone/odd")
    assert "\n" not in str(caught.value)


def test_an_adapter_has_its_own_tokenizer_or_that_of_its_base(hub: StandIn) -> None:
    hub.add(BASE, gpt2_files())
    hub.add(ADAPTER, lora_files())
    hub.add("someone/own", lora_files(tokenizer=True))
    settings = {"tokenizer_config.json": json.dumps({"eos_token": "<|endoftext|>"})}
    hub.add("someone/settings", {**lora_files(), **settings})
    for name, files_of in ((ADAPTER, BASE), ("someone/own", "someone/own"), ("someone/settings", BASE)):
        tokenizer = load_tokenizer(resolve(name))
        assert (len(tokenizer), tokenizer.name_or_path) == (VOCABULARY, files_of)
    unnamed = {**lora_files(), "tokenizer.json": tokenizer_files()["tokenizer.json"]}
    hub.add("someone/unnamed", unnamed)
    assert len(load_tokenizer(resolve("someone/unnamed"))) == VOCABULARY


def test_a_revision_without_one_has_that_of_the_default_branch(hub: StandIn) -> None:
    repository = hub.add("someone/course", gpt2_files())
    repository.commit(gpt2_files(1, tokenizer=False), branch="step5")
    source = resolve("someone/course@step5")
    assert not has_tokenizer(source.files)
    tokenizer = load_tokenizer(source)
    assert len(tokenizer) == VOCABULARY
    assert origin_of(tokenizer) == f"someone/course@{repository.branches['main']}"
    assert origin_of(load_tokenizer(resolve("someone/course"))) is None
