"""Requests against a Hub: which commits are meant, what is kept for whom, what is suggested."""

from __future__ import annotations

import atexit
import json
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from nc_hf import measure
from nc_hf.errors import HubError, TokenizerError
from nc_hf.report import Report
from nc_hf.space.queue import Waiting
from nc_hf.space.request import Request, suggest_models, suggest_revisions
from nc_hf.space.service import Result, Service
from nc_hf.space.settings import UPLOAD
from nc_hf.space.store import Store, StoredResult, identify
from nc_hf.space.worker import measure_in_steps
from tests.hub.models import gpt2_files
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn
from tests.space import request_for, settings_in
from tests.varied_reports import report as report


def test_a_result_is_found_by_commit_text_and_options_alone(hub: StandIn, tmp_path: Path, report: Report) -> None:
    repository = hub.add("a/b", gpt2_files())
    hub.add("c/d", {"train.jsonl": json.dumps({"text": "x"})}, kind="dataset")
    asked = request_for(corpus="hub:c/d")
    key = identify(asked, False).key
    store = Store(tmp_path)
    store.keep(StoredResult(key, asked, report, "d" * 40))
    assert identify(request_for("https://huggingface.co/a/b", corpus="hub:c/d"), False).key == key
    other = [
        request_for(corpus="builtin"),
        request_for(corpus="hub:c/d", max_tokens=3_000),
        request_for(corpus="hub:c/d", preset="full"),
    ]
    assert len({key, *(identify(each, False).key for each in other)}) == 4
    reopened = Store(tmp_path).find(key)
    assert reopened is not None
    assert reopened.report == report
    assert reopened.request == asked
    assert reopened.text_commit == "d" * 40
    repository.commit({"README.md": "changed"})
    assert identify(asked, False).key != key


def test_an_option_that_decides_a_result_makes_another_key(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("a/b", gpt2_files())
    key = identify(request_for(), False).key
    options = request_for().options
    monkeypatch.setattr(Request, "options", property(lambda self: {**options, "batch_size": 3}))
    assert identify(request_for(), False).key == key
    monkeypatch.setattr(Request, "options", property(lambda self: {**options, "classes": "top:3"}))
    assert identify(request_for(), False).key != key


def test_a_newer_nc_hf_measures_anew(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("a/b", gpt2_files())
    key = identify(request_for(), False).key
    monkeypatch.setattr("nc_hf.space.store.VERSION", "9.9.9")
    assert identify(request_for(), False).key != key


@pytest.mark.slow
def test_a_branch_that_moves_while_a_request_waits_is_measured_where_it_was(hub: StandIn, tmp_path: Path) -> None:
    repository = hub.add("a/b", gpt2_files(0))
    service = Service(settings_in(tmp_path))
    before = service._queue.join()
    steps = service.run(request_for("a/b", "main"), False)
    assert next(steps) == Waiting(1)
    asked_for = repository.branches["main"]
    moved_to = repository.commit(gpt2_files(5))
    service._queue.leave(before)
    *_, result = steps
    assert isinstance(result, Result)
    assert (result.report.model.commit, result.report.model.revision) == (asked_for, "main")
    assert identify(request_for("a/b", asked_for), False).key == result.key
    assert identify(request_for("a/b", moved_to), False).key != result.key
    *_, again = service.run(request_for("a/b", asked_for), False)
    assert isinstance(again, Result)
    assert again.kept
    assert again.report.metrics == result.report.metrics
    *_, newer = service.run(request_for("a/b", "main"), False)
    assert isinstance(newer, Result)
    assert newer.report.model.commit == moved_to
    assert not newer.kept
    assert newer.report.metrics != result.report.metrics


@pytest.mark.slow
def test_a_data_set_that_moves_meanwhile_is_not_kept_under_its_old_commit(hub: StandIn, tmp_path: Path) -> None:
    hub.add("a/b", gpt2_files())
    rows = [json.dumps({"text": f"The cat sat on the mat and looked at {count} moons."}) for count in range(200)]
    dataset = hub.add("c/d", {"validation.jsonl": "\n".join(rows)}, kind="dataset")
    service = Service(settings_in(tmp_path))
    asked = request_for(corpus="hub:c/d")
    before = service._queue.join()
    steps = service.run(asked, False)
    assert next(steps) == Waiting(1)
    dataset.commit({"README.md": "changed"})
    service._queue.leave(before)
    *_, moved = steps
    assert isinstance(moved, Result)
    assert moved.key == ""
    assert service.store.all() == []
    *_, still = service.run(asked, False)
    assert isinstance(still, Result)
    assert compared_with(service, still) == 0
    assert [kept.key for kept in service.store.all()] == [still.key]
    hub.add("a/two", gpt2_files(1))
    *_, beside = service.run(request_for("a/two", corpus="hub:c/d"), False)
    assert isinstance(beside, Result)
    assert compared_with(service, beside) == 1
    dataset.commit({"README.md": "changed again"})
    hub.add("a/three", gpt2_files(2))
    *_, alone = service.run(request_for("a/three", corpus="hub:c/d"), False)
    assert isinstance(alone, Result)
    assert compared_with(service, alone) == 0


def compared_with(service: Service, result: Result) -> int:
    """How many kept results of other models a result is held against."""
    kept = service.store.find(result.key)
    assert kept is not None
    return len(list(service.store.like(kept)))


def test_only_what_everybody_may_read_may_be_kept(hub: StandIn) -> None:
    hub.users["hf_friend"] = "friend"
    hub.add("a/b", gpt2_files())
    hub.add("a/gated", gpt2_files(), gated=True, readers={"friend"})
    hub.add("a/private", gpt2_files(), private=True, readers={"friend"})
    hub.add("c/private", {"x.txt": "y"}, kind="dataset", private=True, readers={"friend"})
    assert identify(request_for(), False).public
    assert not identify(request_for("a/gated"), "hf_friend").public
    assert not identify(request_for("a/private"), "hf_friend").public
    assert not identify(request_for(corpus="hub:c/private"), "hf_friend").public
    assert not identify(request_for(corpus=UPLOAD, text="mine"), False).public
    for refused in (request_for("a/private"), request_for(corpus="hub:c/private"), request_for("a/none")):
        with pytest.raises(HubError):
            identify(refused, False)


def test_results_are_pushed_to_a_data_set_and_fetched_from_it(
    hub: StandIn, tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    hub.add("a/b", gpt2_files())
    key = identify(request_for(), False).key
    store = Store(tmp_path / "here", "writer/results")
    store.keep(StoredResult(key, request_for(), report))
    assert store.push() is not None
    held = hub.get("writer/results", "dataset").at("main").files
    assert f"{key}.json" in held
    other = Store(tmp_path / "there", "writer/results")
    kept = other.find(key)
    assert kept is not None
    assert kept.report == report
    for each in (store, other):  # else they push once more when the session ends
        atexit.unregister(each._scheduler._push_to_hub)
        each._scheduler.stop()


def test_without_a_token_results_stay_on_this_machine(hub: StandIn, tmp_path: Path, report: Report) -> None:
    store = Store(tmp_path, "writer/results")
    store.keep(StoredResult("0" * 32, request_for(), report))
    assert store.find("0" * 32) is not None
    assert store.push() is None


def test_suggestions_come_from_the_hub_and_never_fail(hub: StandIn) -> None:
    repository = hub.add("some/pythia-test", gpt2_files())
    hub.add("some/pythia-secret", gpt2_files(), private=True)
    for name in ("step2", "step10"):
        repository.tags[name] = repository.branches["main"]
    assert suggest_models("pythia-t") == ["some/pythia-test"]
    assert suggest_models("secret") == []
    assert suggest_revisions("some/pythia-test") == ["step2", "step10", "main"]
    assert suggest_models("p") == suggest_revisions("no id") == suggest_revisions("some/missing") == []
    hub.clear()
    assert suggest_models("nobody-asked-this") == []


@pytest.mark.slow
def test_a_tokenizer_that_panics_leaves_the_next_request_alone(hub: StandIn) -> None:
    files = gpt2_files()
    tokenizer = json.loads(as_bytes(files["tokenizer.json"]))
    split = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, tokenizer["pre_tokenizer"]]}
    hub.add("evil/tokenizer", {**files, "tokenizer.json": json.dumps(tokenizer)})
    hub.add("a/b", files)
    asked = request_for("evil/tokenizer", corpus=UPLOAD, text="x" * 400 + " word" * 500)
    with pytest.raises(TokenizerError):
        list(measure_in_steps(asked, False, 10**9, 10**9))
    *_, report = measure_in_steps(request_for("a/b"), False, 10**9, 10**9)
    assert isinstance(report, Report)


@pytest.mark.slow
def test_an_upload_gives_the_digits_of_the_same_file(hub: StandIn, tmp_path: Path) -> None:
    hub.add("a/b", gpt2_files())
    text = "The cat sat on the mat and looked at the moon.\n<|endoftext|>A dog barked at the cat.\n" * 60
    (tmp_path / "mine.txt").write_text(text)
    asked = request_for(corpus=UPLOAD, text=text)
    *_, ours = measure_in_steps(asked, False, 10**9, 10**9)
    assert isinstance(ours, Report)
    theirs = measure("a/b", str(tmp_path / "mine.txt"), max_tokens=2_000, progress=False)
    assert ours.metrics == theirs.metrics
    assert ours.corpus.fingerprint == theirs.corpus.fingerprint
    assert ours.corpus.source == UPLOAD
