"""A repository is written by anyone: none of its code is fetched or run."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import ModelError, TokenizerError
from nc_hf.hub import load_model, load_tokenizer, open_tokenizer, resolve
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.models import VOCABULARY, gpt2_files, with_config
from tests.hub.repository import as_bytes
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


@pytest.mark.slow
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


def test_pickles_of_an_adapter_are_neither_fetched_nor_opened(hub: StandIn, mark: Path) -> None:
    bomb = pickle.dumps(Bomb(mark))
    hub.add(BASE, gpt2_files())
    both = {**lora_files(), "adapter_model.bin": bomb, "training_args.bin": bomb}
    hub.add(ADAPTER, both)
    hub.add("someone/pickled", {name: text for name, text in both.items() if not name.endswith(".safetensors")})
    with pytest.raises(ModelError, match=r"a pickle only"):
        resolve("someone/pickled")
    assert load_model(resolve(ADAPTER)).config.vocab_size == VOCABULARY
    assert not hub.asked(r"\.bin")
    assert not mark.exists()
