"""What a command says of the files that it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.cli.written import tell_written


def test_each_file_is_a_line_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small, large = tmp_path / "a [b].json", tmp_path / "c.png"
    small.write_bytes(b"x" * 12)
    large.write_bytes(b"x" * 12_340)
    tell_written(small, None, large)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"wrote {small} (12 bytes)\nwrote {large} (12.3 kB)\n"
