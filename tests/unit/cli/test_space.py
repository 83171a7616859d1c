"""``nc-hf space``: what it refuses, and where it finds the pages."""

from __future__ import annotations

import pytest

from nc_hf.cli import app
from nc_hf.cli.space import space_folder
from nc_hf.errors import InputError


def test_the_measurement_s_page_is_not_started_here(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app(["space", "--page", "neural_collapse"])
    assert end.value.code == InputError.exit_code
    assert "add --deploy OWNER/NAME" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("page", ["collapse_meter", "neural_collapse"])
def test_the_pages_are_found_in_a_clone(page: str) -> None:
    folder = space_folder(page)
    assert {"app.py", "README.md", "requirements.txt"} <= {path.name for path in folder.iterdir()}
