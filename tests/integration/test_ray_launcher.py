"""Cells as Ray tasks on a real cluster of two nodes: one is killed, a cell fails, the driver is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from nc_hf.errors import InputError, StudyError
from nc_hf.study.display import StudyProgress
from nc_hf.study.grid import Study
from nc_hf.study.launchers.ray import ray_launcher
from nc_hf.study.launchers.ray_task import StudyFolder, run_task
from nc_hf.study.ledger import Ledger
from nc_hf.study.preset import load_study
from nc_hf.study.text import open_text
from tests.paths import RECIPES

TINY = {
    "width": "16", "depth": "1", "epochs": "1", "seed": "0", "heads": "2", "vocab_size": "300", "block_size": "32",
    "window": "16", "max_train_tokens": "8000", "max_validation_tokens": "4000", "agreement_tokens": "1000",
    "save_steps": "20",
}  # fmt: skip
PATIENCE = 240.0
# Sums depend on the number of threads, and a test must not send statistics of its use.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}


def tiny(**changes: str) -> Study:
    return load_study("smoke", TINY | changes)


def start(output: Path, *arguments: str, **changes: str) -> subprocess.Popen[str]:
    settings = [f"--{name.replace('_', '-')}={value}" for name, value in (TINY | changes).items()]
    log = (output.parent / f"{output.name}.log").open("w")
    return subprocess.Popen(
        [sys.executable, RECIPES / "tinystories_grid.py", *settings, *arguments, "--output", str(output)],
        stdout=log, stderr=subprocess.STDOUT, text=True, env=os.environ | ENVIRONMENT,
        # What was started in the background ignores interrupts, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def said(output: Path) -> str:
    return (output.parent / f"{output.name}.log").read_text()


def finish(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait(PATIENCE)
    finally:
        process.kill()


def wait_for(what: Callable[[], Any], process: subprocess.Popen[str], output: Path) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"it did not come to that: {said(output)[-3000:]}")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node with one CPU, and a GPU that exists on paper."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        cluster_utils = pytest.importorskip("ray.cluster_utils")
        earlier = set(psutil.Process().children(recursive=True))
        cluster = cluster_utils.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1, "include_dashboard": False}
        )
        started = set(psutil.Process().children(recursive=True)) - earlier
        yield cluster
        cluster.shutdown()
        _, left = psutil.wait_procs(started, timeout=20)
        assert not left


def raylet(node: Any) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def cells_on(node: Any) -> list[str]:
    """Names of the cells that run on a node: Ray gives a worker its task's name."""
    titles = []
    for worker in raylet(node).children():
        try:
            titles += worker.cmdline()[:1]
        except psutil.Error:
            continue
    return [title.removeprefix("ray::") for title in titles if re.match(r"ray::\d\dx\d{4}_", title)]


def has_checkpoint(output: Path, cell: str) -> bool:
    return any((output / "checkpoints" / cell).glob("checkpoint-*/complete.json"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_is_killed_and_the_table_is_that_of_an_unbroken_run(cluster: Any, tmp_path: Path) -> None:
    changes = {"seed": "[0, 1, 2]", "epochs": "2", "max_train_tokens": "40000"}
    changes |= {
        "family": "llama",
        "optimizer": "adafactor",
        "dropout": "0.1",
        "data_seed": "7",
        "label_smoothing": "0.1",
    }
    changes |= {"head": "simplex", "tied": "false", "added_loss": "duality", "added_weight": "0.1", "log_states": "2"}
    plain, broken = tmp_path / "plain", tmp_path / "broken"
    assert finish(start(plain, **changes)) == 0, said(plain)[-3000:]
    doomed = cluster.add_node(num_cpus=1)
    places = ["--ray-address", cluster.address, "--cpus-per-cell", "1", "--gpus-per-cell", "0"]
    driver = start(broken, "--launcher", "ray", *places, **changes)
    try:
        victim = wait_for(
            lambda: next((cell for cell in cells_on(doomed) if has_checkpoint(broken, cell)), None), driver, broken
        )
        node = raylet(doomed)
        for process in [node, *node.children(recursive=True)]:
            process.kill()
        assert finish(driver) == 0, said(broken)[-3000:]
    finally:
        driver.kill()
        cluster.remove_node(doomed, allow_graceful=False)
    assert f"{victim}  done" in said(broken)
    assert (broken / "results.csv").read_bytes() == (plain / "results.csv").read_bytes()
    assert not list(broken.glob(".driver-*"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_failing_cell_is_reported_once_and_the_other_on_the_gpu_goes_on(cluster: Any, tmp_path: Path) -> None:
    output = tmp_path / "study"
    share = ["--cpus-per-cell", "0.5", "--gpus-per-cell", "0.5", "--ray-address", cluster.address]
    driver = start(output, "--launcher", "ray", *share, weight_decay="[0.0005, 1e30]")
    assert finish(driver) == 8
    text = said(output)
    assert text.count("wd1e+30_s0  started") == 1
    assert "wd1e+30_s0  FAILED: training diverged" in text
    assert "Traceback" not in text
    assert "Traceback" in (output / "failures" / "01x0016_01_wd1e+30_s0.txt").read_text()
    ledger = Ledger(output, tiny(weight_decay="[0.0005, 1e30]"))
    assert [(row["weight_decay"], row["saved_epoch"]) for row in ledger.rows()] == [(0.0005, -1), (0.0005, 0)]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_interrupt_ends_the_tasks_and_the_next_start_goes_on(cluster: Any, tmp_path: Path) -> None:
    output, changes = tmp_path / "study", {"max_train_tokens": "60000"}
    arguments = ["--launcher", "ray", "--ray-address", cluster.address]
    driver = start(output, *arguments, **changes)
    cell = tiny(**changes).cells[0].name
    wait_for(lambda: has_checkpoint(output, cell), driver, output)
    driver.send_signal(signal.SIGINT)
    assert finish(driver) != 0
    end = time.monotonic() + 30
    while cells_on(cluster.head_node) and time.monotonic() < end:
        time.sleep(0.1)
    assert cells_on(cluster.head_node) == []
    assert Ledger(output, tiny(**changes)).rows() == []
    assert not list(output.glob(".driver-*"))
    assert finish(start(output, *arguments, **changes)) == 0, said(output)[-3000:]
    assert len(Ledger(output, tiny(**changes)).rows()) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "refusal"),
    [({"cpus_per_cell": 64.0}, "64 CPUs"), ({"gpus_per_cell": 1.0, "cpus_per_cell": 1.5}, "1.5 CPUs and 1 GPUs")],
)
def test_more_than_a_node_has_is_refused(cluster: Any, tmp_path: Path, options: dict[str, float], refusal: str) -> None:
    study = tiny()
    ledger = Ledger(tmp_path, study)
    launch = ray_launcher(address=cluster.address, **options)
    with pytest.raises(StudyError, match=re.escape(refusal)):
        launch(study, study.cells, ledger, StudyProgress(study.cells, ledger, Console(quiet=True)))
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "no address"])
def test_an_address_without_a_cluster_is_refused(tmp_path: Path, address: str) -> None:
    pytest.importorskip("ray")
    study = tiny()
    ledger = Ledger(tmp_path, study)
    with pytest.raises(StudyError, match=f"no Ray cluster can be used at {re.escape(address)}.*ray start --head"):
        ray_launcher(address=address)(
            study, study.cells, ledger, StudyProgress(study.cells, ledger, Console(quiet=True))
        )


@pytest.mark.parametrize(
    "options", [{"cpus_per_cell": -1.0}, {"retries": -1}, {"gpus_per_cell": 2.0}, {"gpus_per_cell": -0.5}]
)
def test_numbers_that_cannot_be_meant_are_refused(options: dict[str, Any]) -> None:
    pytest.importorskip("ray")
    with pytest.raises(StudyError, match=next(iter(options))):
        ray_launcher(**options)


def test_without_ray_the_way_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=re.escape("pip install 'nc_hf[ray]'")):
        ray_launcher()


@pytest.mark.slow
def test_a_worker_that_does_not_see_the_folder_sends_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    study, told = tiny(), []

    def tell(name: str, share: float | None) -> None:
        told.append((name, share))

    (cell,), text = study.cells, open_text(study, study.cells[0])
    elsewhere = StudyFolder(tmp_path / "elsewhere", ".driver-0")
    outcome = run_task(study, cell, text, elsewhere, tell)
    assert outcome.why is None
    assert [row["saved_epoch"] for row in outcome.rows] == [-1, 0]
    assert outcome.log is not None
    assert "eval_nc1_trace_ratio" in outcome.log
    assert told[0] == (cell.name, None)
    assert not elsewhere.path.exists()
    assert not list((tmp_path / "home").rglob(cell.name))  # nothing is left behind
    refused = run_task(study.changed(keep_states=True), cell, text, elsewhere, tell)
    assert refused.why is not None
    assert "share --output" in refused.why


@pytest.mark.slow
def test_two_attempts_at_one_cell_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr("nc_hf.study.launchers.ray_task.LOCK_SECONDS", 0.2)
    study = tiny()
    (cell,), folder = study.cells, StudyFolder(tmp_path, "token")
    (tmp_path / "token").touch()
    (tmp_path / "locks").mkdir()
    with FileLock(tmp_path / "locks" / f"{cell.name}.worker"):
        outcome = run_task(study, cell, open_text(study, cell), folder, lambda name, share: None)
    assert outcome.why is not None
    assert "still runs this cell" in outcome.why
    assert not (tmp_path / "checkpoints").exists()
