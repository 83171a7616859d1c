"""Fetching the files that were found fit, and building the model from them; an adapter is merged into its base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.utils.tqdm import tqdm as hub_tqdm
from transformers import AutoModelForCausalLM

from nc_hf.errors import HubError, ModelError, NCError
from nc_hf.hub.adapter import ADAPTER_WEIGHTS
from nc_hf.hub.configuration import first_line
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.merging import merge_adapter
from nc_hf.hub.room import check_memory
from nc_hf.hub.source import ModelSource
from nc_hf.hub.weights import BUILDING

# A stored tensor that the model leaves unused is usually a mask or a table of an old version; more than this share of
# all weights means that the configuration describes another, smaller model.
_MAX_UNUSED_SHARE = 0.01

ByteCounter = Callable[[int], None]


def download(
    source: ModelSource, *, weights: bool = True, token: str | bool | None = None, progress: ByteCounter | None = None
) -> Path:
    """Fetch a model's files into the client's cache, those already there excepted; of an adapter its base's too.

    Args:
        source: as :func:`~nc_hf.hub.source.resolve` gave it.
        weights: whether the weights too; False for the configuration and tokenizer alone.
        token: the reader's own token; default: the one the client finds; False for none.
        progress: called with the number of bytes that just came; an error that it raises ends the download.

    Returns:
        The folder with the model's own files. A file that did not come whole is never in it.

    Raises:
        HubError: if a file does not come, or more comes than was announced.
    """
    if source.base:
        download(source.base, weights=weights, token=token, progress=progress)
    if source.path:
        return source.path
    folder = None
    for file in source.files:
        if weights or not file.endswith(".safetensors"):
            meter = _meter(source, file, progress)
            with hub_faults(source.id, source.revision, token):
                path = hf_hub_download(source.id, file, revision=source.commit, token=token, tqdm_class=meter)
            folder = Path(path).parent
    if folder is None:
        raise HubError(f"{source.id} has no files to fetch: name another model.")
    return folder


def load_model(
    source: ModelSource,
    dtype: torch.dtype | str | None = None,
    device: torch.device | str = "cpu",
    *,
    token: str | bool | None = None,
    progress: ByteCounter | None = None,
) -> Any:
    """Build the model in evaluation mode, from safetensors alone and without code of the repository.

    Args:
        source: as :func:`~nc_hf.hub.source.resolve` gave it.
        dtype: of the weights in memory, for instance ``"float32"``; default: the one that the checkpoint names.
        device: where to put it.
        token: the reader's own token; default: the one the client finds; False for none.
        progress: called with the number of bytes that just came.

    Raises:
        HubError: if the files do not come.
        ModelError: if they do not make up the model that the configuration describes, an adapter does not fit its base,
            or there is no memory for it.
    """
    if source.base and source.adapter:
        model = load_model(source.base, dtype, device, token=token, progress=progress)
        weights = download(source, token=token, progress=progress) / ADAPTER_WEIGHTS
        return merge_adapter(source.id, model, source.adapter, weights)
    target = _dtype(source, dtype)
    check_memory(source.id, source.parameters * target.itemsize)
    folder = download(source, token=token, progress=progress)
    try:
        with BUILDING:
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                config=source.config,
                dtype=target,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
        _check_found(source, found, model)
        return model.to(device).eval()
    except NCError:
        raise
    except Exception as fault:  # models raise whatever their own code raises for files they do not fit
        raise ModelError(
            f"{source.id} cannot be loaded ({first_line(fault)}): name another model or revision."
        ) from fault


def _dtype(source: ModelSource, dtype: torch.dtype | str | None) -> torch.dtype:
    """The type asked for, else the one in the configuration, else the one most weights are stored in."""
    named = dtype or getattr(source.config, "dtype", None) or source.dtype
    found = getattr(torch, named.removeprefix("torch."), None) if isinstance(named, str) else named
    if isinstance(found, torch.dtype) and found.is_floating_point:
        return found
    raise ModelError(f"{named!r} is no type for weights: use float32, bfloat16 or float16.")


def _check_found(source: ModelSource, found: dict[str, Any], model: Any) -> None:
    """Refuse a model of which a part was filled at random or of whose file a part was left out."""
    strange = sorted(str(key) for key in [*found["missing_keys"], *found["mismatched_keys"]])
    if strange:
        raise ModelError(
            f"The weights of {source.id} do not fit its config.json ({strange[0][:80]} and {len(strange) - 1} more): "
            "name another model or revision."
        )
    total = sum(parameter.numel() for parameter in model.parameters())
    if source.parameters - total > _MAX_UNUSED_SHARE * total and found["unexpected_keys"]:
        raise ModelError(
            f"{source.id} has {source.parameters:,} weights of which its config.json uses {total:,}: "
            "name another model or revision."
        )


def _meter(source: ModelSource, file: str, progress: ByteCounter | None) -> type[hub_tqdm]:
    """Make a bar for the client that also reports, and ends a download that is longer than it was announced to be."""

    class Meter(hub_tqdm):
        """The client's own bar, with the two additions."""

        received = 0

        def update(self, n: float | None = 1) -> bool | None:
            """Count ``n`` more bytes (fewer, when the client starts a file anew)."""
            self.received += int(n or 0)
            if self.received > source.files[file]:
                raise HubError(f"{file} of {source.id} is larger than its list of files says: name another model.")
            if progress:
                progress(int(n or 0))
            return super().update(n)

    return Meter
