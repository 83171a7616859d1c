"""The stand-in satisfies the real clients: reading, writing, branches, tags, pull requests, data sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi, metadata_update, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from tests.hub.models import gpt2_files
from tests.hub.repository import as_bytes, files_of
from tests.hub.server import Fault, StandIn


def test_a_snapshot_holds_the_files_of_its_commit(hub: StandIn, hub_home: Path) -> None:
    repository = hub.add("someone/thing", {"a.txt": "first", "deep/b.txt": "b"})
    old = repository.branches["main"]
    repository.commit({"a.txt": "second"})
    repository.tags["v1"] = old
    for revision, text in (("main", "second"), ("v1", "first"), (old, "first")):
        folder = Path(snapshot_download("someone/thing", revision=revision))
        assert (folder / "a.txt").read_text() == text
        assert (folder / "deep" / "b.txt").read_text() == "b"
        assert folder.is_relative_to(hub_home)


@pytest.mark.slow
def test_a_model_pushed_to_branches_comes_back(hub: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    for name, content in gpt2_files().items():
        (tmp_path / name).write_bytes(as_bytes(content))
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    model.push_to_hub("writer/pushed")
    HfApi().create_branch("writer/pushed", branch="step10")
    model.transformer.ln_f.weight.data.fill_(2.0)
    model.push_to_hub("writer/pushed", revision="step10")
    HfApi().create_tag("writer/pushed", tag="v1", revision="step10")
    for revision, value in (("main", 1.0), ("step10", 2.0), ("v1", 2.0)):
        loaded = AutoModelForCausalLM.from_pretrained("writer/pushed", revision=revision)
        assert loaded.transformer.ln_f.weight.eq(value).all()
    assert {ref.name for ref in HfApi().list_repo_refs("writer/pushed").branches} == {"main", "step10"}
    assert len(HfApi().list_repo_commits("writer/pushed", revision="step10")) > 1


def test_a_pull_request_leaves_main_as_it_was(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    repository = hub.add("someone/thing", {"README.md": "---\nlicense: mit\n---\n# Thing\n"})
    address = metadata_update("someone/thing", {"tags": ["neural-collapse"]}, create_pr=True)
    assert "/discussions/1" in address or "commit" in address
    assert "neural-collapse" not in str(as_bytes(repository.at("main").files["README.md"]))
    assert "neural-collapse" in str(as_bytes(repository.at("refs/pr/1").files["README.md"]))


@pytest.mark.slow
def test_data_sets_load_by_the_real_library(hub: StandIn, shared_data: Path) -> None:
    from datasets import load_dataset

    hub.add("roneneldan/TinyStories", files_of(shared_data / "tinystories"), kind="dataset")
    stories = load_dataset("roneneldan/TinyStories", split="validation")
    assert stories.num_rows == 1355
    assert stories.column_names == ["text"]
    streamed = load_dataset("roneneldan/TinyStories", split="validation", streaming=True)
    assert next(iter(streamed))["text"] == stories[0]["text"]


def test_search_finds_public_models(hub: StandIn) -> None:
    hub.add("someone/pythia-tiny")
    hub.add("someone/pythia-secret", private=True)
    hub.add("other/gpt")
    assert [model.id for model in HfApi().list_models(search="Pythia")] == ["someone/pythia-tiny"]


def test_private_and_gated_repositories_open_to_their_readers(hub: StandIn) -> None:
    hub.users["hf_reader"] = "reader"
    hub.add("someone/private", {"a.txt": "a"}, private=True, readers={"reader"})
    hub.add("someone/gated", {"a.txt": "a"}, gated=True, readers={"reader"})
    for name, refusal in (("someone/private", RepositoryNotFoundError), ("someone/gated", GatedRepoError)):
        for token in (False, "hf_writer"):
            with pytest.raises(refusal):
                snapshot_download(name, token=token)
        assert (Path(snapshot_download(name, token="hf_reader")) / "a.txt").read_text() == "a"


@pytest.mark.slow
def test_a_download_that_is_cut_once_is_resumed_by_the_client(hub: StandIn) -> None:
    hub.add("someone/thing", {"big.bin": bytes(range(256)) * 4000})
    hub.faults.append(Fault("GET .*/big.bin", cut_after=300_000, times=1))
    folder = Path(snapshot_download("someone/thing"))
    assert (folder / "big.bin").read_bytes() == bytes(range(256)) * 4000
    assert len(hub.asked("GET .*/big.bin")) == 2
