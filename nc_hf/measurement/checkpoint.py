"""The state of an unfinished pass on disk."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate.state import PartialState
from torch import Tensor, nn

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.errors import FileError
from nc_hf.measurement.collection import Collection
from nc_hf.model.anatomy import weight_hash
from nc_hf.runtime.distributed import exchange_tensors
from nc_hf.runtime.tensors import load_tensors, save_tensors

_FORMAT = "nc_hf.collection"
_VERSION = "4"  # 1 kept the final layer beside the others, 2 the outcomes of all groups in one, 3 no marks


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
            "format": _FORMAT,
            "version": _VERSION,
            "model": weight_hash(model),
            "corpus": blocks.fingerprint,
            "blocks": str(len(blocks)),
            "batch_size": str(batch_size),
            "processes": str(process.num_processes),
            **collection.identity,
        }
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> int:
        """Load the newest state that all ranks have, and return how many batches it holds."""
        mine = {self._batches(path) for path in self._folder.glob(f"rank{self._process.process_index}.*.safetensors")}
        common = self._newest_common(mine)
        if common:
            tensors, metadata = load_tensors(self._path(common), _FORMAT)
            if metadata != {**self._identity, "batches": str(common)}:
                raise FileError(
                    f"{self._folder} holds another measurement: pass an empty checkpoint folder, or the same model, "
                    "corpus and options as before."
                )
            self._collection.load_state_dict(tensors)
        return common

    def save(self, batches: int) -> None:
        """Write this rank's state; the one before stays until every rank has written."""
        metadata = {**self._identity, "batches": str(batches)}
        save_tensors(self._path(batches), self._collection.state_dict(), metadata)
        self._process.wait_for_everyone()
        for path in self._folder.glob(f"rank{self._process.process_index}.*.safetensors"):
            if self._batches(path) < batches:
                path.unlink()

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

    @staticmethod
    def _batches(path: Path) -> int:
        return int(path.name.split(".")[1])
