"""What is kept, and which results are alike."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from nc_hf.errors import ModelError
from nc_hf.report import Report
from nc_hf.space.store import Store, StoredResult, identify
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.space import request_for
from tests.varied_reports import report as report


def of(report: Report, commit: str, version: str = "0.1.0") -> Report:
    """The report as if of another model's commit, by some version of nc_hf."""
    model = dataclasses.replace(report.model, commit=commit)
    return dataclasses.replace(report, model=model, versions={**report.versions, "nc_hf": version})


@pytest.mark.parametrize("corpus", ["hub:c/d", "tinystories", "builtin"])
def test_a_result_is_ranked_among_those_on_its_very_text_alone(tmp_path: Path, report: Report, corpus: str) -> None:
    store, asked = Store(tmp_path), request_for(corpus=corpus)
    text = None if corpus == "builtin" else "d" * 40
    same = StoredResult("0" * 32, asked, of(report, "other"), text)
    mine = StoredResult("5" * 32, asked, of(report, "mine"), text)
    others = [
        StoredResult("1" * 32, asked, of(report, "moved"), "e" * 40),
        StoredResult("2" * 32, asked, of(report, "newer", "9.9.9"), text),
        StoredResult("3" * 32, dataclasses.replace(asked, preset="full"), of(report, "full"), text),
        StoredResult("4" * 32, dataclasses.replace(asked, max_tokens=3_000), of(report, "longer"), text),
        mine,
    ]
    for kept in (same, *others):
        store.keep(kept)
    for each in (store, Store(tmp_path)):
        assert [like.model.commit for like in each.like(mine)] == ["other"]
        deeper = dataclasses.replace(mine, request=dataclasses.replace(asked, layers="all"))
        assert [like.model.commit for like in each.like(deeper)] == ["other"]  # by the last layer, which is the same


def test_a_renamed_model_is_no_other_one(tmp_path: Path, report: Report) -> None:
    store, asked = Store(tmp_path), request_for(corpus="builtin")

    def weighing(commit: str, weights: str | None) -> Report:
        found = of(report, commit)
        return dataclasses.replace(found, model=dataclasses.replace(found.model, weights=weights))

    for number, (commit, weights) in enumerate((("new", "sha256:a"), ("other", "sha256:b"), ("unknown", None))):
        store.keep(StoredResult(f"{number:032}", asked, weighing(commit, weights)))
    alike = store.like(StoredResult("", asked, weighing("old", "sha256:a")))
    assert sorted(str(like.model.commit) for like in alike) == ["other", "unknown"]


def test_a_result_on_an_unknown_commit_of_its_text_is_ranked_among_none(tmp_path: Path, report: Report) -> None:
    store, asked = Store(tmp_path), request_for(corpus="hub:c/d")
    store.keep(StoredResult("0" * 32, asked, of(report, "old")))
    file = tmp_path / f"{'0' * 32}.json"
    older = json.loads(file.read_text())
    del older["text_commit"], older["seal"], older["key"]  # as it was written at first
    file.write_text(json.dumps(older))
    reopened = Store(tmp_path)
    assert reopened.find("0" * 32) is not None
    assert list(reopened.like(StoredResult("", asked, of(report, "mine")))) == []


@pytest.mark.parametrize("change", ["loss", "key", "more", "name", "list"])
def test_a_result_that_was_changed_is_left_aside(
    tmp_path: Path, report: Report, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    Store(tmp_path).keep(StoredResult("0" * 32, request_for(), of(report, "c")))
    file = tmp_path / f"{'0' * 32}.json"
    assert Store(tmp_path).find("0" * 32) is not None
    document = json.loads(file.read_text())
    if change == "loss":
        document["report"]["loss"] += 0.5
    elif change == "more":
        document["sea1"] = document.pop("seal")
    elif change == "key":
        document["key"] = "1" * 32
    file.write_text(json.dumps([document] if change == "list" else document))
    if change == "name":  # sealed, but the result of another request
        file = file.rename(tmp_path / f"{'1' * 32}.json")
    assert Store(tmp_path).all() == []
    assert f"{file.name} is no kept result and is left aside" in caplog.text


def test_damaged_and_foreign_files_among_the_results_are_left_aside(tmp_path: Path) -> None:
    (tmp_path / f"{'0' * 32}.json").write_text("{")
    (tmp_path / f"{'1' * 32}.json").write_text('{"question": {"model": "a/b", "path": "/etc"}, "report": {}}')
    assert Store(tmp_path).all() == []


def test_an_adapter_is_asked_for_with_its_base(hub: StandIn, hub_home: Path) -> None:
    base, adapter = hub.add(BASE, gpt2_files()), hub.add(ADAPTER, lora_files())
    asked = request_for(ADAPTER, corpus="builtin")
    first = identify(asked, False)
    assert (first.base, first.commit, first.public) == (BASE, adapter.branches["main"], True)
    assert identify(request_for(BASE, corpus="builtin"), False).base is None
    base.commit(gpt2_files(seed=1))
    assert identify(asked, False).key != first.key
    hub.users["hf_reader"] = "reader"
    hub.add("owner/gated", gpt2_files(), gated=True, readers={"reader"})
    hub.add("owner/over-gated", lora_files(base="owner/gated"))
    assert not identify(request_for("owner/over-gated", corpus="builtin"), "hf_reader").public
    hub.add("evil/adapter", lora_files(base="/etc"))
    with pytest.raises(ModelError, match="no model that can be read here"):
        identify(request_for("evil/adapter", corpus="builtin"), False)
    assert not list(hub_home.rglob("adapter_config.json")), "only an analysis fetches into the cache"
