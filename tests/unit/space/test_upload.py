"""A text that a visitor brings along."""

from __future__ import annotations

import pytest

from nc_hf.errors import CorpusError
from nc_hf.space.upload import read_upload


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty"), (b"\0", "binary"), (b"\xff", "UTF-8"), (b"a" * 5_000_001, "bytes")]
)
def test_uploads_that_are_no_text_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        read_upload(content)


def test_a_file_is_held_to_its_size() -> None:
    with pytest.raises(CorpusError, match="The file has 5,000,001 bytes: choose one of 5,000,000 at the most"):
        read_upload(b"a" * 5_000_001)


def test_a_mark_of_the_byte_order_and_the_ends_of_lines_are_as_in_a_file() -> None:
    assert read_upload("\ufeffone\r\ntwo".encode()) == "one\ntwo"
