"""A wheel says where the project lives if its build knows it, and its README leads there."""

from __future__ import annotations

import re
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from nc_hf.runtime.version import VERSION
from tests.paths import ROOT
from tests.wheel import built

pytestmark = pytest.mark.slow

NAME = "somebody/of-the-project"
ADDRESS = f"https://github.com/{NAME}"
PICTURE, LINK = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)"), re.compile(r"\]\(([^)\s]+)\)")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def metadata(folder: Path, **environment: str) -> Message:
    with zipfile.ZipFile(built(folder, **environment)) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Message:
    folder = tmp_path_factory.mktemp("known")
    return metadata(folder, GITHUB_REPOSITORY=NAME, GITHUB_SERVER_URL="https://github.com")


def readme(message: Message) -> str:
    text = message.get_payload(decode=True)
    assert isinstance(text, bytes)
    return text.decode("utf-8")


def test_the_addresses_are_those_of_the_repository(known: Message) -> None:
    urls = dict(line.split(", ") for line in known.get_all("Project-URL", []))
    assert urls.keys() == {"Homepage", "Repository", "Documentation", "Changelog", "Issues", "Security", "Paper"}
    assert {name for name, url in urls.items() if not url.startswith(ADDRESS)} == {"Paper"}


def test_every_link_of_the_readme_leads_to_this_version(known: Message) -> None:
    written, published = LINK.findall(README), LINK.findall(readme(known))
    assert len(written) == len(published) > 20
    for before, after in zip(written, published, strict=True):
        if before.startswith(("https://", "#")):
            assert after == before
        else:
            lead = re.fullmatch(rf"{re.escape(ADDRESS)}/(blob|raw)/v{re.escape(VERSION)}/(.+)", after)
            assert lead is not None, after
            assert lead[2] == before
            assert (ROOT / before.partition("#")[0]).exists()
            assert (lead[1] == "raw") == (before in PICTURE.findall(README))  # a picture is shown, all else is read


def test_nothing_but_links_is_changed(known: Message) -> None:
    assert LINK.sub("](…)", readme(known)).strip() == LINK.sub("](…)", README).strip()


def test_a_build_that_knows_no_repository_invents_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    message = metadata(tmp_path)
    assert message.get_all("Project-URL") == ["Paper, https://arxiv.org/abs/2405.17767"]
    assert readme(message).strip() == README.strip()
