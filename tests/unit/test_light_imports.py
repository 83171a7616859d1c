"""Data is light: metrics as data, records of a report and the command line load nothing that computes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.helpers import write
from tests.hub.models import gpt2_files
from tests.paths import REFERENCES

COMPUTING = frozenset(
    {"torch", "transformers", "accelerate", "datasets", "numpy", "scipy", "pandas", "matplotlib", "numba", "gradio"}
)
SHOWING = frozenset({"rich", "typer"})
NOT_TO_MEASURE = frozenset(
    {"datasets", "gradio", "matplotlib", "pandas", "pyarrow", "ray", "sklearn", "torchvision", "trl", "nc_hf.study"}
    | {"nc_hf.training", "nc_hf.space", "nc_hf.report.figures", "nc_hf.report.html", "nc_hf.measurement.trajectory"}
)
"""What a measurement of a saved model on text that is at hand has no use for."""

REPORT = REFERENCES / "report_3.json"
COMMAND = """
import sys
from nc_hf.cli import main
sys.argv = ["nc-hf", {}]
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
"""


def check_light(program: str, heavy: frozenset[str]) -> None:
    """Run a program in a Python of its own and refuse what it has then loaded of ``heavy``."""
    looking = f"{program}\nimport sys\nprint()\nprint(*sorted({set(heavy)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", looking], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.splitlines()[-1]
    assert not loaded, f"this loads {loaded}"


@pytest.mark.parametrize(
    "program",
    [
        "import nc_hf",
        "from nc_hf.report import Report",
        "from nc_hf import Report, Trajectory, METRICS, PRESETS",
        "from nc_hf.report import MetricValue, compare",
        "import nc_hf.metrics.table",
        "from nc_hf.metrics import METRICS",
        "import nc_hf.hub",
        "import nc_hf.report.html",
        "from nc_hf.report.charts import plane_chart\nplane_chart()",
        f"from nc_hf import Report\nreport = Report.load({str(REPORT)!r})\nreport.to_markdown(), report.to_csv()",
    ],
)
def test_data_loads_neither_what_computes_nor_what_shows(program: str) -> None:
    check_light(program, COMPUTING | SHOWING)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["compare", "--help"], ["compare", str(REPORT), str(REPORT)]]
)
def test_command_that_measures_nothing_loads_nothing_that_computes(arguments: list[str]) -> None:
    check_light(COMMAND.format(", ".join(map(repr, arguments))), COMPUTING)


def test_measuring_loads_what_it_takes_and_no_more(tmp_path: Path) -> None:
    """And nothing that it loads is looked through for garbage: libraries make a million objects that stay."""
    model = tmp_path / "model"
    write(model, gpt2_files())
    arguments = ["measure", str(model), "--corpus", "builtin", "--max-tokens", "500", "--no-stderr", "--quiet"]
    measuring = COMMAND.format(", ".join(map(repr, arguments)))
    check_light(f"{measuring}\nimport gc\nassert gc.isenabled() and gc.get_freeze_count() > 500_000", NOT_TO_MEASURE)


@pytest.mark.slow
@pytest.mark.parametrize("heavy", ["numpy", "rich", "torch"])
def test_what_is_heavy_is_found(heavy: str) -> None:
    with pytest.raises(AssertionError, match=rf"this loads .*\b{heavy}\b"):
        check_light(f"from nc_hf.report import Report\nimport {heavy}", COMPUTING | SHOWING)


@pytest.mark.slow
def test_what_is_loaded_by_another_import_is_found() -> None:
    with pytest.raises(AssertionError, match=r"this loads .*\btorch\b"):
        check_light("from nc_hf import ClassStatistics", COMPUTING)


def test_program_that_fails_is_not_light() -> None:
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        check_light("import nc_hf.no_such_module", COMPUTING)
