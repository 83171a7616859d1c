"""The weight files: which they are, and what their headers declare."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nc_hf.errors import ModelError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.configuration import MALFORMED

if TYPE_CHECKING:
    from huggingface_hub.utils._safetensors import SafetensorsFileMetadata, SafetensorsRepoMetadata

_SHOWN = 5
WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
# transformers switches initialisation and tying off for the whole process while it builds a model, and two threads that
# build at once can leave them off for good: one model at a time.
BUILDING = threading.Lock()
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".pkl"}
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class WeightSummary:
    """What the headers of the safetensors files declare.

    Attributes:
        parameters: number of floating-point elements.
        elements: number of elements of each tensor, by its name.
        dtype: the floating-point type of most parameters, for instance ``float32``.
    """

    parameters: int
    elements: dict[str, int]
    dtype: str


def check_files(name: str, files: Iterable[str], originals: Sequence[str] = ()) -> str:
    """Return the file to read the weights from: ``model.safetensors`` or its index.

    Args:
        name: of the model, for the message.
        files: at its root, ``config.json`` among them.
        originals: models that it was made of, as its page says.

    Raises:
        ModelError: if there is none, or what lies there is an adapter where a whole model is needed, pickles or another
            program's format.
    """
    names = set(files)
    if "adapter_config.json" in names:
        raise ModelError(f"{name} is an adapter and no base for another one: merge it, save, and name the result.")
    for weights in (WEIGHTS, WEIGHTS_INDEX):
        if weights in names:
            return weights
    endings = {Path(file).suffix for file in names}
    if endings & _PICKLES:
        raise ModelError(f"{name} has its weights as pickles or the like only, which may run code", Remedy.SAFETENSORS)
    if ".gguf" in endings:
        raise _gguf(name, originals)
    raise ModelError(f"{name} has no {WEIGHTS}: name a repository or folder with weights as safetensors.")


def elsewhere(
    name: str, files: Iterable[str], originals: Sequence[str], folders: Sequence[str], local: Path | None
) -> ModelError:
    """Say of a repository or folder without ``config.json`` where a model is instead.

    Args:
        name: as it was written.
        files: at its root.
        originals: models that it was made of, as its page says.
        folders: below it, with a ``config.json`` each.
        local: where it is, if it is on this machine.
    """
    if "adapter_config.json" in files:
        return ModelError(f"{name} is an adapter and no base for another one: merge it, save, and name the result.")
    if folders:
        shown = ", ".join(folders[:_SHOWN]) + (f" and {len(folders) - _SHOWN} more" if len(folders) > _SHOWN else "")
        fault = f"{name} has no config.json at its top, but in {shown}"
        if local is not None:
            return ModelError(f"{fault}: name one of these folders, such as {Path(name) / folders[0]}.")
        return ModelError(fault, Remedy.SUB_FOLDER, name=name, folder=folders[0])
    if any(file.endswith(".gguf") for file in files):
        return _gguf(name, originals)
    return ModelError(f"{name} has no config.json: name a repository or folder in the format of transformers.")


def _gguf(name: str, originals: Sequence[str]) -> ModelError:
    known = f", by its page {' or '.join(originals)}" if originals else ""
    return ModelError(f"{name} is in the format GGUF, quantised for other programs: name the original model{known}.")


def summarise_weights(name: str, headers: SafetensorsRepoMetadata, sizes: Mapping[str, int]) -> WeightSummary:
    """Add up what the headers declare, and hold it against the files' sizes.

    Args:
        name: of the model, for the message.
        headers: of all its safetensors files.
        sizes: bytes of each file.

    Raises:
        ModelError: if a header contradicts itself or the size of its file, or the weights are quantised.
    """
    elements: dict[str, int] = {}
    kinds: Counter[str] = Counter()
    for file, header in headers.files_metadata.items():
        try:
            end = _last_byte(header)
        except MALFORMED as fault:
            raise ModelError(f"The header of {file} in {name} contradicts itself: name another model.") from fault
        if end > sizes[file] - 8:
            raise ModelError(f"The header of {file} in {name} declares more than the file holds", Remedy.SAVE_ANEW)
        for tensor, info in header.tensors.items():
            elements[tensor] = math.prod(info.shape)
            kinds[info.dtype] += elements[tensor]
    floating = {_DTYPES[kind]: count for kind, count in kinds.items() if kind in _DTYPES}
    parameters = sum(floating.values())
    if 2 * parameters < kinds.total():  # masks and position tables of old checkpoints are integers too, but few
        kind = kinds.most_common(1)[0][0]
        raise ModelError(f"The weights of {name} are quantised ({kind}): name the original model.")
    if not parameters:
        raise ModelError(f"The weight files of {name} hold no weights: name another model.")
    return WeightSummary(parameters, elements, max(floating, key=lambda kind: floating[kind]))


def _last_byte(header: SafetensorsFileMetadata) -> int:
    """Where the last tensor ends, in bytes from the end of the header.

    Raises:
        ValueError: if a tensor's shape, type and place do not agree.
    """
    end = 0
    for info in header.tensors.values():
        begin, stop = info.data_offsets
        num_bytes = math.prod(info.shape) * _ITEM_BYTES.get(info.dtype, 0)
        if begin < 0 or stop < begin or min(info.shape, default=0) < 0 or num_bytes not in (0, stop - begin):
            raise ValueError(info)
        end = max(end, stop)
    return end
