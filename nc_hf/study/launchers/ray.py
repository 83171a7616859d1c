"""Cells as Ray tasks, on a cluster that exists or on one of our own on this machine.

The driver reads the text once and puts it into Ray's object store, so that workers need no corpus. It alone writes the
ledger. A task whose worker or node is lost is begun again elsewhere, and goes on from its last checkpoint if the
study's folder is one that all nodes see.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from accelerate.state import PartialState

from nc_hf.errors import StudyError
from nc_hf.runtime.extras import require
from nc_hf.runtime.files import write_text
from nc_hf.study.cell import Cell
from nc_hf.study.cost import relative_cost
from nc_hf.study.display import StudyProgress
from nc_hf.study.grid import Study, texts_of
from nc_hf.study.launchers import Launcher
from nc_hf.study.launchers.local import one_line
from nc_hf.study.launchers.ray_task import Outcome, StudyFolder, from_array, run_task, to_array
from nc_hf.study.ledger import LOG, Ledger
from nc_hf.study.text import StudyText, open_text

POLL_SECONDS = 1.0
PATIENCE_SECONDS = 300.0
"""How long cells wait for a node that could run them, after the last such node was lost."""
CONNECT_SECONDS, BOARD_SECONDS = 10.0, 60.0
CLIENT_PORT, PORT = 10001, 6379


def ray_launcher(
    *, address: str | None = None, cpus_per_cell: float = 1.0, gpus_per_cell: float | None = None, retries: int = 3
) -> Launcher:
    """Make the launcher that runs cells as Ray tasks, the dearest first.

    Args:
        address: of a cluster: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``; None starts one on this machine and ends
            it when the cells are done.
        cpus_per_cell: CPUs that a cell takes; it computes with as many threads, and at least one.
        gpus_per_cell: the share of a GPU that a cell takes, up to 1; None takes a whole one where a node has one.
        retries: how often a cell is begun again after its worker or its node was lost. What goes wrong in the cell
            itself is reported and not repeated.

    Raises:
        InputError: Ray is not installed.
        StudyError: a number cannot be meant. The launcher raises it before any training, if no cluster answers or none
            of its nodes can run a cell, and if the last node that could is lost for good.
    """
    require("Ray tasks need", "ray", "ray")
    if not 0 <= cpus_per_cell < math.inf or retries < 0:
        raise StudyError(f"cpus_per_cell is {cpus_per_cell} and retries is {retries}: give numbers from 0.")
    if gpus_per_cell is not None and not 0 <= gpus_per_cell <= 1:
        raise StudyError(
            f"gpus_per_cell is {gpus_per_cell}: give 0 to 1, or train a cell on several GPUs with accelerate launch."
        )

    def launch(study: Study, cells: Sequence[Cell], ledger: Ledger, progress: StudyProgress) -> None:
        if PartialState().num_processes > 1:
            raise StudyError("Ray makes the processes itself: start the study with python, in a single one.")
        with _cluster(address) as ray, ExitStack() as claims:
            resources = {"CPU": cpus_per_cell, "GPU": _gpus(ray) if gpus_per_cell is None else gpus_per_cell}
            _check_room(ray, resources)
            mine = [cell for cell in cells if claims.enter_context(ledger.claim(cell))]
            mine.sort(key=lambda cell: relative_cost(study, cell), reverse=True)
            texts = {key: _shared(ray, open_text(study, cell, ledger.folder)) for key, cell in texts_of(mine).items()}
            folder = claims.enter_context(_marked(ledger.folder))
            board = _start_board(ray)
            task = ray.remote(
                num_cpus=resources["CPU"], num_gpus=resources["GPU"], max_retries=retries, retry_exceptions=False
            )(_task)
            running = {
                task.options(name=cell.name).remote(study, cell, texts[cell.text_key], folder, board): cell
                for cell in mine
            }
            try:
                _follow(ray, running, board, lambda: _room(ray, resources), ledger, progress)
            finally:
                for reference in running:
                    ray.cancel(reference, force=True)

    return launch


def _task(study: Study, cell: Cell, text: StudyText, folder: StudyFolder, board: Any) -> Outcome:
    return run_task(study, cell, text, folder, board.tell.remote)


def _follow(
    ray: Any,
    running: dict[Any, Cell],
    board: Any,
    has_room: Callable[[], bool],
    ledger: Ledger,
    progress: StudyProgress,
) -> None:
    """Enter each cell in the ledger as it ends, until none is left in ``running``."""
    seen = time.monotonic()  # a node that can run a cell
    while running:
        ended, _ = ray.wait(list(running), num_returns=len(running), timeout=POLL_SECONDS)
        _tell(ray, board, {cell.name: cell for cell in running.values()}, progress)
        for reference in ended:
            cell = running.pop(reference)
            if cell not in progress.running:
                progress.started(cell)
            _settle(cell, _outcome(ray, reference), ledger, progress)
        seen = time.monotonic() if has_room() else seen
        if time.monotonic() - seen > PATIENCE_SECONDS:
            raise StudyError("no node that could run a cell is left: join one to the cluster and start again.")


def _tell(ray: Any, board: Any, cells: dict[str, Cell], progress: StudyProgress) -> None:
    try:
        news = ray.get(board.read.remote(), timeout=BOARD_SECONDS)
    except ray.exceptions.RayError:
        return  # the board is being moved; the cells are not concerned
    for name, advance in news:
        if name not in cells:
            continue
        if advance is None or cells[name] not in progress.running:
            progress.started(cells[name])
        if advance is not None:
            progress.advanced(cells[name], advance)


def _outcome(ray: Any, reference: Any) -> Outcome:
    """What became of a task; one that Ray has given up counts as failed."""
    try:
        outcome: Outcome = ray.get(reference)
    except ray.exceptions.RayError as error:
        return Outcome(why=one_line(error), details=str(error))
    return outcome


def _settle(cell: Cell, outcome: Outcome, ledger: Ledger, progress: StudyProgress) -> None:
    if outcome.why is not None:
        ledger.record_failure(cell, outcome.details)
        progress.failed(cell, outcome.why)
        return
    if outcome.log is not None:
        write_text(ledger.cell_folder(cell) / LOG, outcome.log)
    ledger.record(cell, outcome.rows)
    progress.finished(cell)


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or start one, and leave or end it.

    Raises:
        StudyError: none answers at the address, or one that cannot be used; or it was lost.
    """
    import ray

    try:
        if address is None:
            ray.init("local", include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
        else:
            _check_listening(address)
            ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = "could be started here" if address is None else f"can be used at {address}"
        raise StudyError(
            f"no Ray cluster {where} ({one_line(error)}): start one with ray start --head, and name its address."
        ) from None
    try:
        yield ray
    except (ConnectionError, ray.exceptions.RayError) as error:
        raise StudyError(f"the Ray cluster was lost ({one_line(error)}): start again with the same output.") from error
    finally:
        ray.shutdown()


def _check_listening(address: str) -> None:
    """Find out in seconds what Ray takes minutes to say, and then ends the process: nobody listens there.

    Raises:
        OSError: nobody does.
    """
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "auto")
    parts = urlsplit(address if "://" in address else f"//{address}")
    if address != "auto" and parts.hostname:
        port = parts.port or (CLIENT_PORT if parts.scheme == "ray" else PORT)
        socket.create_connection((parts.hostname, port), timeout=CONNECT_SECONDS).close()


def _nodes(ray: Any) -> list[dict[str, float]]:
    """What each living node has: CPU, GPU and so on."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _gpus(ray: Any) -> float:
    return 1.0 if any(node.get("GPU", 0) for node in _nodes(ray)) else 0.0


def _room(ray: Any, resources: dict[str, float]) -> bool:
    return any(all(node.get(kind, 0) >= share for kind, share in resources.items()) for node in _nodes(ray))


def _check_room(ray: Any, resources: dict[str, float]) -> None:
    """Refuse a cell that no node could ever run, which Ray would keep waiting.

    Raises:
        StudyError: there is no such node.
    """
    if not _room(ray, resources):
        most = {kind: max(node.get(kind, 0) for node in _nodes(ray)) for kind in resources}
        raise StudyError(
            f"no node of the cluster has {resources['CPU']:g} CPUs and {resources['GPU']:g} GPUs for a cell (at most "
            f"{most['CPU']:g} and {most['GPU']:g}): ask for less with --cpus-per-cell and --gpus-per-cell, or join one."
        )


def _shared(ray: Any, text: StudyText) -> Any:
    """Put the text into the object store, once for all workers of a node."""
    ray.util.register_serializer(torch.Tensor, serializer=to_array, deserializer=from_array)
    try:
        return ray.put(text)
    finally:
        ray.util.deregister_serializer(torch.Tensor)


@contextmanager
def _marked(folder: Path) -> Iterator[StudyFolder]:
    """Keep a file in the study's folder by which workers know it."""
    path = folder.resolve() / f".driver-{uuid.uuid4().hex}"
    path.touch()
    try:
        yield StudyFolder(path.parent, path.name)
    finally:
        path.unlink(missing_ok=True)


def _start_board(ray: Any) -> Any:
    """Start an actor with which tasks leave word of how far they are: beside the driver, and lost without harm."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    class Board:  # Ray sends a class of a function as it is, so the actor need not import torch for the module's
        def __init__(self) -> None:
            self._news: list[tuple[str, Any]] = []

        def tell(self, name: str, advance: Any) -> None:
            self._news.append((name, advance))

        def read(self) -> list[tuple[str, Any]]:
            news, self._news = self._news, []
            return news

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(Board).remote()
