"""Looking models up and loading them, over HTTP from the stand-in Hub by the real clients."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from nc_hf.hub import check_tokenizer, load_model, load_tokenizer, resolve
from tests.hub.helpers import features, in_a_process_of_its_own
from tests.hub.models import VOCABULARY, gpt2_files
from tests.hub.repository import as_bytes, files_of
from tests.hub.server import StandIn


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_reader_with_access_gets_in_by_environment_or_argument(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/gated", gpt2_files(), gated=True, readers={"reader"})
    hub.add("someone/private", gpt2_files(), private=True, readers={"reader"})
    source = resolve("someone/gated", token="hf_reader")
    assert load_model(source, token="hf_reader").config.vocab_size == VOCABULARY
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    assert load_tokenizer(resolve("someone/private")).eos_token_id == 0


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
