"""What the command and the page say to the same thing, side by side: done by both, or told by each in its own words."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

from nc_hf.errors import NCError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.hub import parse_reference
from nc_hf.report import Report
from nc_hf.report.verdict import verdict
from nc_hf.space.access import page_front_end
from nc_hf.space.request import parse_request
from nc_hf.space.service import Result, Service
from nc_hf.space.settings import UPLOAD
from nc_hf.space.store import identify
from tests.adapters import ADAPTER, BASE, lora_files
from tests.command import refusal, run
from tests.hub.models import gpt2_files, tokenizer_files
from tests.hub.repository import Content
from tests.hub.server import StandIn
from tests.space import LIMIT, STORIES, request_for, settings_in, stories_files

NAME = "some/model"
MARKLESS = {**tokenizer_files(), "tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})}
PICKLED = {name: content for name, content in gpt2_files().items() if not name.endswith(".safetensors")}


@dataclass(frozen=True)
class Case:
    """A repository, and what is said of it by the command and by a page without log-in."""

    files: dict[str, Content]
    command: str
    page: str
    code: int = 4
    text: str = ""
    about: dict[str, Any] | None = None


REFUSED = {
    "no end-of-text token": Case(
        {**gpt2_files(), **MARKLESS},
        "The tokenizer has no end-of-text token to put between documents: name one that has it by --tokenizer, or give "
        "--packing paper, which puts none.",
        'The tokenizer has no end-of-text token to put between documents: name one that has it under "Tokenizer".',
    ),
    "no tokenizer": Case(
        gpt2_files(tokenizer=False),
        "there is no tokenizer to read the corpus with: name the one that the model was trained with, by --tokenizer.",
        "there is no tokenizer to read the corpus with: name the one that the model was trained with under "
        '"Tokenizer".',
    ),
    "a text shorter than a block": Case(
        gpt2_files(),
        "The corpus 'upload' (all) has 13 tokens, less than one block of 64: give more text or a smaller --block-size.",
        "The corpus 'upload' (all) has 13 tokens, less than one block of 64: choose a longer text.",
        code=3,
        text="A short text.",
    ),
    "GGUF alone": Case(
        {"README.md": "", "model.Q4_K_M.gguf": b"GGUF"},
        f"{NAME} is in the format GGUF, quantised for other programs: name the original model, by its page first/one.",
        f"{NAME} is in the format GGUF, quantised for other programs: name the original model, by its page first/one.",
        about={"originals": ("first/one", "quantized:first/one")},
    ),
    "models in sub-folders": Case(
        {"README.md": "", "late/config.json": "{}", "early/config.json": "{}"},
        f"{NAME} has no config.json at its top, but in early, late: fetch one, as by `hf download {NAME} --include "
        "'early/*' --local-dir .`, and name its path.",
        f"{NAME} has no config.json at its top, but in early, late: choose a repository with one model at its top, or "
        "fetch a folder and measure it with nc-hf.",
    ),
    "pickles alone": Case(
        {**PICKLED, "pytorch_model.bin": b"PK"},
        f"{NAME} has its weights as pickles or the like only, which may run code: load it where you trust it, "
        "save_pretrained() it, which writes safetensors, and name the result.",
        f"{NAME} has its weights as pickles or the like only, which may run code: choose another one, or the revision "
        "that https://huggingface.co/spaces/safetensors/convert makes of it.",
    ),
    "a gated model, without a token": Case(
        gpt2_files(),
        f"{NAME} is gated: accept its conditions on HUB/{NAME}, then set HF_TOKEN or run `hf auth login`.",
        f"{NAME} is gated: accept its conditions on HUB/{NAME}, then measure it with nc-hf on your own machine, with "
        "your token.",
        code=7,
        about={"gated": True},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_told_by_each_in_its_own_words(hub: StandIn, tmp_path: Path, name: str) -> None:
    case = REFUSED[name]
    hub.add(NAME, case.files, **(case.about or {}))
    file = tmp_path / "mine.txt"
    file.write_text(case.text)
    corpus = file if case.text else "builtin"
    said = refusal("measure", NAME, "--corpus", corpus, "--max-tokens", 2_000, "--quiet", code=case.code)
    assert said.replace(str(file), "upload").replace(hub.url, "HUB") == f"nc-hf: {case.command}\n"
    assert told_by_page(tmp_path, NAME, text=case.text).replace(hub.url, "HUB") == case.page


def told_by_page(folder: Path, model: str, *, text: str = "", own: bool = False) -> str:
    service = Service(replace(settings_in(folder / "space"), own=own))
    with pytest.raises(NCError) as caught:
        list(service.run(request_for(model, corpus="upload" if text else "builtin", text=text), False))
    return caught.value.told(page_front_end(service.settings))


def test_the_owner_of_the_machine_is_told_of_his_own_token(hub: StandIn, tmp_path: Path) -> None:
    hub.add(NAME, gpt2_files(), gated=True)
    said = told_by_page(tmp_path, NAME, own=True)
    assert said.endswith(f"/{NAME}, then run `hf auth login` on this machine and try again.")


TEXT = "".join(f"The {a} {b} saw {n} birds. " for n, (a, b) in enumerate([("old", "cat"), ("red", "dog")] * 40))


def by_command(folder: Path, model: str, *options: object, text: str = TEXT) -> Report:
    file = folder / "mine.txt"
    file.write_text(text)
    printed = run(
        "measure", model, "--corpus", file, "--max-tokens", 2_000, "--untrained", "--json", "--quiet", *options
    )
    return Report.from_dict(json.loads(printed))


def by_page(
    folder: Path, model: str, revision: str = "", *, tokenizer: str = "", token: str | bool = False, text: str = TEXT
) -> Report:
    request = parse_request(model, revision, UPLOAD, text, 2_000, "core", tokenizer, limit=LIMIT)
    *_, result = Service(settings_in(folder / "space")).run(request, token)
    assert isinstance(result, Result)
    return result.report


def check_same(one: Report, other: Report) -> None:
    assert repr(one.metrics) == repr(other.metrics)  # to the last digit, and what is no number is that in both
    assert (one.model.id, one.model.commit) == (other.model.id, other.model.commit)
    assert one.corpus.marks_note == other.corpus.marks_note
    assert verdict(one).to_dict() == verdict(other).to_dict()


@pytest.mark.parametrize(
    "spelling", [f"{NAME}/", f"https://huggingface.co/{NAME}/", f"https://huggingface.co/{NAME}/tree/main/"]
)
def test_a_slash_at_the_end_and_a_page_s_address_mean_the_model(spelling: str) -> None:
    assert parse_reference(spelling, allow_local=True).id == NAME  # as the command reads it
    assert request_for(spelling).model == NAME


@pytest.mark.slow
def test_an_adapter_over_a_base_in_safetensors_is_merged(hub: StandIn, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    hub.add(BASE, gpt2_files())
    hub.add(ADAPTER, lora_files())
    report = by_command(tmp_path, ADAPTER)
    assert report.model.base is not None
    check_same(by_page(tmp_path, ADAPTER), report)


@pytest.mark.slow
def test_a_revision_without_tokenizer_is_read_with_that_of_the_main_branch(hub: StandIn, tmp_path: Path) -> None:
    repository = hub.add(NAME, {"config.json": gpt2_files()["config.json"], **tokenizer_files()})
    bare = repository.commit(gpt2_files(1, tokenizer=False), branch="step5")
    report = by_command(tmp_path, f"{NAME}@step5")
    assert report.model.commit == bare
    assert report.corpus.marks_note == f"the tokenizer is that of {NAME}@{repository.branches['main']}"
    check_same(by_page(tmp_path, NAME, "step5"), report)
    before = identify(request_for(NAME, "step5"), False)
    repository.commit({"README.md": "another state of the main branch"})
    assert identify(request_for(NAME, "step5"), False).key != before.key


@pytest.mark.slow
def test_a_tokenizer_that_is_named_reads_for_a_model_without_one(hub: StandIn, tmp_path: Path) -> None:
    hub.add(NAME, gpt2_files(tokenizer=False))
    other = hub.add("some/tokenizer", tokenizer_files())
    report = by_command(tmp_path, NAME, "--tokenizer", "some/tokenizer")
    assert report.corpus.marks_note == f"the tokenizer is that of some/tokenizer@{other.branches['main']}"
    check_same(by_page(tmp_path, NAME, tokenizer="some/tokenizer"), report)


def test_a_tokenizer_that_is_named_is_part_of_the_request(hub: StandIn) -> None:
    hub.users["hf_friend"] = "friend"
    hub.add(NAME, gpt2_files(tokenizer=False))
    other = hub.add("some/tokenizer", tokenizer_files())
    hub.add("some/gated", tokenizer_files(), gated=True, readers={"friend"})
    asked = replace(request_for(NAME), tokenizer="some/tokenizer")
    assert "tokenizer=some%2Ftokenizer" in asked.link
    assert ("model", "some/tokenizer") in asked.repositories
    found = identify(asked, False)
    assert found.public
    assert found.key != identify(request_for(NAME), False).key
    other.commit({"README.md": "another state"})
    assert identify(asked, False).key != found.key
    assert not identify(replace(asked, tokenizer="some/gated"), "hf_friend").public


@pytest.mark.slow
def test_a_gated_model_is_read_with_a_token(hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.users["hf_friend"] = "friend"
    hub.add(NAME, gpt2_files(), gated=True, readers={"friend"})
    theirs = by_page(tmp_path, NAME, token="hf_friend")
    monkeypatch.setenv("HF_TOKEN", "hf_friend")
    check_same(theirs, by_command(tmp_path, NAME))


@pytest.mark.slow
def test_a_model_that_was_never_trained_gets_no_verdict(hub: StandIn, tmp_path: Path) -> None:
    hub.add(NAME, gpt2_files())
    report = by_command(tmp_path, NAME)
    check_same(by_page(tmp_path, NAME), report)
    said = verdict(report)
    assert (said.title, said.findings) == ("No verdict", ())
    assert said.warnings(FrontEnd.PAGE)[0].endswith(": choose a text of the kind that the model was trained on.")
    assert said.warnings(FrontEnd.COMMAND)[0].endswith(": name a --corpus of the kind that the model was trained on.")


@pytest.mark.slow
def test_a_text_in_foreign_letters_gets_no_verdict(hub: StandIn, tmp_path: Path, shared_data: Path) -> None:
    hub.add(STORIES, stories_files(shared_data))
    drawn = random.Random(0)
    text = "".join(chr(drawn.randrange(0x4E00, 0x9FA5)) for _ in range(4_000))
    report = by_command(tmp_path, STORIES, text=text)
    check_same(by_page(tmp_path, STORIES, text=text), report)
    assert verdict(report).level == "unknown"
    assert any("The tokenizer does not know the characters" in each.said for each in verdict(report).cautions)
