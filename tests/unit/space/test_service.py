"""What the service refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.errors import InputError
from nc_hf.space.service import Service
from tests.space import settings_in


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["a/b", 3], r"passed as models\[1\] is no text"),
        ("a/b", "passed as models is no list"),
        (None, "passed as models is no list"),
    ],
)
def test_a_comparison_of_what_names_no_models_is_refused(tmp_path: Path, models: list[str], said: str) -> None:
    service = Service(settings_in(tmp_path))
    with pytest.raises(InputError, match=said):
        service.requests(models, "builtin", "", 2_000, "core")


def test_a_comparison_takes_two_to_six_different_models(tmp_path: Path) -> None:
    service = Service(settings_in(tmp_path))
    for models in (["a/b"], ["a/b", "a/b", " "], [f"a/model{count}" for count in range(7)]):
        with pytest.raises(InputError, match="takes 2 to 6 different models or revisions"):
            service.requests(models, "builtin", "", 2_000, "core")
    named = service.requests(["a/b", "", "a/b@v1", "a/b"], "builtin", "", 2_000, "core")
    assert [request.name for request in named] == ["a/b", "a/b@v1"]
