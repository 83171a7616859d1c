"""Adapters of PEFT: which can be merged into their base model, and what their ``adapter_config.json`` says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nc_hf.errors import InputError, ModelError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.adapter_settings import IN_FRONT, MERGED, OF_NO_EFFECT, PLAIN_INIT
from nc_hf.hub.configuration import MALFORMED
from nc_hf.hub.reference import Reference, parse_reference
from nc_hf.runtime.extras import require

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BY_HAND = "merge the two with peft, save, and name the result"
"""What to do with an adapter that is not merged here."""


@dataclass(frozen=True)
class Adapter:
    """An adapter, as its configuration describes it.

    Attributes:
        kind: of PEFT's, such as ``LORA``.
        base: id or folder of the model that it was trained over.
        revision: of the base; None for the default one.
        settings: the entries that decide the merged weights, each of them checked.
    """

    kind: str
    base: str
    revision: str | None
    settings: dict[str, Any]


def check_adapter_files(name: str, files: Iterable[str]) -> None:
    """Refuse an adapter without weights as safetensors, and any where PEFT is missing.

    Raises:
        InputError: PEFT is not installed.
        ModelError: there are no weights, or pickles alone.
    """
    names = set(files)
    if ADAPTER_WEIGHTS not in names and "adapter_model.bin" in names:
        raise ModelError(
            f"{name} is an adapter with its weights as a pickle only, which may run code", Remedy.SAFETENSORS
        )
    if ADAPTER_WEIGHTS not in names:
        raise ModelError(
            f"{name} is an adapter without {ADAPTER_WEIGHTS}: name a repository or folder with its weights."
        )
    require(f"{name} is an adapter, which needs", "peft", "peft")


def read_adapter(name: str, text: bytes) -> Adapter:
    """Read ``adapter_config.json``.

    Args:
        name: of the adapter, for the message.
        text: of the file.

    Raises:
        ModelError: it cannot be read, names no base model, or has a kind or an entry that cannot be merged here.
    """
    try:
        entries = json.loads(text)
        kind = str(entries.get("peft_type"))[:50]
        _check_kind(name, kind, entries.get("task_type"))
        settings = {key: value for key, value in entries.items() if _decides(name, kind, key, value)}
        base, revision = entries.get("base_model_name_or_path"), entries.get("revision")
    except MALFORMED as fault:
        raise ModelError(
            f"The {ADAPTER_CONFIG} of {name} cannot be read: repair it or name another adapter."
        ) from fault
    if not (isinstance(base, str) and base.strip() and isinstance(revision, str | None)):
        raise ModelError(f"{name} is an adapter that does not name its base model: {BY_HAND}.")
    return Adapter(kind, base.strip(), revision or None, settings)


def base_reference(name: str, adapter: Adapter, *, allow_local: bool = False) -> Reference:
    """Return the base of an adapter as what was asked for.

    Args:
        name: of the adapter, for the message.
        adapter: that names it.
        allow_local: whether it may be a folder: only an adapter that lies on this machine itself may have it here.

    Raises:
        ModelError: it cannot be meant.
    """
    try:
        return parse_reference(adapter.base, adapter.revision, allow_local=allow_local)
    except InputError as fault:
        raise ModelError(
            f"{name} is an adapter over {adapter.base[:100]!r}, which is no model that can be read here: merge the two "
            "where it was trained, save, and name the result."
        ) from fault


def hash_of_merged(adapter: Adapter, weights: str, base: str) -> str:
    """Hash what decides merged weights: the adapter's file, its settings, and what tells the base from another.

    >>> one, other = (Adapter("LORA", "b", None, {"lora_alpha": alpha}) for alpha in (8, 16))
    >>> hash_of_merged(one, "sha256:00", "sha256:11") == hash_of_merged(other, "sha256:00", "sha256:11")
    False
    """
    parts = json.dumps([adapter.kind, adapter.settings, weights, base], sort_keys=True)
    return f"sha256:{hashlib.sha256(parts.encode()).hexdigest()}"


def _check_kind(name: str, kind: str, task: object) -> None:
    if kind in IN_FRONT:
        raise ModelError(
            f"{name} is an adapter of the kind {kind}, which sets vectors of its own beside the text and leaves "
            "nothing to merge: name a model, or an adapter such as LoRA."
        )
    if kind not in MERGED:
        raise ModelError(f"{name} is an adapter of the kind {kind!r}, which is not merged here: {BY_HAND}.")
    if task not in (None, "CAUSAL_LM"):
        raise ModelError(f"{name} is an adapter for {task!r:.50}, not for a causal language model: name one that is.")


def _decides(name: str, kind: str, key: str, value: Any) -> bool:
    """Whether an entry is one that is handed on, empty ones excepted; refuse those that cannot be what they are."""
    may_be = MERGED[kind].get(key)
    if may_be is not None and value not in (None, [], {}):
        if may_be(value):
            return True
        raise ModelError(
            f"The {ADAPTER_CONFIG} of {name} gives {key} as {value!r:.60}, which no adapter has: name another one."
        )
    if key.startswith("init_") and value not in PLAIN_INIT:
        raise ModelError(f"{name} began with {value!r:.50}, which changes the base's own weights: {BY_HAND}.")
    if may_be is None and value and not OF_NO_EFFECT.fullmatch(key):
        raise ModelError(f"{name} has {key[:50]!r}, which is not merged here: {BY_HAND}.")
    return False
