"""The state of an unfinished pass on disk."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from accelerate.state import PartialState
from torch import Tensor, nn

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.errors import FileError
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.validity import fault_of
from nc_hf.model.anatomy import weight_hash
from nc_hf.runtime.container import load_container, save_container
from nc_hf.runtime.distributed import exchange_tensors, failing_together, wait_for_all
from nc_hf.runtime.files import make_folder

KIND = "nc_hf.collection"
VERSION = 5  # 1 kept the final layer beside the others, 2 the outcomes of all groups in one, 3 no marks, 4 no digest

_LOG = logging.getLogger("nc_hf.measurement")


class CheckpointFolder:
    """Keeps the state of an unfinished collection on disk, one file a rank, and the last two of each."""

    def __init__(
        self,
        folder: Path,
        collection: Collection,
        model: nn.Module,
        blocks: TokenBlocks,
        batch_size: int,
        process: PartialState,
    ) -> None:
        """Open the folder, or make it, for one collection of a model over blocks."""
        self._folder, self._collection, self._process = folder, collection, process
        self._identity = {
            "model": weight_hash(model),
            "corpus": blocks.fingerprint,
            "blocks": str(len(blocks)),
            "batch_size": str(batch_size),
            "processes": str(process.num_processes),
            **collection.identity,
        }
        with failing_together(process):
            make_folder(folder)

    def resume(self) -> int:
        """Load the newest state that all ranks have whole, and return how many batches it holds.

        Raises:
            FileError: the folder is of another measurement, or cannot be read.
        """
        with failing_together(self._process):
            whole = self._whole()
        common = self._newest_common(set(whole))
        if common:
            self._collection.load_state_dict(whole[common])
        return common

    def save(self, batches: int) -> None:
        """Write this rank's state; the one before stays, for when a disk has lost the last."""
        entries = {**self._identity, "batches": str(batches)}
        save_container(self._path(batches), KIND, VERSION, self._collection.state_dict(), entries)
        wait_for_all(self._process)
        for number in sorted(self._numbers() - {batches})[:-1]:
            self._path(number).unlink()

    def clear(self) -> None:
        """Remove this rank's files, and what was half-written when it was killed: the collection is complete."""
        for hidden in ("", "."):
            for path in self._folder.glob(f"{hidden}rank{self._process.process_index}.*.safetensors"):
                path.unlink()

    def _newest_common(self, mine: set[int]) -> int:
        if self._process.num_processes > 1:
            numbers: Tensor = torch.tensor(sorted(mine), dtype=torch.int64)
            for part in exchange_tensors({"batches": numbers}, self._process):
                mine = mine & set(part["batches"].tolist())
        return max(mine, default=0)

    def _path(self, batches: int) -> Path:
        return self._folder / f"rank{self._process.process_index}.{batches}.safetensors"

    def _whole(self) -> dict[int, dict[str, Tensor]]:
        """Read the states of this rank; one that is damaged is left out if there is one before it."""
        whole, faults = {}, []
        for number in sorted(self._numbers(), reverse=True):
            try:
                whole[number] = self._read(number)
            except _DamageError as fault:
                faults.append(str(fault))
        if faults and not whole:
            raise FileError(f"{faults[0]}: remove what is in {self._folder} to begin anew.")
        for said in faults:
            _LOG.warning("%s: it is left out, and the measurement goes on from what was saved before.", said)
        return whole

    def _numbers(self) -> set[int]:
        """How many batches the files of this rank hold, by their names."""
        names = (path.name.split(".") for path in self._folder.glob(f"rank{self._process.process_index}.*.safetensors"))
        return {int(parts[1]) for parts in names if len(parts) == 3 and parts[1].isdecimal()}

    def _read(self, batches: int) -> dict[str, Tensor]:
        """Read a state of this rank.

        Raises:
            _DamageError: it is not whole, or cannot be the state of a pass.
            FileError: it is of another measurement.
        """
        path = self._path(batches)
        try:
            tensors, entries = load_container(path, KIND, VERSION)
        except FileError as fault:
            raise _DamageError(str(fault).partition(": write it again")[0]) from None
        if entries != {**self._identity, "batches": str(batches)}:
            raise FileError(
                f"{self._folder} holds another measurement: pass an empty checkpoint folder, or the same model, "
                "corpus and options as before."
            )
        if why := fault_of(tensors, len(self._collection.outcomes.sums[0])):
            raise _DamageError(f"{path} holds no checkpoint, for {why}")
        return tensors


class _DamageError(Exception):
    """A state that cannot be gone on from; the message says why, without what to do."""
