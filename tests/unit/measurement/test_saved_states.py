"""The states of a model, on the Hub and in a folder: their names, what tells them apart, their tokenizers."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from nc_hf.errors import HubError, InputError, ModelError, TokenizerError
from nc_hf.hub import Reference, parse_reference, resolve
from nc_hf.measurement.saved_states import SavedState, forget, has_weights, list_states
from nc_hf.report import Report
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.helpers import write
from tests.hub.models import VOCABULARY, gpt2_files, tokenizer_files
from tests.hub.server import StandIn
from tests.reports import SCHEMA_6


@pytest.fixture
def output(tmp_path: Path) -> Path:
    for step in (10, 5):
        write(tmp_path / f"checkpoint-{step}", gpt2_files(seed=step, tokenizer=False))
    return tmp_path


def states_in(folder: Path) -> list[SavedState]:
    return list_states(parse_reference(str(folder), allow_local=True), "all", 1)


def test_a_branch_is_kept_by_its_commit(hub: StandIn) -> None:
    repository = hub.add(BASE, gpt2_files())
    commit = repository.branches["main"]
    repository.branches["step10"] = commit
    states = list_states(Reference(BASE), "all", 1)
    assert [(state.name, state.commit, state.key) for state in states] == [
        ("step10", commit, commit),
        ("main", commit, commit),
    ]
    assert states[0].identified() is states[0]
    assert states[0].reference == Reference(BASE, commit)
    repository.branches.clear()
    with pytest.raises(HubError, match="neither branches nor tags"):
        list_states(Reference(BASE), "all", 1)


@pytest.mark.slow
def test_a_checkpoint_is_kept_by_its_name_and_known_by_its_weights(output: Path) -> None:
    states = states_in(output)
    assert [(state.name, state.key, state.commit) for state in states] == [
        ("checkpoint-5", "checkpoint-5", ""),
        ("checkpoint-10", "checkpoint-10", ""),
    ]
    found = [state.identified() for state in states]
    assert [state.commit for state in found] == [
        resolve(str(output / state.name), allow_local=True).identity for state in states
    ]
    assert found[0].identified() is found[0]
    write(output / "checkpoint-20", {"config.json": gpt2_files()["config.json"], "pytorch_model.bin": b"PK"})
    with pytest.raises(ModelError, match="checkpoint-20 has its weights as pickles"):
        states_in(output)[-1].identified()
    with pytest.raises(InputError, match="There is no checkpoint-N in"):
        states_in(output / "checkpoint-5")


def test_a_report_is_called_by_the_state_s_name(output: Path) -> None:
    report = Report.load(SCHEMA_6)
    state = states_in(output)[0].identified()
    model = state.named(report).model
    assert (model.id, model.revision, model.commit) == (str(output / "checkpoint-5"), None, state.commit)
    branch = SavedState("step5", Reference(BASE, "c" * 40), "c" * 40)
    model = branch.named(report).model
    assert (model.id, model.revision, model.commit) == (BASE, "step5", "c" * 40)
    assert branch.named(report).token_table is None


@pytest.mark.slow
def test_the_tokenizer_is_the_checkpoint_s_own_or_the_folder_s(output: Path) -> None:
    state = states_in(output)[0]
    assert state.own_tokenizer() is None
    with pytest.raises(TokenizerError, match="has no tokenizer: pass the one that the model was trained with"):
        state.tokenizer()
    write(output, tokenizer_files())
    assert state.own_tokenizer().name_or_path == str(output)
    write(output / "checkpoint-5", tokenizer_files())
    assert state.own_tokenizer().name_or_path == str(output / "checkpoint-5")


@pytest.mark.slow
def test_an_adapter_s_tokenizer_may_be_its_base_s(hub: StandIn, tmp_path: Path) -> None:
    hub.add(BASE, gpt2_files())
    repository = hub.add(ADAPTER, lora_files())
    commit = repository.branches["main"]
    assert len(SavedState("main", Reference(ADAPTER, commit), commit).tokenizer()) == VOCABULARY
    write(tmp_path / "checkpoint-5", lora_files())
    (state,) = states_in(tmp_path)
    assert state.tokenizer().name_or_path == BASE
    write(tmp_path, tokenizer_files())
    assert state.tokenizer().name_or_path == str(tmp_path)


def test_weights_of_a_commit_in_the_cache_are_found_and_removed(hub: StandIn, hub_home: Path) -> None:
    commit = hub.add(BASE, gpt2_files()).branches["main"]
    assert not has_weights(commit)
    forget(commit)
    snapshot_download(BASE)
    assert has_weights(commit)
    forget(commit)
    assert not has_weights(commit)
    assert not [path for path in hub_home.rglob("*.safetensors") if path.exists()]
