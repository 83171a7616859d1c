"""``nc-hf space`` where nc_hf was installed from a wheel, with no checkout beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from gradio_client import Client

from tests.hub.fixtures import STAND_IN
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.space import Space
from tests.wheel import built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``nc-hf`` of a new environment that holds the wheel, and sees the libraries of this one but not its nc_hf."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = built(folder)
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    # Python reads no .pth file within a folder that one names, so the checkout that is installed there stays unseen.
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python.with_name("nc-hf")


@pytest.fixture(scope="module")
def space(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    running = Space(tmp_path_factory.mktemp("space"), STAND_IN, program=program)
    yield running
    running.close()


def test_nothing_of_the_checkout_is_used(program: Path) -> None:
    code = "import nc_hf.cli.space as s; print(s.__file__, s.space_folder('collapse_meter'))"
    python = program.with_name("python")
    done = subprocess.run([python, "-c", code], cwd=program.parent, capture_output=True, text=True, check=True)
    assert [Path(path).is_relative_to(program.parents[1]) for path in done.stdout.split()] == [True, True]


def test_a_type_checker_takes_the_package_for_typed(program: Path, tmp_path: Path) -> None:
    """The marker lies lower in the checkout; mypy says ``missing library stubs`` of an installed package without it."""
    (tmp_path / "user.py").write_text("import nc_hf\nreveal_type(nc_hf.ClassStatistics(3).num_tokens)\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", program.with_name("python"), "user.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert re.search(r'Revealed type is "(builtins\.)?int"', done.stdout), done.stdout


def test_the_page_has_its_style_and_its_texts_and_measures(space: Space, hub: StandIn) -> None:
    with urllib.request.urlopen(f"{space.url}config", timeout=30) as answer:
        page = json.load(answer)
    assert ".verdict h2" in page["css"]
    assert any("How the verdict is reached" in str(part["props"].get("value")) for part in page["components"])
    hub.add("tiny/wheel", gpt2_files())
    asked = {"corpus": "builtin", "max_tokens": 2_000, "api_name": "/measure"}
    answer = Client(space.url, verbose=False).submit("tiny/wheel", **asked).result()
    assert answer["tokens"] > 1_000


def test_the_published_models_and_the_styles_are_in_the_wheel(program: Path) -> None:
    code = (
        "from nc_hf.report.charts.published import published; from nc_hf.report.html import RESULT_STYLE;"
        "print(len(published()['models']), RESULT_STYLE.is_file())"
    )
    done = subprocess.run([program.with_name("python"), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["230", "True"]


def test_the_presets_of_studies_are_in_the_wheel(program: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [program, "study", "run", "paper", "--width", "64", "--depth", "1", "--dry-run"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "01x0064_10_wd0.1_s42" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("page", "part"), [("collapse_meter", "nc_hf/space/style.css"), ("neural_collapse", "neural_collapse.py")]
)
def test_a_space_is_deployed(program: Path, hub: StandIn, page: str, part: str) -> None:
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_writer"}
    command = [program, "space", "--deploy", "writer/page", "--page", page]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/spaces/writer/page"
    files = hub.get("writer/page", "space").at("main").files
    assert {"app.py", "README.md", "requirements.txt", part, "nc_hf/space/page.py"} <= set(files)
    assert not [name for name in files if name.startswith("nc_hf/spaces")]
