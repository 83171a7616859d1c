"""The controls that the tabs share."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gradio")

import gradio as gr

from nc_hf.space.controls import DATASET, TextControls, take_upload, text_controls
from nc_hf.space.settings import UPLOAD
from tests.space import made, request_for


def test_an_upload_is_read_once_and_leaves_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes("\ufeffeins\r\n<|endoftext|>zwei".encode())
    text, note = take_upload(str(file))
    assert text == "eins\n<|endoftext|>zwei"
    assert "2 documents" in note
    assert not file.exists()
    assert list(request_for(corpus=UPLOAD, text=text).open(False).texts) == ["eins", "zwei"]


def test_an_upload_that_is_no_text_leaves_the_disk_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes(b"\0")
    text, note = take_upload(str(file))
    assert text == ""
    assert 'role="alert"' in note
    assert not file.exists()


@pytest.fixture
def controls() -> TextControls:
    def make() -> TextControls:
        with gr.Blocks():
            return text_controls("a", 1_000_000)

    return made(make)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (DATASET, ("hub:c/d:en", "")),
        (UPLOAD, (UPLOAD, "left over")),
        ("builtin", ("builtin", "")),
    ],
)
def test_what_is_asked_stands_in_the_order_of_a_request(
    controls: TextControls, kind: str, asked: tuple[str, str]
) -> None:
    given = {
        controls.corpus: kind,
        controls.dataset: " c/d:en ",
        controls.text: "left over",
        controls.budget: 2_000,
        controls.preset: "full",
        controls.tokenizer: None,
    }
    assert given.keys() == controls.inputs
    assert controls.asked(given) == (*asked, 2_000, "full", "")
