"""A model trained on stories whose states are branches of one repository, and the text to measure them on."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from nc_hf import Report
from nc_hf.corpus.corpus import Corpus
from nc_hf.measurement.options import MeasureOptions
from tests.hub.fixtures import STAND_IN
from tests.hub.repository import Content, Repository
from tests.hub.server import StandIn
from tests.saved_states import push_training, story_texts

NAME = "writer/tiny-stories"
STEPS = (0, 10, 20, 30, 40)
STORIES = story_texts(900)
TRAINED_ON, HELD_OUT = STORIES[:600], Corpus("held out", "all", STORIES[600:])
OPTIONS: MeasureOptions = {"max_tokens": 6_000, "classes": "top:50", "progress": False}

States = dict[str, dict[str, Content]]


@cache
def states() -> States:
    """The files of every branch, as the client pushed them during training; the stand-in must be empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "hf_writer")
        push_training(NAME, TRAINED_ON, STEPS)
    repository = STAND_IN.get(NAME)
    return {branch: repository.at(branch).files for branch in repository.branches}


def after_training(hub: StandIn) -> Repository:
    """The repository as it was after training, the only one of the stand-in."""
    files = states()
    hub.clear()
    repository = hub.add(NAME)
    for branch, content in files.items():
        repository.commit(content, branch=branch)
    return repository


def write_held_out(folder: Path) -> Path:
    """The held-out stories as a file, for a process of its own."""
    path = folder / "stories.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in HELD_OUT.texts), encoding="utf-8")
    return path


def values(report: Report) -> object:
    return report.loss, report.tokens, report.accuracy, report.metrics, report.corpus.fingerprint


def weights_fetched(hub: StandIn) -> int:
    """How often a whole file of weights was asked for; its header is asked for twice or thrice by itself."""
    return len({line for line in hub.asked("GET .*/resolve/.*safetensors")})
