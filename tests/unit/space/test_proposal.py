"""Proposing a result from the page: the change is shown first, and a second press opens the pull request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gradio")

import gradio as gr

from nc_hf.report import Report
from nc_hf.report.publishing import FileChange, Publication
from nc_hf.space.lazy import LazyService
from nc_hf.space.proposal import Proposal, html_publication
from tests.html_text import text_of
from tests.hub.repository import Repository
from tests.hub.server import StandIn
from tests.published import NAME, files_of_pull, measured_report, readable_model, writes
from tests.space import made, settings_in


@pytest.fixture
def repository(hub: StandIn) -> Repository:
    hub.users["hf_visitor"] = "visitor"
    return readable_model(hub)


@pytest.fixture
def report(repository: Repository) -> Report:
    return measured_report()


@pytest.fixture
def visitor() -> gr.OAuthToken:
    return gr.OAuthToken(token="hf_visitor", scope="write-discussions", expires_at=0)


def proposal_in(folder: Path, *, own: bool = False) -> Proposal:
    def make() -> Proposal:
        with gr.Blocks():
            return Proposal(LazyService(replace(settings_in(folder), own=own)))

    return made(make)


def test_the_change_is_shown_and_nothing_written_before_the_second_press(
    repository: Repository, report: Report, visitor: gr.OAuthToken, hub: StandIn, tmp_path: Path
) -> None:
    proposal = proposal_in(tmp_path)
    shown = proposal._prepare(report, visitor)
    text = text_of(shown[proposal.said]["value"])
    assert f"A pull request to {NAME}: Add neural collapse metrics on" in text
    assert "+++ b/README.md" in text
    assert "nc_report.json: a new file" in text
    assert shown[proposal.agree]["visible"]
    assert writes(hub) == []

    done = proposal._publish(report, visitor)
    assert f"{NAME}/discussions/1" in done[proposal.said]["value"]
    assert not done[proposal.ask]["visible"]
    assert not done[proposal.agree]["visible"]
    assert set(files_of_pull(repository)) == {"README.md", "nc_report.json"}


def test_without_a_token_one_is_told_what_to_do_here(
    repository: Repository, report: Report, hub: StandIn, tmp_path: Path
) -> None:
    for own, advice in ((False, "run `nc-hf publish` on your own machine"), (True, "run `hf auth login` on this")):
        proposal = proposal_in(tmp_path, own=own)
        for press in (proposal._prepare, proposal._publish):
            shown = press(report)
            assert f"Publishing takes a token with write access: {advice}" in shown[proposal.said]["value"]
            assert not shown[proposal.agree]["visible"]
    assert writes(hub) == []


def test_what_the_server_has_forgotten_is_asked_for_again(visitor: gr.OAuthToken, tmp_path: Path) -> None:
    proposal = proposal_in(tmp_path)
    assert "open its link again" in proposal._publish(None, visitor)[proposal.said]["value"]


@pytest.mark.parametrize(("own", "login"), [(False, False), (True, False), (False, True)])
def test_it_is_offered_for_what_is_kept_where_somebody_has_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, login: bool
) -> None:
    if login:
        monkeypatch.setenv("OAUTH_CLIENT_ID", "a")
    proposal = proposal_in(tmp_path, own=own)
    assert proposal.offered(kept=True)[proposal.ask]["visible"] is (own or login)
    assert proposal.offered(kept=False)[proposal.ask]["visible"] is False


def test_what_comes_from_the_repository_is_text() -> None:
    change = FileChange("README.md", "<script>old</script>", "<script>new</script>")
    html = html_publication(Publication("a/b", "0" * 40, "Add <b>", "", (change,)))
    assert "<script>" not in html
    assert "Add &lt;b&gt;" in html
    assert "-<script>old</script>" in text_of(html)
