"""The controls that the tabs share."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gradio")

from nc_hf.space.controls import DATASET, chosen, take_upload
from nc_hf.space.settings import UPLOAD
from tests.space import request_for


def test_an_upload_is_read_once_and_leaves_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes("\ufeffeins\r\n<|endoftext|>zwei".encode())
    text, note = take_upload(str(file))
    assert text == "eins\n<|endoftext|>zwei"
    assert "2 documents" in note
    assert not file.exists()
    assert chosen(UPLOAD, "", text) == (UPLOAD, text)
    assert chosen("builtin", "", text) == ("builtin", "")
    assert list(request_for(corpus=UPLOAD, text=text).open(False).texts) == ["eins", "zwei"]


def test_an_upload_that_is_no_text_leaves_the_disk_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes(b"\0")
    text, note = take_upload(str(file))
    assert text == ""
    assert 'role="alert"' in note
    assert not file.exists()


def test_a_data_set_is_named_by_its_box() -> None:
    assert chosen(DATASET, " c/d:en ", "left over") == ("hub:c/d:en", "")
