"""What the page knows of a model before it is measured, against a Hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from nc_hf.errors import HubError, ModelError
from nc_hf.report import Report
from nc_hf.space.preview import preview
from nc_hf.space.service import Service
from nc_hf.space.store import StoredResult, identify
from tests.hub.models import gpt2_files
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn
from tests.space import request_for, settings_in
from tests.varied_reports import report as report


def test_size_is_told_without_fetching_the_weights(hub: StandIn, tmp_path: Path) -> None:
    files = gpt2_files()
    hub.add("a/b", files)
    known = preview(Service(settings_in(tmp_path)), request_for("a/b"), False)
    assert known.size_bytes == len(as_bytes(files["model.safetensors"]))
    assert 4 * known.parameters == pytest.approx(known.size_bytes, rel=0.1)  # float32, and a header
    assert (known.closed, known.kept, known.seconds) == ("", False, None)


@pytest.mark.slow
def test_the_time_is_that_of_analyses_like_it(hub: StandIn, tmp_path: Path) -> None:
    hub.add("a/b", gpt2_files())
    service = Service(settings_in(tmp_path))
    known = preview(service, request_for("a/b"), False)
    service.pace.note(known.parameters, request_for("a/b").max_tokens, 4.0)
    assert preview(service, request_for("a/b"), False).seconds == 4.0


def test_what_is_kept_is_said_and_not_looked_up(hub: StandIn, tmp_path: Path, report: Report) -> None:
    hub.add("a/b", gpt2_files())
    service, asked = Service(settings_in(tmp_path)), request_for("a/b")
    service.store.keep(StoredResult(identify(asked, False).key, asked, report))
    hub.requests.clear()
    known = preview(service, asked, False)
    assert known.kept
    assert known.parameters == report.model.parameters
    assert not hub.asked("safetensors")


@pytest.mark.slow
def test_a_closed_model_is_named_as_such_to_who_may_read_it(hub: StandIn, tmp_path: Path) -> None:
    hub.users["hf_friend"] = "friend"
    hub.add("a/gated", gpt2_files(), gated=True, readers={"friend"})
    hub.add("a/private", gpt2_files(), private=True, readers={"friend"})
    service = Service(settings_in(tmp_path))
    assert preview(service, request_for("a/gated"), "hf_friend").closed == "gated"
    assert preview(service, request_for("a/private"), "hf_friend").closed == "private"
    with pytest.raises(HubError, match="is gated"):
        preview(service, request_for("a/gated"), False)


def test_what_cannot_be_measured_is_refused_before_it_is_asked_for(hub: StandIn, tmp_path: Path) -> None:
    hub.add("a/b", gpt2_files())
    service = Service(replace(settings_in(tmp_path), max_bytes=1_000))
    with pytest.raises(ModelError, match=r"the limit is 1\.0 [kK]B"):
        preview(service, request_for("a/b"), False)
