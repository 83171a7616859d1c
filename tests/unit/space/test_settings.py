"""What the owner of a Space sets, and what is no text."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.errors import InputError
from nc_hf.space.settings import Settings, check_texts


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("NC_HF_SPACE_MAX_WAITING", "3")
    monkeypatch.setenv("NC_HF_SPACE_DATASET", "")
    found = Settings.from_environment()
    assert found == Settings(tmp_path / "nc_hf" / "space", None, 1_000_000, 4_000_000_000, 20_000_000_000, 3)


@pytest.mark.parametrize("given", ["many", "-1", "1e6", "1.5"])
def test_a_number_that_is_none_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("NC_HF_SPACE_MAX_TOKENS", given)
    with pytest.raises(InputError, match=r"NC_HF_SPACE_MAX_TOKENS is .*: set it to a whole number"):
        Settings.from_environment()


def test_what_is_no_text_is_refused_by_its_name() -> None:
    check_texts(model="a/b", revision="")
    with pytest.raises(InputError, match="passed as revision is no text"):
        check_texts(model="a/b", revision=None)
