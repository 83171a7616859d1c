"""Looking models up and loading them, over HTTP from the stand-in Hub by the real clients."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from nc_hf.errors import HubError, InputError, ModelError, NCError, TokenizerError
from nc_hf.hub import (
    check_tokenizer,
    list_revisions,
    load_model,
    load_tokenizer,
    parse_reference,
    resolve,
)
from tests.architectures import ARCHITECTURES, TRANSFORM_IN_HEAD
from tests.hub.models import VOCABULARY, gpt2_files, only_config, with_config
from tests.hub.repository import as_bytes, files_of
from tests.hub.server import Fault, StandIn
from tests.paths import ROOT


def is_one_sentence_with_advice(message: str) -> bool:
    """Whether a message is one sentence of which the part after the last colon tells what to do."""
    return message.endswith(".") and "\n" not in message and ": " in message and len(message) < 400


def write(folder: Path, files: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(as_bytes(content))
    return folder


def features(model: Any, tokenizer: Any) -> torch.Tensor:
    inputs = tokenizer("Once upon a time there was a small dog.", return_tensors="pt")
    with torch.no_grad():
        states: torch.Tensor = model.get_decoder()(inputs["input_ids"]).last_hidden_state
    return states


# --- what is found


def test_the_real_model_from_the_hub_equals_the_local_one(hub: StandIn, shared_data: Path) -> None:
    folder = shared_data / "models" / "stories260K"
    repository = hub.add("karpathy/stories260K", files_of(folder))
    served = resolve("karpathy/stories260K")
    local = resolve(str(folder), allow_local=True)
    assert (served.id, served.commit, served.identity) == ("karpathy/stories260K", *[repository.branches["main"]] * 2)
    assert (served.parameters, served.dtype, served.size_bytes) == (260_032, "float32", 1_044_992)
    assert (local.parameters, local.dtype, local.size_bytes) == (served.parameters, served.dtype, served.size_bytes)
    assert served.path is None
    assert local.commit is None
    tokenizer = load_tokenizer(served)
    assert not hub.asked("GET .*/model.safetensors$") or hub_reads_headers_only(hub)
    ours, theirs = (features(load_model(source), tokenizer) for source in (served, local))
    assert torch.equal(ours, theirs)
    check_tokenizer(tokenizer, served.config)


def hub_reads_headers_only(hub: StandIn) -> bool:
    """Whether the weights were asked for once, for their header, which the client reads before the whole."""
    return len(hub.asked("GET .*/model.safetensors$")) == 1


def test_the_commit_is_pinned_when_looked_up(hub: StandIn) -> None:
    repository = hub.add("someone/tiny", gpt2_files(seed=0))
    source = resolve("someone/tiny@main")
    repository.commit(gpt2_files(seed=1))
    expected = load(as_bytes(gpt2_files(seed=0)["model.safetensors"]))["transformer.wte.weight"]
    assert torch.equal(load_model(source).transformer.wte.weight, expected)
    assert resolve("someone/tiny").commit != source.commit


def test_a_revision_is_a_branch_a_tag_a_commit_or_a_pull_request(hub: StandIn) -> None:
    repository = hub.add("someone/tiny", gpt2_files(seed=0))
    first = repository.branches["main"]
    second = repository.commit(gpt2_files(seed=1), branch="step10")
    repository.tags["v1"] = second
    repository.pulls["refs/pr/1"] = second
    assert resolve("someone/tiny").commit == first
    assert resolve("someone/tiny", first).commit == first
    for revision in ("step10", "v1", second, "refs/pr/1"):
        assert resolve(f"someone/tiny@{revision}").commit == second
        assert resolve("someone/tiny", revision).revision == revision


def test_shards_are_added_up_and_loaded(hub: StandIn) -> None:
    files = gpt2_files(max_shard_size="8kB")
    shards = [name for name in files if name.endswith(".safetensors")]
    assert len(shards) > 1
    hub.add("someone/sharded", files)
    hub.add("someone/whole", gpt2_files())
    source, whole = resolve("someone/sharded"), resolve("someone/whole")
    assert source.parameters == whole.parameters
    assert source.size_bytes == sum(len(as_bytes(files[name])) for name in shards)
    model, tokenizer = load_model(source), load_tokenizer(source)
    assert torch.equal(features(model, tokenizer), features(load_model(whole), tokenizer))
    assert not model.training


def test_the_weights_keep_their_type_unless_another_is_asked_for(hub: StandIn) -> None:
    stored = {name: value.bfloat16() for name, value in load(as_bytes(gpt2_files()["model.safetensors"])).items()}
    files = with_config({**gpt2_files(), "model.safetensors": save(stored)}, dtype=None)
    hub.add("someone/half", files)
    source = resolve("someone/half")
    assert source.dtype == "bfloat16"
    assert load_model(source).dtype == torch.bfloat16
    assert load_model(source, "float32").dtype == torch.float32
    assert load_model(source, torch.float64).dtype == torch.float64
    with pytest.raises(ModelError, match="no type for weights"):
        load_model(source, "int8")


def test_a_second_look_fetches_no_weights_again(hub: StandIn) -> None:
    hub.add("someone/tiny", gpt2_files())
    load_model(resolve("someone/tiny"))
    hub.requests.clear()
    load_model(resolve("someone/tiny"))
    assert len(hub.asked("GET .*/model.safetensors")) == 1  # its header: the reader must still be allowed to see it


def test_eight_readers_at_once_each_get_their_own(hub: StandIn) -> None:
    names = [f"someone/tiny{seed % 4}" for seed in range(8)]
    for seed in range(4):
        hub.add(f"someone/tiny{seed}", gpt2_files(seed=seed))

    def read(name: str) -> dict[str, torch.Tensor]:
        source = resolve(name)
        assert len(load_tokenizer(source)) == VOCABULARY
        state: dict[str, torch.Tensor] = load_model(source).state_dict()
        return state

    with ThreadPoolExecutor(8) as pool:
        for name, state in zip(names, pool.map(read, names), strict=True):
            expected = load(as_bytes(gpt2_files(seed=int(name[-1]))["model.safetensors"]))
            assert all(torch.equal(state[key], value) for key, value in expected.items())
            assert all(value.isfinite().all() for value in state.values())


def test_progress_counts_the_bytes_and_may_end_the_download(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")

    def stop(_: int) -> None:
        raise InputError("The analysis was cancelled: start it again.")

    with pytest.raises(InputError, match="cancelled"):
        load_model(source, progress=stop)
    assert not list(hub_home.rglob("model.safetensors"))
    counts: list[int] = []
    load_model(source, progress=counts.append)
    assert sum(counts) == sum(size for name, size in source.files.items() if name != "config.json")


# --- what is refused by the Hub


@pytest.mark.parametrize(
    ("about", "token", "said"),
    [
        ({"gated": True}, None, r"gated: accept its conditions on http.*/someone/tiny, then set HF_TOKEN"),
        ({"gated": True}, "hf_writer", r"gated: accept its conditions .* use a token of an account with access"),
        ({"private": True}, None, r"no someone/tiny on http.* set HF_TOKEN or run `hf auth login`"),
        ({"private": True}, "hf_writer", r"no someone/tiny on http.* use a token of an account with access"),
        ({"disabled": True}, None, r"disabled"),
        ({}, "hf_wrong", r"refuses the token"),
    ],
)
def test_a_closed_repository_is_named_with_the_way_in(
    hub: StandIn, monkeypatch: pytest.MonkeyPatch, about: dict[str, bool], token: str | None, said: str
) -> None:
    hub.add("someone/tiny", gpt2_files(), **about)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match=said) as caught:
        resolve("someone/tiny")
    assert is_one_sentence_with_advice(str(caught.value))
    assert "hf_w" not in str(caught.value)


def test_a_reader_with_access_gets_in_by_environment_or_argument(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/gated", gpt2_files(), gated=True, readers={"reader"})
    hub.add("someone/private", gpt2_files(), private=True, readers={"reader"})
    source = resolve("someone/gated", token="hf_reader")
    assert load_model(source, token="hf_reader").config.vocab_size == VOCABULARY
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    assert load_tokenizer(resolve("someone/private")).eos_token_id == 0


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("someone/absent", r"There is no someone/absent on http"),
        ("someone/tiny@step7", r"no revision 'step7': choose"),
        ("someone/tiny@" + "0" * 40, r"no revision '0000"),
        ("absent", r"There is no absent on http"),
    ],
)
def test_what_is_missing_is_named(hub: StandIn, reference: str, said: str) -> None:
    hub.add("someone/tiny", gpt2_files())
    with pytest.raises(HubError, match=said) as caught:
        resolve(reference)
    assert is_one_sentence_with_advice(str(caught.value))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("/api/models", status=429, headers={"Retry-After": "42"}), r"rate of requests: wait 42 seconds"),
        (Fault("/api/models", status=429), r"rate of requests: wait a few minutes"),
        (Fault("/api/models", status=503), r"answered 503 .* try again later"),
        (Fault("/api/models", status=0), r"connection to http.* failed"),
        (Fault("/api/models", status=200), r"What http.* answers about someone/tiny cannot be read: check HF_ENDPOINT"),
        (Fault("/tree/", status=200), r"What http.* answers about someone/tiny cannot be read: check HF_ENDPOINT"),
        (Fault("GET .*safetensors", status=429, headers={"Retry-After": "9"}), r"wait 9 seconds"),
        (Fault("GET .*safetensors", status=0), r"connection to http.* failed"),
    ],
)
def test_a_hub_that_fails_is_one_sentence(hub: StandIn, fault: Fault, said: str) -> None:
    hub.add("someone/tiny", gpt2_files())
    hub.faults.append(Fault(**vars(fault)))
    with pytest.raises(HubError, match=said) as caught:
        resolve("someone/tiny")
    assert is_one_sentence_with_advice(str(caught.value))


def in_a_process_of_its_own(code: str, **environment: str) -> str:
    """Run code with other settings of the client, which reads them when imported."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SAY = """
from nc_hf.errors import HubError
from nc_hf.hub import load_model, resolve
try:
    print(load_model(resolve("someone/tiny")).config.vocab_size)
except HubError as fault:
    print(fault)
"""


def test_no_network(hub: StandIn) -> None:
    said = in_a_process_of_its_own(SAY, HF_ENDPOINT="http://127.0.0.1:9")
    assert re.search(r"connection to http://127.0.0.1:9 failed .* check the network", said)
    assert is_one_sentence_with_advice(said)


def test_offline_reads_what_is_wholly_in_the_cache(hub: StandIn) -> None:
    hub.add("someone/tiny", gpt2_files())
    assert "not wholly in the cache" in in_a_process_of_its_own(SAY, HF_HUB_OFFLINE="1")
    load_tokenizer(resolve("someone/tiny"))
    hub.requests.clear()
    load_model(resolve("someone/tiny"))
    hub.requests.clear()
    assert in_a_process_of_its_own(SAY, HF_HUB_OFFLINE="1") == str(VOCABULARY)
    assert not hub.requests


# --- downloads that go wrong


def test_a_cut_download_leaves_nothing_that_could_be_used(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")
    hub.faults.append(Fault("GET .*/model.safetensors", cut_after=1000, times=1))
    hub.faults.append(Fault("GET .*/model.safetensors", status=0))
    with pytest.raises(HubError, match="failed while reading someone/tiny") as caught:
        load_model(source)
    assert is_one_sentence_with_advice(str(caught.value))
    assert not list(hub_home.rglob("*.incomplete"))
    assert not list(hub_home.rglob("model.safetensors"))
    assert sum(path.stat().st_size for path in hub_home.rglob("blobs/*")) < source.size_bytes
    hub.faults.clear()
    assert load_model(source).config.vocab_size == VOCABULARY


def test_a_file_longer_than_announced_is_not_taken(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")
    hub.faults.append(Fault("GET .*/model.safetensors", pad=5_000_000))
    with pytest.raises(HubError, match="larger than its list of files says"):
        load_model(source)
    assert not list(hub_home.rglob("model.safetensors"))
    assert not list(hub_home.rglob("*.incomplete"))


def test_a_slow_hub_is_waited_for(hub: StandIn) -> None:
    hub.add("someone/tiny", gpt2_files())
    hub.faults.append(Fault("GET .*/model.safetensors", delay=0.5))
    assert load_model(resolve("someone/tiny")).config.vocab_size == VOCABULARY


@pytest.mark.slow
def test_a_hub_that_hangs_is_given_up(hub: StandIn) -> None:
    hub.faults.append(Fault("/api/models", delay=3))
    said = in_a_process_of_its_own(SAY, HF_HUB_ETAG_TIMEOUT="1")
    assert re.search(r"connection to http.* failed", said)


# --- what is not a causal language model


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "t5", "is_encoder_decoder": True, "architectures": ["T5ForConditionalGeneration"]}, "enc"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "is a masked language model"),
        ({"model_type": "bert"}, "is a masked language model"),
        ({"model_type": "roberta", "architectures": ["RobertaForCausalLM"]}, "is a masked language model"),
        ({"model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"]}, "is a masked language model"),
        ({"model_type": "gpt2", "architectures": ["GPT2Model"]}, "without the head of GPT2LMHeadModel"),
        ({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}, "without the head of Llama"),
        ({"model_type": "vit", "architectures": ["ViTForImageClassification"]}, "not a language model"),
        ({"model_type": "never-heard-of"}, "type 'never-heard-of', which transformers"),
        ({}, "type 'None'"),
        ({"model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 4}}, r"quantised \(gptq\)"),
        ({"model_type": "llama", "quantization_config": {"bits": 4}}, "quantised"),
    ],
)
def test_what_does_not_predict_the_next_token_is_refused(hub: StandIn, config: dict[str, Any], said: str) -> None:
    hub.add("someone/other", only_config(**config))
    with pytest.raises(ModelError, match=said) as caught:
        resolve("someone/other")
    assert is_one_sentence_with_advice(str(caught.value))
    assert not hub.asked("GET .*safetensors")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config.json": "{}", "model.gguf": b"GGUF"}, "GGUF"),
        ({"config.json": "{}", "pytorch_model.bin": b"PK"}, "pickles"),
        ({"config.json": "{}"}, "no model.safetensors"),
        ({"README.md": "# Nothing"}, "no config.json"),
        ({"adapter_config.json": "{}", "adapter_model.safetensors": b""}, "an adapter"),
        ({"config.json": "[1]", "model.safetensors": b""}, "config.json of .* cannot be read"),
        ({"config.json": "{", "model.safetensors": b""}, "config.json of .* cannot be read"),
    ],
)
def test_what_is_not_a_model_in_safetensors_is_refused(hub: StandIn, files: dict[str, Any], said: str) -> None:
    hub.add("someone/other", files)
    with pytest.raises(ModelError, match=said) as caught:
        resolve("someone/other")
    assert is_one_sentence_with_advice(str(caught.value))


def test_weights_in_a_quantised_type_are_refused(hub: StandIn) -> None:
    stored = {name: value.to(torch.float8_e4m3fn) for name, value in load(weights()).items()}
    hub.add("someone/eight", {**gpt2_files(), "model.safetensors": save(stored)})
    with pytest.raises(ModelError, match=r"quantised \(F8_E4M3\)"):
        resolve("someone/eight")


def weights() -> bytes:
    return as_bytes(gpt2_files()["model.safetensors"])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "LLaVA"])
def test_models_of_many_architectures_pass_all_checks_and_load_whole(tmp_path: Path, name: str) -> None:
    model = ARCHITECTURES[name]()
    model.save_pretrained(tmp_path)
    loaded = load_model(resolve(str(tmp_path), allow_local=True))
    assert type(loaded) is type(model)
    expected, found = model.state_dict(), loaded.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_a_decoder_of_a_masked_family_is_taken(tmp_path: Path) -> None:
    TRANSFORM_IN_HEAD["BERT"]().save_pretrained(tmp_path)
    assert resolve(str(tmp_path), allow_local=True).parameters > 0


# --- size


def test_the_limit_is_held_before_any_weight_is_fetched(hub: StandIn, hub_home: Path) -> None:
    hub.add("someone/tiny", gpt2_files())
    size = len(weights())
    assert resolve("someone/tiny", max_bytes=size).size_bytes == size
    with pytest.raises(ModelError, match=r"has .* of weights and the limit is .*: choose a smaller model"):
        resolve("someone/tiny", max_bytes=size - 1)
    assert not list(hub_home.rglob("model.safetensors"))


def test_what_fits_neither_memory_nor_disk_is_refused(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = hub.add("someone/tiny", gpt2_files(), claimed={"model.safetensors": 10**15})
    with pytest.raises(ModelError, match=r"needs 1000.0 TB of memory and .* is free"):
        resolve("someone/tiny")
    repository.claimed = {}
    monkeypatch.setattr("nc_hf.hub.room.free_disk", lambda folder: 1000)
    with pytest.raises(ModelError, match=r"needs .* of disk and 1.0 kB is free"):
        resolve("someone/tiny")


def test_a_wider_type_is_held_against_memory_too(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("someone/tiny", gpt2_files())
    source = resolve("someone/tiny")
    monkeypatch.setattr("nc_hf.hub.room.free_memory", lambda: source.parameters * 6)
    assert load_model(source, "float32").dtype == torch.float32
    with pytest.raises(ModelError, match=r"of memory and .* narrower dtype"):
        load_model(source, "float64")


# --- tokenizers


def test_a_model_without_tokenizer_is_looked_up_but_has_none_to_load(hub: StandIn) -> None:
    hub.add("someone/bare", gpt2_files(tokenizer=False))
    source = resolve("someone/bare")
    with pytest.raises(TokenizerError, match="no tokenizer: name the one"):
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


# --- folders


def test_a_folder_is_known_by_its_weights(tmp_path: Path) -> None:
    one, copy, two = (
        write(tmp_path / name, gpt2_files(seed=seed)) for name, seed in (("one", 0), ("copy", 0), ("two", 1))
    )
    identities = [resolve(str(folder), allow_local=True).identity for folder in (one, copy, two)]
    assert identities[0] == identities[1] != identities[2]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", identities[0])
    (one / "training_args.bin").write_bytes(b"a pickle that is never opened")
    source = resolve(str(one), allow_local=True)
    assert load_model(source).config.vocab_size == VOCABULARY
    assert load_tokenizer(source).eos_token_id == 0
    assert "training_args.bin" not in source.files


@pytest.mark.parametrize(
    ("text", "kind"),
    [("./nowhere", InputError), ("/no/where", InputError), ("~/no/where", InputError), ("", InputError)],
)
def test_a_path_that_leads_nowhere_says_so(text: str, kind: type[NCError]) -> None:
    with pytest.raises(kind):
        resolve(text, allow_local=True)


def test_a_folder_has_no_revision(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no revisions"):
        resolve(str(tmp_path), "main", allow_local=True)


def test_truncated_weights_of_a_folder_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "cut", gpt2_files())
    whole = weights()
    for length in (4, 100, len(whole) - 10):
        (folder / "model.safetensors").write_bytes(whole[:length])
        with pytest.raises(ModelError, match="fetch or save") as caught:
            resolve(str(folder), allow_local=True)
        assert is_one_sentence_with_advice(str(caught.value))


# --- names


@pytest.mark.parametrize(
    ("text", "model", "revision"),
    [
        ("gpt2", "gpt2", None),
        (" EleutherAI/pythia-70m \n", "EleutherAI/pythia-70m", None),
        ("EleutherAI/pythia-70m@step1000", "EleutherAI/pythia-70m", "step1000"),
        ("a/b@refs/pr/3", "a/b", "refs/pr/3"),
        ("https://huggingface.co/a/b", "a/b", None),
        ("https://huggingface.co/a/b/", "a/b", None),
        ("http://hf.co/gpt2", "gpt2", None),
        ("huggingface.co/a/b", "a/b", None),
        ("https://huggingface.co/a/b/tree/step1000", "a/b", "step1000"),
        ("https://huggingface.co/gpt2/tree/v1.0", "gpt2", "v1.0"),
        ("https://huggingface.co/a/b/blob/main/config.json?x=1#L3", "a/b", "main"),
        ("https://huggingface.co/a/b/resolve/main/model.safetensors", "a/b", "main"),
        ("https://huggingface.co/a/b/tree/refs%2Fpr%2F3", "a/b", "refs/pr/3"),
        ("https://huggingface.co/a/b/tree/refs/pr/3", "a/b", "refs/pr/3"),
        ("https://huggingface.co/a/b/discussions/3", "a/b", None),
        ("hf://a/b@v1", "a/b", "v1"),
        ("hf://models/a/b", "a/b", None),
    ],
)
def test_names_and_pasted_addresses_are_understood(text: str, model: str, revision: str | None) -> None:
    read = parse_reference(text)
    assert (read.id, read.revision, read.folder) == (model, revision, None)


def test_two_revisions_must_agree() -> None:
    assert parse_reference("a/b@v1", "v1").revision == "v1"
    with pytest.raises(InputError, match="Two revisions"):
        parse_reference("a/b@v1", "v2")


def test_a_path_that_is_no_folder_is_refused_by_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "report.json").touch()
    refusals = {
        tmp_path / "none": "There is no folder .*: check the path",
        tmp_path / "report.json": "is a file: name the folder",
        f"{tmp_path}@main": "A folder has no revisions: give .* without '@main'",
    }
    for path, said in refusals.items():
        with pytest.raises(InputError, match=said):
            parse_reference(str(path), allow_local=True)


# --- revisions


@pytest.fixture
def trajectory(hub: StandIn) -> str:
    repository = hub.add("someone/steps", {"config.json": "{}"})
    for step in (1000, 0, 512, 64, 8):
        repository.commit({"step": str(step)}, branch=f"step{step}")
    repository.tags["v1.10"] = repository.tags["v1.9"] = repository.branches["main"]
    return repository.id


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ({}, ["step0", "step8", "step64", "step512", "step1000", "v1.9", "v1.10", "main"]),
        ({"select": "step*"}, ["step0", "step8", "step64", "step512", "step1000"]),
        ({"select": "step*", "every": 2}, ["step0", "step64", "step1000"]),
        ({"select": "step*", "every": 9}, ["step0"]),
        ({"select": ["main", "step8"]}, ["main", "step8"]),
        ({"select": "step8, v1.9"}, ["step8", "v1.9"]),
        ({"select": "main"}, ["main"]),
    ],
)
def test_revisions_come_in_the_order_of_training(trajectory: str, how: dict[str, Any], names: list[str]) -> None:
    assert [revision.name for revision in list_revisions(trajectory, **how)] == names


def test_thousands_and_digits_of_any_script_have_their_place(hub: StandIn) -> None:
    repository = hub.add("someone/thousands", {"config.json": "{}"})
    names = ["step-500", "step-1k", "step-1.5K", "step-2k-105b", "step-10k", "step-1M", "v1.9", "v1.10", "v1²"]
    for name in [*reversed(names), "rev①"]:
        repository.branches[name] = repository.branches["main"]
    listed = [revision.name for revision in list_revisions(repository.id)]
    assert listed == ["rev①", *names, "main"]


def test_revisions_carry_their_commits(hub: StandIn, trajectory: str) -> None:
    assert {each.name: each.commit for each in list_revisions(trajectory, "step*")} == {
        name: sha for name, sha in hub.get(trajectory).branches.items() if name != "main"
    }


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ({"select": "stop*"}, HubError, "No branch or tag .* matches 'stop\\*'"),
        ({"select": ["step7"]}, HubError, "no revision step7: choose among step0, step8"),
        ({"select": []}, HubError, "choose among"),
        ({"every": 0}, InputError, "use a number of 1 or more"),
    ],
)
def test_revisions_that_are_not_there_are_named(
    trajectory: str, how: dict[str, Any], kind: type[NCError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        list_revisions(trajectory, **how)


def test_revisions_of_a_missing_repository(hub: StandIn) -> None:
    with pytest.raises(HubError, match="There is no someone/absent"):
        list_revisions("someone/absent")


# --- a real mirror in front


THROUGH_A_MIRROR = """
from nc_hf.hub import list_revisions, load_model, load_tokenizer, resolve
source = resolve("someone/tiny@step10")
tokenizer, model = load_tokenizer(source), load_model(source)
print(source.commit, len(tokenizer), model.transformer.ln_f.weight.sum().item(),
      *(revision.name for revision in list_revisions("someone/tiny")))
"""


@pytest.mark.slow
def test_everything_works_through_a_real_mirror(hub: StandIn, tmp_path: Path) -> None:
    olah = shutil.which("olah-cli", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if olah is None:
        pytest.skip("olah is not installed")
    repository = hub.add("someone/tiny", gpt2_files(seed=0))
    commit = repository.commit(gpt2_files(seed=1), branch="step10")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        mirror = f"127.0.0.1:{probe.getsockname()[1]}"
    theirs = hub.url.removeprefix("http://")
    sites = ["--hf-scheme", "http", "--hf-netloc", theirs, "--hf-lfs-netloc", theirs]
    sites += ["--mirror-scheme", "http", "--mirror-netloc", mirror, "--mirror-lfs-netloc", mirror]
    places = ["--repos-path", str(tmp_path / "repos"), "--log-path", str(tmp_path / "logs")]
    with (tmp_path / "olah.txt").open("w") as log:
        at = ["--host", "127.0.0.1", "--port", mirror.split(":")[1]]
        server = subprocess.Popen([olah, *at, *sites, *places], stdout=log, stderr=log, cwd=tmp_path)
    try:
        wait_for(mirror, server)
        settings = {"HF_ENDPOINT": f"http://{mirror}", "HF_HOME": str(tmp_path / "home")}
        said = in_a_process_of_its_own(THROUGH_A_MIRROR, **settings)
    finally:
        server.terminate()
        server.wait(20)
    assert said == f"{commit} {VOCABULARY} 16.0 step10 main"
    assert hub.asked("GET .*/model.safetensors")


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    host, port = address.split(":")
    for _ in range(300):
        assert server.poll() is None, "olah ended by itself"
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("olah did not answer within 30 seconds")
