"""Every kind of advice names, on every front end, only what is there."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nc_hf import measure
from nc_hf.errors.remedies import FrontEnd, Remedy, words
from nc_hf.metrics import METRICS
from tests.command import run
from tests.paths import ROOT

NAMED = {
    "page": "https://hub/a/b", "pause": "9 seconds", "package": "zstandard", "name": "a/b", "folder": "early",
    "dataset": "c/d", "file": "train.txt",
}  # fmt: skip
PAGES = (FrontEnd.PAGE, FrontEnd.PAGE_WITH_LOGIN, FrontEnd.PAGE_OF_OWNER)
PROGRAMS = (FrontEnd.API, FrontEnd.API_WITH_LOGIN, FrontEnd.API_OF_OWNER)
VISITED = (FrontEnd.PAGE, FrontEnd.PAGE_WITH_LOGIN, FrontEnd.API, FrontEnd.API_WITH_LOGIN)
OF_LIBRARIES = {"save_pretrained", "eos_token", "processing_class", "token_type_ids"}
"""Names in advice for Python that are transformers' own."""
SPECIAL = {"oauth_token", "request"}
"""Arguments that Gradio fills in."""


def told(*front_ends: FrontEnd) -> Iterator[tuple[str, str]]:
    """Every advice for these, as the name of its kind and its words, with a token and without."""
    for remedy in Remedy:
        for front_end in front_ends:
            for sent in (False, True):
                yield f"{remedy}, {front_end.name}", words(remedy, front_end, **NAMED, sent=sent)


def test_every_kind_is_worded_for_every_front_end() -> None:
    for where, text in told(*FrontEnd):
        assert 2 < len(text) < 200, where
        assert not re.search(r"[{}\n]|\.$", text), where


def test_the_command_is_told_options_that_its_help_lists() -> None:
    listed = set(re.findall(r"--[\w-]+", run("measure", "--help", columns=200)))
    for where, text in told(FrontEnd.COMMAND):
        outside = re.sub(r"`[^`]*`", "", text)  # other programs have options of their own
        assert set(re.findall(r"--[\w-]+", outside)) <= listed, where
        assert not re.findall(r"\b\w+=(?!1)", outside), where
        assert "log in" not in text, where
    assert "--tokenizer" in words(Remedy.TOKENIZER, FrontEnd.COMMAND)


def test_python_is_told_parameters_that_there_are() -> None:
    from transformers import PreTrainedTokenizerBase, Trainer

    known = set(inspect.signature(measure).parameters) | METRICS.keys() | OF_LIBRARIES
    assert hasattr(PreTrainedTokenizerBase, "save_pretrained")
    assert "processing_class" in inspect.signature(Trainer).parameters
    for where, text in told(FrontEnd.PYTHON):
        outside = re.sub(r"`[^`]*`|\bHF_\w+|https?://\S+", "", text)
        assert set(re.findall(r"\b(\w+)=", outside)) <= known, where
        assert set(re.findall(r"\b[a-z]\w*_\w+\b", outside)) <= known, where
        assert "--" not in outside, where


@cache
def controls() -> frozenset[str]:
    """What stands on the page's controls: labels, choices and buttons."""
    pytest.importorskip("gradio")
    from nc_hf.space.lazy import LazyService
    from nc_hf.space.page import build
    from tests.space import made, settings_in

    page = made(lambda: build(LazyService(settings_in(Path("unused")))))
    parts = [part["props"] for part in page.get_config_file()["components"]]
    choices = (choice[0] for props in parts for choice in props.get("choices") or [])
    labels = (props.get(name) for props in parts for name in ("label", "value"))
    return frozenset(text for text in (*choices, *labels) if isinstance(text, str))


@pytest.mark.slow
def test_the_page_is_told_controls_that_it_has() -> None:
    for where, text in told(*PAGES):
        assert set(re.findall(r'"([^"]+)"', text)) <= controls(), where
        assert not re.search(r"\b\w+=(?!1)|trust_remote_code", text), where
        assert set(re.findall(r"\b[a-z]\w*_\w+\b", text)) <= METRICS.keys(), where
        assert "--" not in re.sub(r"`[^`]*`", "", text), where
    assert '"Token budget"' in words(Remedy.MORE_TEXT, FrontEnd.PAGE)


def test_a_program_is_told_arguments_of_the_api() -> None:
    pytest.importorskip("gradio")
    from nc_hf.space.api import Api

    known = set(inspect.signature(Api.measure).parameters) - SPECIAL | {"hf auth login", "nc-hf publish"}
    for where, text in told(*PROGRAMS):
        named = {each for each in re.findall(r"`([^`]+)`", text) if not each.startswith("hf download")}
        assert named <= known, where
        assert not re.search(r"--|\"", re.sub(r"`[^`]*`", "", text)), where


def test_only_where_visitors_can_log_in_they_are_told_to() -> None:
    for where, text in told(*set(FrontEnd) - {FrontEnd.PAGE_WITH_LOGIN, FrontEnd.API_WITH_LOGIN}):
        assert not re.search(r"\blog in\b|\blog out\b", text), where
    assert "log in" in words(Remedy.GATED, FrontEnd.PAGE_WITH_LOGIN, **NAMED)


def test_visitors_are_told_nothing_that_only_the_owner_of_the_machine_can_do() -> None:
    for where, text in told(*VISITED):
        assert not re.search(r"HF_[A-Z]|\bpip\b|hf auth|start the page", text), where


# What a request of the page can run into; the rest is reached by names of files, by Python or by other commands alone.
REACHED = ("hub", "corpus", "model", "measurement", "metrics", "space")
OUT_OF_REACH = {
    "hub/deployment", "hub/revisions", "corpus/files", "corpus/folders", "corpus/formats", "corpus/writers",
    "measurement/checkpoint", "measurement/kept", "measurement/options", "measurement/saved_states",
    "measurement/trajectory", "metrics/compute", "metrics/orthogonality", "model/tap", "model/hooks", "model/gather",
}  # fmt: skip
NEVER_ON_THE_PAGE = {
    "there is no CUDA device": "the page names no device",
    "classes names a file": "the page names no classes",
    "classes is": "the page names no classes, and counts by a share",
    "classes has": "the page names no classes",
    "of classes is": "the page names no classes",
    "class ": "the page names no classes",
    "dtype says how": "the page loads every model",
    "layer_errors adds": "the page measures the final layer",
    "block_size": "the page names no length of a block",
    "A block of": "the page names no length of a block",
    "max_tokens is": "the page checks its budget first",
    "max_documents is": "the page names no such number",
    "There is no packing": "the page names no packing",
    "batch_size and": "the page names neither",
    "is no type for weights": "the page names no type",
    "is not an address": "it says what an id looks like",
    "scale=": "heads are made by Python",
    "A head needs": "heads are made by Python",
    "The features have": "heads are made by Python",
    "The head of": "weights that are quantised are refused before",
    "The head's weight": "weights that are quantised are refused before",
    "is not a model of transformers": "the page loads every model",
    "has no language-model head": "such a configuration is refused before",
    "cannot be tapped": "the page measures the final layer",
    "The decoder of": "it is of classes that nobody knows",
    "A forward pass of": "it is of classes that nobody knows",
    "classes have at least": "the page counts by a list",
    "cannot be read ({error.strerror})": "it is of a file of this machine",
    "NC_HF_SPACE": "it is told to the owner, at the start",
    "is {given!r}: set it": "it is told to the owner, at the start",
    "What was passed as": "it names the argument of the API that was passed",
    "rows such as": "it is about the rows of a data set",
    "is an adapter and no base": "it names files",
    "The report of": "it names a metric's preset",
    "No result is kept under": "it is of the API alone",
}
ELSEWHERE_ONLY = re.compile(
    r"\b\w+=(?!\w*\})|--\w|\bpip install|\bHF_[A-Z]|\bdtype\b|float32|\blog in\b|\bargument|\b(pass|give) a smaller|"
    r"\b(max_tokens|block_size|batch_size|tokenizer=|HF_HUB|trust_remote_code|to\(dtype\))"
)


def raised() -> Iterator[tuple[str, str]]:
    """Every message without a remedy that a request of the page may meet, by its module."""
    for path in sorted(path for area in REACHED for path in (ROOT / "nc_hf" / area).rglob("*.py")):
        module = path.relative_to(ROOT / "nc_hf").with_suffix("").as_posix()
        if module in OUT_OF_REACH:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error") and len(node.args) == 1:
                parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
                yield module, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in parts)


def test_no_message_that_can_reach_the_page_has_the_words_of_another_front_end() -> None:
    met = list(raised())
    assert len(met) > 100
    strange = [
        f"{module}: {message}"
        for module, message in met
        if ELSEWHERE_ONLY.search(message) and not any(known in message for known in NEVER_ON_THE_PAGE)
    ]
    assert not strange, "give each a remedy, or say why no request of the page meets it"
