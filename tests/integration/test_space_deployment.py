"""A Space on the Hub: what ``nc-hf space --deploy`` uploads, and that it starts from it."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from nc_hf.cli import app
from nc_hf.errors import HubError
from nc_hf.hub.deployment import deploy_space
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn
from tests.paths import ROOT


def deploy(*arguments: str) -> str:
    """Run ``nc-hf space --deploy`` and return what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as end:
        app(["space", "--deploy", *arguments])
    assert not end.value.code
    return printed.getvalue().strip()


PAGES = {"collapse_meter": "nc_hf/space/page.py", "neural_collapse": "neural_collapse.py"}


@pytest.mark.parametrize(("page", "part"), PAGES.items())
def test_a_space_is_created_with_its_page_and_this_nc_hf(
    hub: StandIn, monkeypatch: pytest.MonkeyPatch, page: str, part: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    options = [] if page == "collapse_meter" else ["--page", page]
    assert deploy("writer/page", *options) == f"{hub.url}/spaces/writer/page"
    files = hub.get("writer/page", "space").at("main").files
    needed = {
        "app.py",
        "README.md",
        "requirements.txt",
        part,
        "nc_hf/measurement/measure.py",
        "nc_hf/corpus/data/words.txt",
    }
    assert needed <= set(files)
    assert not [name for name in files if name.startswith("nc_hf/spaces")]
    readme = as_bytes(files["README.md"]).decode()
    for entry in ("sdk: gradio", "sdk_version: ", 'python_version: "3.11"', "app_file: app.py"):
        assert f"\n{entry}" in readme
    assert ("\nhf_oauth: true" in readme) == (page == "collapse_meter")


def test_caches_and_hidden_files_are_not_deployed(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(ROOT / "spaces" / "neural_collapse", folder)
    for name in (".env", ".mypy_cache/3.11/app.json", "part/.cache/x", "__pycache__/app.cpython-311.pyc", "part/b.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("left over")
    (folder / "part" / "c.py").write_text("")
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    deploy_space("writer/page", folder)
    files = hub.get("writer/page", "space").at("main").files
    assert {"app.py", "part/c.py"} <= set(files)
    strange = [name for name in files if re.search(r"(^|/)\.|__pycache__|\.pyc$", name)]
    assert set(strange) <= {".gitattributes"}


def test_a_space_is_refused_without_a_token_and_to_strangers(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "spaces" / "collapse_meter"
    with pytest.raises(HubError, match="set HF_TOKEN"):
        deploy_space("writer/meter", folder)
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    with pytest.raises(HubError):
        deploy_space("somebody/else", folder)


@pytest.mark.parametrize(
    ("page", "extras"), [("collapse_meter", ["study", "space"]), ("neural_collapse", ["evaluate"])]
)
def test_a_space_requires_what_nc_hf_requires(page: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    lines = (ROOT / "spaces" / page / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {line for line in lines if not line.startswith("#")}
    assert {each for each in needed if not each.startswith("nc_hf")} <= required
    assert not [line for line in required if line.startswith("nc_hf")], "an index does not have it"


@pytest.mark.slow
def test_the_measurement_s_page_starts_from_what_was_deployed(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    deploy("writer/page", "--page", "neural_collapse")
    for name, content in hub.get("writer/page", "space").at("main").files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(as_bytes(content))
    monkeypatch.delenv("HF_TOKEN")
    code = "import app, nc_hf, neural_collapse; print(nc_hf.__file__, neural_collapse.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "nc_hf" / "__init__.py"), str(tmp_path / "neural_collapse.py")]
