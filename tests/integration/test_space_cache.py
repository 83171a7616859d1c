"""The Space and the cache that it shares with its owner: it takes away what it fetched, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from huggingface_hub import scan_cache_dir, snapshot_download

from nc_hf.errors import NCError
from nc_hf.report import Report
from nc_hf.space.cache import bounded_cache
from nc_hf.space.request import parse_request
from nc_hf.space.worker import measure_in_steps
from tests.adapters import ADAPTER, BASE, lora_files
from tests.hub.models import gpt2_files
from tests.hub.server import Fault, StandIn

LARGE = {"model.bin": b"x" * 100_000}


def folders(home: Path) -> set[str]:
    """Repositories and locks in the cache."""
    cache = home / "hub"
    return {path.relative_to(cache).as_posix() for path in [*cache.glob("*--*"), *cache.glob(".locks/*--*")]}


def fetch(name: str, cache_bytes: int, also: Iterable[str] = ()) -> None:
    """An analysis that fetches a model, while another program fetches more."""
    with bounded_cache([("model", name)], cache_bytes):
        snapshot_download(name)
        for other in also:
            snapshot_download(other)


def fetch_and_fail(name: str, also: str) -> None:
    """An analysis that fails after all is fetched, by it and by another program."""
    with bounded_cache([("model", name)], 10**9):
        snapshot_download(name)
        snapshot_download(also)
        raise ValueError("it failed")


def test_what_others_fetched_is_never_removed_to_make_room(hub: StandIn, hub_home: Path) -> None:
    for name in ("mine/old", "mine/meanwhile", "mine/asked", "visitor/one", "visitor/two"):
        hub.add(name, LARGE)
    snapshot_download("mine/old")
    snapshot_download("mine/asked")
    fetch("mine/asked", 150_000)
    fetch("visitor/one", 150_000, also=["mine/meanwhile"])
    fetch("visitor/two", 150_000)
    mine = {"models--mine--old", "models--mine--asked", "models--mine--meanwhile"}
    assert {folder for folder in folders(hub_home) if "locks" not in folder} == {*mine, "models--visitor--two"}
    assert {name for name in folders(hub_home) if "visitor--one" in name} == set(), "a lock stayed"
    assert not scan_cache_dir(hub_home / "hub").warnings


def test_the_model_asked_for_longest_ago_goes_first(hub: StandIn, hub_home: Path) -> None:
    for name in ("visitor/one", "visitor/two", "visitor/three"):
        hub.add(name, LARGE)
    for name in ("visitor/one", "visitor/two", "visitor/one", "visitor/three"):
        fetch(name, 250_000)
        time.sleep(0.05)
    assert {folder for folder in folders(hub_home) if "locks" not in folder} == {
        "models--visitor--one",
        "models--visitor--three",
    }


def test_only_the_page_s_own_files_that_did_not_come_whole_are_removed(hub: StandIn, hub_home: Path) -> None:
    for name in ("mine/model", "visitor/one"):
        hub.add(name, LARGE)
    snapshot_download("mine/model")
    fetch("visitor/one", 10**9)
    blobs = {name: hub_home / "hub" / f"models--{name}" / "blobs" for name in ("mine--model", "visitor--one")}
    parts = {name: folder / "abc.incomplete" for name, folder in blobs.items()}
    for part in parts.values():
        part.write_bytes(b"half")
    for name in ("mine/model", "visitor/one"):
        fetch(name, 10**9)
    assert parts["mine--model"].exists(), "the download of another program was broken off"
    assert not parts["visitor--one"].exists()


def test_what_a_failed_analysis_fetched_goes_and_what_came_meanwhile_stays(hub: StandIn, hub_home: Path) -> None:
    for name in ("mine/old", "mine/meanwhile", "visitor/one"):
        hub.add(name, LARGE)
    snapshot_download("mine/old")
    before = folders(hub_home)
    for name in ("mine/old", "visitor/one"):
        with pytest.raises(ValueError, match="failed"):
            fetch_and_fail(name, also="mine/meanwhile")
    assert {folder for folder in folders(hub_home) - before if "meanwhile" not in folder} == set()
    assert before < folders(hub_home)
    assert "models--mine--meanwhile" in folders(hub_home)


def test_an_analysis_that_fetches_nothing_leaves_nothing(hub: StandIn, hub_home: Path) -> None:
    with bounded_cache([("model", "visitor/one")], 10**9):
        pass
    assert folders(hub_home) == set()


@pytest.mark.slow
def test_a_request_s_model_and_data_set_are_the_page_s_own(hub: StandIn, hub_home: Path) -> None:
    rows = [json.dumps({"text": f"The cat sat on the mat and looked at {count} moons."}) for count in range(200)]
    hub.add("c/d", {"README.md": "a text", "validation.jsonl": "\n".join(rows)}, kind="dataset")
    hub.add("a/b", gpt2_files())
    asked = parse_request("a/b", "", "hub:c/d", "", 2_000, "core", limit=10**6)
    list(measure_in_steps(asked, False, 10**9, 10**9))
    assert {path.parent.name for path in (hub_home / "hub").glob("*/.fetched*")} == {"models--a--b", "datasets--c--d"}
    other = parse_request("a/b", "", "builtin", "", 2_000, "core", limit=10**6)
    list(measure_in_steps(other, False, 10**9, 0))
    assert not {folder for folder in folders(hub_home) if "locks" not in folder}
    hub.faults.append(Fault(r"GET /a/b/resolve/.*safetensors", status=500))
    before = folders(hub_home)
    with pytest.raises(NCError):
        list(measure_in_steps(asked, False, 10**9, 10**9))
    assert folders(hub_home) == before


@pytest.mark.slow
def test_the_base_of_an_adapter_is_the_page_s_own_too(hub: StandIn, hub_home: Path) -> None:
    hub.add(BASE, gpt2_files())
    hub.add(ADAPTER, lora_files())
    asked = parse_request(ADAPTER, "", "builtin", "", 2_000, "core", limit=10**6)
    *_, report = measure_in_steps(asked, False, 10**9, 10**9, base=BASE)
    assert isinstance(report, Report)
    assert report.model.base is not None
    marks = {path.parent.name for path in (hub_home / "hub").glob("*/.fetched*")}
    assert marks == {"models--someone--adapter", "models--someone--base"}
    list(measure_in_steps(asked, False, 10**9, 0, base=BASE))
    assert not {folder for folder in folders(hub_home) if "locks" not in folder}
