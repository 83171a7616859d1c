"""A repository is written by anyone: it must not run code, read this machine's files, or fill its memory."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from nc_hf.errors import HubError, InputError, ModelError, NCError, TokenizerError
from nc_hf.hub import list_revisions, load_model, load_tokenizer, open_tokenizer, parse_reference, resolve
from tests.hub.models import VOCABULARY, gpt2_files, saved, tokenizer_files, with_config
from tests.hub.repository import Content, as_bytes
from tests.hub.server import StandIn


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What a repository's code would make if it ran."""
    return tmp_path / "it_ran"


def weights(files: dict[str, Content]) -> bytes:
    return as_bytes(files["model.safetensors"])


def header_and_data(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


# --- code


def test_pickles_are_neither_fetched_nor_opened(hub: StandIn, mark: Path) -> None:
    bomb = pickle.dumps(Bomb(mark))
    pickles = {"pytorch_model.bin": bomb, "training_args.bin": bomb, "model.pkl": bomb}
    hub.add("someone/pickles", {"config.json": gpt2_files()["config.json"], **pickles})
    hub.add("someone/both", {**gpt2_files(), **pickles})
    with pytest.raises(ModelError, match=r"pickles .* name the result\.$"):
        resolve("someone/pickles")
    assert load_model(resolve("someone/both")).config.vocab_size == VOCABULARY
    assert not hub.asked(r"\.bin|\.pkl")
    assert not mark.exists()
    pickle.loads(bomb)
    assert mark.exists()  # the bomb is one


@pytest.mark.parametrize("where", ["config.json", "tokenizer_config.json"])
def test_code_of_a_repository_is_neither_fetched_nor_run(hub: StandIn, mark: Path, where: str) -> None:
    code = f"import os\nos.mkdir({str(mark)!r})\n"
    auto_map = {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M", "AutoTokenizer": ["code.T", None]}
    files = {**gpt2_files(), "code.py": code}
    files[where] = json.dumps(json.loads(as_bytes(files[where])) | {"auto_map": auto_map})
    hub.add("someone/native", files)
    source = resolve("someone/native")
    assert type(load_model(source)).__module__ == "transformers.models.gpt2.modeling_gpt2"
    assert len(load_tokenizer(source)) == VOCABULARY
    assert not hub.asked("code.py")
    assert not mark.exists()


def test_a_model_that_needs_code_is_refused(hub: StandIn, mark: Path) -> None:
    files = {**gpt2_files(), "code.py": f"import os\nos.mkdir({str(mark)!r})\n"}
    auto_map = {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}
    hub.add("someone/remote", with_config(files, model_type="of_their_own", auto_map=auto_map))
    with pytest.raises(ModelError, match=r"needs code of its repository, which is never run"):
        resolve("someone/remote")
    assert not hub.asked("code.py")
    assert not mark.exists()


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation", "_experts_implementation"])
def test_kernels_named_by_a_configuration_are_not_asked_for(hub: StandIn, key: str) -> None:
    hub.add("someone/kernels", with_config(gpt2_files(), **{key: "attacker/kernel"}))
    model = load_model(resolve("someone/kernels"))
    assert model.config._attn_implementation in ("sdpa", "eager")
    assert not hub.asked("attacker")


def test_a_tokenizer_class_of_a_repository_is_refused(hub: StandIn, mark: Path) -> None:
    settings = {"tokenizer_class": "Theirs", "auto_map": {"AutoTokenizer": ["code.Theirs", None]}}
    only = {"code.py": f"import os\nos.mkdir({str(mark)!r})\n", "vocab.txt": "a\nb\n"}
    hub.add("someone/theirs", {**only, "tokenizer_config.json": json.dumps(settings)})
    with pytest.raises(TokenizerError):
        open_tokenizer("someone/theirs")
    assert not hub.asked("code.py")
    assert not mark.exists()


# --- files of this machine


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


@pytest.mark.parametrize(
    "shard", ["../../secret.safetensors", "/etc/passwd", "sub/a.safetensors", "absent.safetensors", 3]
)
def test_an_index_points_at_nothing_else(hub: StandIn, shard: Any) -> None:
    files = {name: content for name, content in gpt2_files().items() if name != "model.safetensors"}
    index = {"weight_map": {"transformer.wte.weight": shard}}
    hub.add("someone/index", {**files, "model.safetensors.index.json": json.dumps(index), "sub/a.safetensors": b""})
    with pytest.raises(ModelError, match="which is not there"):
        resolve("someone/index")
    assert not hub.asked("secret|passwd|sub/a|absent")


@pytest.mark.parametrize("name", ["../../other.safetensors", "pytorch_model.bin", "elsewhere.safetensors"])
def test_weights_under_another_name_are_refused(hub: StandIn, name: str) -> None:
    hub.add("someone/named", with_config(gpt2_files(), transformers_weights=name))
    with pytest.raises(ModelError, match="under a name of its own"):
        resolve("someone/named")


def test_a_folder_is_read_only_where_that_is_allowed(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "someone" / "tiny"
    folder.mkdir(parents=True)
    for name, content in gpt2_files().items():
        (folder / name).write_bytes(as_bytes(content))
    monkeypatch.chdir(tmp_path)
    for text in ("someone/tiny", "./someone/tiny", str(folder), "~", "/", ".", "..", "someone", "file:///etc"):
        with pytest.raises((InputError, HubError)):
            resolve(text)
        with pytest.raises((InputError, HubError)):
            open_tokenizer(text)
    assert resolve("someone/tiny", allow_local=True).commit is None
    hub.add("someone/tiny", gpt2_files(seed=1))
    served = resolve("someone/tiny")
    assert served.path is None
    expected = load(weights(gpt2_files(seed=1)))["transformer.wte.weight"]
    assert torch.equal(load_model(served).transformer.wte.weight, expected)


NO_IDS = [
    "",
    " ",
    "/",
    "a/b/c",
    "../../etc/passwd",
    "..",
    "a/..",
    "../a",
    "a//b",
    "/a/b",
    "a/b.git",
    "a--b/c",
    "a\\b",
    "a/b\nc",
    "a/b\0",
    "a b",
    "-a/b",
    "<script>alert(1)</script>",
    "a/<b>",
    "a/b?x=1",
    "a/b#c",
    "a/%2e%2e",
    "x" * 200,
    "a" * 100_000,
    "http://[",
    "https://",
    "https://huggingface.co",
    "https://huggingface.co/",
    "https://huggingface.co/datasets/a/b",
    "https://huggingface.co/spaces/a/b",
    "https://evil.example/a/b",
    "https://huggingface.co.evil.example/a/b",
    "https://huggingface.co@evil.example/a/b",
    "https://huggingface.co/a/b/c",
    "https://huggingface.co/../../etc/passwd",
    "file:///etc/passwd",
    "javascript://huggingface.co/a/b",
    "ftp://huggingface.co/a/b",
    "hf://datasets/a/b",
    "a/b@",
    "a/b@../../x",
    "a/b@..",
    "a/b@/etc",
    "a/b@x/../y",
    "a/b@.hidden",
    "a/b@a b",
    "a/b@a\nb",
    "a/b@" + "x" * 300,
    "a/b@c@d",
    "https://huggingface.co/a/b/tree/..%2F..%2Fx",
]


@pytest.mark.parametrize(
    ("text", "allow_local"),
    [(text, False) for text in NO_IDS] + [(text, True) for text in NO_IDS if text not in ("/", "..")],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_id_is_refused_in_one_short_sentence(hub: StandIn, text: str, allow_local: bool) -> None:
    with pytest.raises(InputError) as caught:
        parse_reference(text, allow_local=allow_local)
    message = str(caught.value)
    assert len(message) < 300
    assert message.endswith(".")
    assert "\n" not in message
    assert not hub.requests


@pytest.mark.parametrize("revision", ["../../x", "..", "/etc", "a b", "x" * 300, "", "-x", "a//b", "a\0"])
def test_a_revision_cannot_step_out_of_the_cache(hub: StandIn, hub_home: Path, revision: str) -> None:
    hub.add("someone/tiny", gpt2_files())
    if revision == "":
        assert parse_reference("someone/tiny", revision).revision is None
        return
    with pytest.raises(InputError, match="cannot be a revision"):
        resolve("someone/tiny", revision)
    assert not hub.requests
    assert not list(hub_home.iterdir())


def test_a_revision_list_takes_no_folder(hub: StandIn, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list_revisions(str(tmp_path))


# --- lies about size


@pytest.mark.parametrize(
    "lie",
    [
        {"n_layer": 3},
        {"n_layer": 5000},
        {"n_layer": 10**9},
        {"n_layer": 10**30},
        {"n_embd": 10**6},
        {"n_embd": 10**9},
        {"vocab_size": 10**9},
        {"vocab_size": 10**12},
        {"n_positions": 10**7},
        {"n_inner": 10**8},
        {"n_head": 0},
        {"n_head": 3},
        {"n_embd": -16},
        {"n_embd": "large"},
        {"n_embd": 16.5},
        {"vocab_size": None, "n_layer": [1]},
        {"activation_function": "evil"},
        {"attention_types": [[["global"], 10**12]], "model_type": "gpt_neo", "architectures": None},
    ],
    ids=lambda lie: json.dumps(lie)[:40],
)
def test_a_configuration_that_lies_is_refused_before_the_weights(hub: StandIn, hub_home: Path, lie: Any) -> None:
    hub.add("someone/liar", with_config(gpt2_files(), **lie))
    with pytest.raises(ModelError) as caught:
        resolve("someone/liar")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not list(hub_home.rglob("model.safetensors"))


@pytest.mark.parametrize("lie", [{"n_layer": 1}, {"n_layer": 0}, {"vocab_size": 0}, {"vocab_size": 200}, {"n_embd": 8}])
def test_a_configuration_of_a_smaller_model_is_refused(hub: StandIn, lie: dict[str, int]) -> None:
    hub.add("someone/liar", with_config(gpt2_files(), **lie))
    with pytest.raises(
        ModelError, match=r"of which its config.json uses|do not fit|describes no model|cannot be loaded"
    ):
        load_model(resolve("someone/liar"))


def test_weights_of_other_names_or_shapes_are_refused(hub: StandIn) -> None:
    stored = load(weights(gpt2_files()))
    renamed = {name.replace("ln_f", "ln_g"): value for name, value in stored.items()}
    turned = {name: value.T.contiguous() if name.endswith("wte.weight") else value for name, value in stored.items()}
    for number, tensors in enumerate((renamed, turned)):
        hub.add(f"someone/other{number}", {**gpt2_files(), "model.safetensors": save(tensors)})
        source = resolve(f"someone/other{number}")
        with pytest.raises(ModelError, match="name another model or revision"):
            load_model(source)


def test_tables_that_no_file_holds_count_as_memory(hub: StandIn) -> None:
    """GPT-Neo makes a mask of the square of its context: 16 MB of positions stand for 4 TB of masks."""
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    about = {"hidden_size": 2, "num_layers": 1, "num_heads": 1, "attention_types": [[["global"], 1]]}
    files = saved(GPTNeoForCausalLM(GPTNeoConfig(vocab_size=VOCABULARY, max_position_embeddings=32, **about)))
    hub.add("someone/honest", files)
    assert resolve("someone/honest").parameters > 0
    stored = load(weights(files)) | {"transformer.wpe.weight": torch.zeros(2_000_000, 2)}
    lie = with_config({**files, "model.safetensors": save(stored)}, max_position_embeddings=2_000_000)
    hub.add("someone/liar", lie)
    with pytest.raises(ModelError, match=r"needs 4\.0 TB of memory"):
        resolve("someone/liar")


def lying_headers() -> dict[str, bytes]:
    header, data = header_and_data(weights(gpt2_files()))
    name = "transformer.ln_f.weight"

    def changed(**how: Any) -> bytes:
        return with_header({**header, name: {**header[name], **how}}, data)

    begin, end = header[name]["data_offsets"]
    return {
        "beyond the file": changed(shape=[10**9], data_offsets=[begin, begin + 4 * 10**9]),
        "shape too large": changed(shape=[10**9]),
        "negative shape": changed(shape=[-16]),
        "two negatives": changed(shape=[-4, -4]),
        "backwards": changed(data_offsets=[end, begin]),
        "before the start": changed(shape=[32], data_offsets=[-64, 64]),
        "words for a shape": changed(shape=["a", "b"]),
        "a word for a shape": changed(shape="16"),
        "no shape": changed(shape=None),
        "words for offsets": changed(data_offsets=["a", "b"]),
        "three offsets": changed(data_offsets=[0, 1, 2]),
        "a number for a tensor": with_header({name: 3}, data),
        "a list": with_header([], data),
        "no JSON": with_header(b"{", data),
        "nested": with_header(b"[" * 50_000, data),
        "empty": with_header({}, data),
        "too long a header": struct.pack("<Q", 2**40) + data,
        "header longer than the file": struct.pack("<Q", 10**6) + data,
        "a text file": b"version https://git-lfs.github.com/spec/v1\n",
        "nothing": b"",
        "pickle": pickle.dumps({"weight": [0.0]}),
    }


@pytest.mark.parametrize("lie", list(lying_headers()))
@pytest.mark.parametrize("place", ["hub", "folder"])
def test_a_header_that_lies_is_refused(hub: StandIn, tmp_path: Path, lie: str, place: str) -> None:
    files = {**gpt2_files(), "model.safetensors": lying_headers()[lie]}
    hub.add("someone/liar", files)
    for name, content in files.items():
        (tmp_path / name).write_bytes(as_bytes(content))
    with pytest.raises(ModelError) as caught:
        resolve(*(["someone/liar"] if place == "hub" else [str(tmp_path)]), allow_local=place == "folder")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_tensors_that_share_their_bytes_do_not_load(hub: StandIn) -> None:
    """Each declares the same place, so that a small file would seem to hold a large model."""
    header, data = header_and_data(weights(gpt2_files(layers=1)))
    whole, _ = header_and_data(weights(gpt2_files(layers=2)))
    for name, tensor in whole.items():
        if name not in header:
            header[name] = header[name.replace("h.1.", "h.0.")]
            assert tensor["shape"] == header[name]["shape"]
    hub.add("someone/small", {**gpt2_files(layers=2), "model.safetensors": with_header(header, data)})
    with pytest.raises(ModelError):
        load_model(resolve("someone/small"))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json", "tokenizer.json"])
def test_a_small_file_that_is_large_is_not_fetched(hub: StandIn, file: str) -> None:
    files = dict(gpt2_files(max_shard_size="8kB"))
    hub.add("someone/large", files, claimed={file: 10**9})
    with pytest.raises(NCError, match="which cannot be right"):
        load_tokenizer(resolve("someone/large"))
    assert not hub.asked(f"GET .*/{file}")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"model_type": [1]}', '{"model_type": "gpt2", "architectures": 3}', "3", '"a"', "\xff"]
)
def test_a_configuration_of_another_form_is_refused(hub: StandIn, text: str) -> None:
    hub.add("someone/odd", {**gpt2_files(), "config.json": text.encode("latin-1")})
    with pytest.raises(ModelError, match=r"config.json of someone/odd"):
        resolve("someone/odd")


@pytest.mark.parametrize("text", ["[", "[]", '{"weight_map": []}', '{"weight_map": 3}', "{}", "[" * 100_000])
def test_an_index_of_another_form_is_refused(hub: StandIn, text: str) -> None:
    files = {name: content for name, content in gpt2_files().items() if name != "model.safetensors"}
    hub.add("someone/odd", {**files, "model.safetensors.index.json": text})
    with pytest.raises(ModelError, match=r"index.json of someone/odd cannot be read"):
        resolve("someone/odd")


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


# --- readers and tokens


def test_what_one_reader_fetched_stays_closed_to_others(hub: StandIn) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/gated", gpt2_files(), gated=True, readers={"reader"})
    load_model(resolve("someone/gated", token="hf_reader"), token="hf_reader")
    load_tokenizer(resolve("someone/gated", token="hf_reader"))
    for token in (None, "hf_writer"):
        with pytest.raises(HubError, match="is gated"):
            resolve("someone/gated", token=token)


def test_a_visitor_does_not_read_with_the_token_of_the_machine(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_owner"] = "owner"
    hub.add("owner/private", gpt2_files(), private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    assert len(load_tokenizer(resolve("owner/private"))) == VOCABULARY
    hub.requests.clear()
    for call in (resolve, open_tokenizer, list_revisions):
        with pytest.raises(HubError, match=r"There is no owner/private .* if private, log in\."):
            call("owner/private", token=False)
    assert {token for _, _, token in hub.requests} == {None}


def test_tokens_go_to_the_hub_and_nowhere_else(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/private", gpt2_files(), private=True, readers={"reader"})
    source = resolve("someone/private", token="hf_reader")
    assert "hf_reader" not in repr(source) + repr(vars(source))
    load_model(source, token="hf_reader")
    assert {token for _, _, token in hub.requests} == {"hf_reader"}
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")
    for call in (lambda: resolve("someone/private"), lambda: list_revisions("someone/private")):
        with pytest.raises(HubError) as caught:
            call()
        assert "hf_of_the_machine" not in str(caught.value)
