"""A Space of a folder and this nc_hf: one commit, whose package takes the place of an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.errors import InputError
from nc_hf.hub.deployment import deploy_space
from tests.hub.helpers import write
from tests.hub.server import StandIn
from tests.paths import ROOT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    return write(tmp_path / "page", {"app.py": "first", "README.md": "# Page\n", "requirements.txt": ""})


@pytest.mark.slow
def test_the_package_and_the_folder_are_there_in_one_commit(hub: StandIn, folder: Path) -> None:
    assert deploy_space("writer/page", folder) == f"{hub.url}/spaces/writer/page"
    space = hub.get("writer/page", "space")
    _, deployed = space.commits.values()  # the first makes the Space
    files = space.at("main").files
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "nc_hf").rglob("*.py")}
    assert package <= set(files)
    assert {"app.py", "README.md", "requirements.txt"} <= set(files)
    assert deployed.title == "page of nc_hf"


@pytest.mark.slow
def test_a_second_time_the_earlier_package_goes_and_what_others_added_stays(hub: StandIn, folder: Path) -> None:
    deploy_space("writer/page", folder)
    space = hub.get("writer/page", "space")
    space.commit({"nc_hf/of_an_older_version.py": "", "meter/old.py": "", "notes.txt": "by hand"})
    (folder / "app.py").write_text("second")
    deploy_space("https://huggingface.co/writer/page", folder)
    files = space.at("main").files
    assert "nc_hf/of_an_older_version.py" not in files
    assert "meter/old.py" not in files
    assert {"notes.txt", "nc_hf/__init__.py"} <= set(files)
    assert files["app.py"] == b"second"


def test_a_new_space_may_be_private_and_an_old_one_stays_as_it_is(hub: StandIn, folder: Path) -> None:
    deploy_space("writer/page", folder, private=True)
    assert hub.get("writer/page", "space", user="writer").private
    deploy_space("writer/page", folder)
    assert hub.get("writer/page", "space", user="writer").private


def test_a_name_that_is_none_is_refused_before_anything_is_sent(hub: StandIn, folder: Path) -> None:
    for name in ("", "../page", "writer/page/deep"):
        with pytest.raises(InputError):
            deploy_space(name, folder)
    assert not hub.requests
