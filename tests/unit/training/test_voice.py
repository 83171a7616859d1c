"""A sentence is said once, on one rank, unless it is to be said again."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace

import pytest

from nc_hf.training.voice import Voice


def test_once(caplog: pytest.LogCaptureFixture) -> None:
    voice = Voice()
    for sentence in ("One.", "Two.", "One."):
        voice.say(sentence)
    assert caplog.messages == ["One.", "Two."]
    voice.say("One.", again=True)
    assert caplog.messages == ["One.", "Two.", "One."]
    assert {record.name for record in caplog.records} == {"nc_hf.training"}
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_on_one_rank(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nc_hf.training.voice.PartialState", lambda: SimpleNamespace(is_main_process=False))
    Voice().say("One.")
    assert caplog.messages == []


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda voice: pickle.loads(pickle.dumps(voice))])
def test_a_copy_has_said_what_was_said(caplog: pytest.LogCaptureFixture, copied: object) -> None:
    voice = Voice()
    voice.say("One.")
    assert callable(copied)
    other = copied(voice)
    other.say("One.")
    other.say("Two.")
    voice.say("Two.")
    assert caplog.messages == ["One.", "Two.", "Two."]
