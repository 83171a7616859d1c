"""An inmate has nothing of the process that it came from but what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nc_hf.runtime.cage import CageError, Limits, run
from tests import caged

LOOK = """
import json
from nc_hf.runtime.cage import Limits, run
from tests import caged
opened = open("README.md")
print(json.dumps(run(caged.surroundings, limits=Limits(network={network})).value))
"""


def surroundings(monkeypatch: pytest.MonkeyPatch, network: bool) -> dict[str, Any]:
    """What an inmate has that was forked from a process with secrets and an open file."""
    import json

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    found: dict[str, Any] = json.loads(caged.with_one_thread(LOOK.format(network=network)))
    return found


def test_it_has_no_secrets_files_or_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = surroundings(monkeypatch, network=False)
    assert found["HF_TOKEN"] is found["AWS_SECRET_ACCESS_KEY"] is None
    assert found["files"] == [0, 1, 2, 3, 4]  # nothing, nothing, its last words, its channel, and what lists them
    assert found["leads its session"]
    assert found["interrupt"]


def test_one_that_reads_over_the_network_has_what_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert surroundings(monkeypatch, network=True)["HF_TOKEN"] == "hf_secret"


def test_what_it_prints_reaches_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    run(caged.say_something)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_it_has_no_network_where_the_system_can_take_it_away() -> None:
    """Where it cannot, which `docs/trust.md` says, there is nothing to be seen here."""
    if not caged.can_unshare():
        pytest.skip("this system does not let a process give up its network")
    assert run(caged.networks).value == ["lo"]
    assert len(run(caged.networks, limits=Limits(network=True)).value) >= 1


def test_it_writes_no_large_file(tmp_path: Path) -> None:
    with pytest.raises(CageError, match="File too large"):
        run(caged.write_file, str(tmp_path / "large"), 1 << 20, limits=Limits(file_bytes=1 << 16))
    assert (tmp_path / "large").stat().st_size <= 1 << 16
