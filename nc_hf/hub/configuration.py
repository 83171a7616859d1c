"""The configuration: whether it is of a causal language model that transformers itself knows, and of a sane size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from nc_hf.errors import ModelError
from nc_hf.errors.remedies import Remedy
from nc_hf.runtime.cage import CageError, Limits, run
from nc_hf.runtime.cage.frames import Answer

# What Python raises when a file's JSON is not of the expected form.
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
# A configuration is unfolded into lists and modules before anything can be compared with the weights. No known model
# has a tenth of these numbers; rotary bases are no counts.
_MAX_MODULES, _MAX_LABELS, _MAX_COUNT = 10_000, 100_000, 1_000_000_000
_MODULES, _LABELS, _NO_COUNT = (
    re.compile("layer|block|expert"),
    re.compile("labels"),
    re.compile("theta|rope|_id$|_ids$"),
)
_SHOWN_BELOW = 1e300
CONFIG_LIMITS = Limits(cpu_seconds=20, wall_seconds=60)
"""Of what is done with a configuration, from its file to the layout of its model."""


def check_config(name: str, folder: Path) -> str:
    """Refuse a ``config.json`` that is not of a causal language model of a sane size; it is parsed in the cage.

    Returns:
        The type of the model, one of those that transformers knows.

    Raises:
        ModelError: if it cannot be read, needs remote code, is quantised, or is not of a causal language model.
    """
    try:
        kind = run(checked_config, name, folder, limits=CONFIG_LIMITS).value
    except CageError as error:
        raise ModelError(f"The config.json of {name} {error.happened}", Remedy.FOREIGN) from error
    if kind not in CONFIG_MAPPING_NAMES:
        raise ModelError(f"The config.json of {name} cannot be read: repair it or name another model.")
    return str(kind)


def checked_config(name: str, folder: Path) -> Answer:
    """Check a configuration as its file has it; for the cage.

    Raises:
        ModelError: as `check_config`.
    """
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        _check_type(name, raw)
        check_causal(name, raw)
        _check_counts(name, raw)
    except (OSError, *MALFORMED) as fault:
        raise ModelError(f"The config.json of {name} cannot be read: repair it or name another model.") from fault
    return Answer(raw["model_type"])


def build_config(name: str, folder: Path) -> Any:
    """Make a configuration of its file, which was checked.

    Returns:
        The ``PreTrainedConfig``, with the model's own choices of kernels left out: they may name code on the Hub.

    Raises:
        ModelError: the code of its type does not take it.
    """
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        config._attn_implementation = None
        config._experts_implementation = None
    except MemoryError:
        raise
    except Exception as fault:  # a configuration is checked by code of every model type, which may raise anything
        raise ModelError(
            f"The config.json of {name} is not valid ({first_line(fault)}): name another model."
        ) from fault
    return config


def first_line(fault: BaseException) -> str:
    """Give the first line of an error, short enough for a sentence."""
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0][:160].rstrip(".")


def _check_type(name: str, config: Mapping[str, Any]) -> None:
    """Refuse types that transformers does not know by itself, and weights that it could not read as numbers."""
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING_NAMES:
        if config.get("auto_map"):
            raise ModelError(f"{name} needs code of its repository, which is never run: name a model of transformers.")
        raise ModelError(f"{name} is of the type {str(kind)[:50]!r}, which transformers does not know", Remedy.UPDATE)
    if quantised := config.get("quantization_config"):
        method = str(quantised.get("quant_method", "by a method that is not named"))[:50]
        raise ModelError(f"The weights of {name} are quantised ({method}): name the original model instead.")
    if config.get("transformers_weights"):
        raise ModelError(f"{name} keeps its weights under a name of its own", Remedy.SAFETENSORS)


def check_causal(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a model that does not predict the next token from those before it.

    Args:
        name: of the model, for the message.
        config: contents of its ``config.json``.

    Raises:
        ModelError: for an encoder-decoder, a masked language model, and a model without a language-model head.
    """
    kind = config["model_type"]
    architectures = [str(known) for known in config.get("architectures") or ()]
    shown = architectures[0] if architectures else kind
    causal = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind)
    with_head = ("forcausallm", "lmheadmodel", str(causal).lower())
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{name} is an encoder-decoder ({shown}): name a decoder-only model.")
    both_ways = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not config.get("is_decoder") and kind != "reformer"
    if both_ways or any("MaskedLM" in known for known in architectures):
        raise ModelError(f"{name} is a masked language model ({shown}), which sees the next token: name a causal one.")
    if causal is None:
        raise ModelError(f"{name} ({shown}) is not a language model that predicts the next token: name a causal one.")
    if architectures and not any(known.lower().endswith(with_head) for known in architectures):
        raise ModelError(
            f"{name} was saved as {shown}, without the head of {causal}: name a model saved with its head."
        )


def _check_counts(name: str, value: Any, key: str = "") -> None:
    """Refuse numbers of layers, experts and the like that no model has, wherever in the configuration they stand."""
    for inner, number in numbers_of(value, key):
        if not _NO_COUNT.search(inner) and number > _most(inner):
            raise ModelError(
                f"The config.json of {name} gives {inner[:80]} as {shown_number(number)}: no model has so many, name "
                "another."
            )


def numbers_of(value: Any, key: str = "") -> Iterator[tuple[str, int | float]]:
    """Yield all numbers within, each with the name of its entry."""
    if isinstance(value, Mapping):
        for inner, each in value.items():
            yield from numbers_of(each, inner)
    elif isinstance(value, list):
        for each in value:
            yield from numbers_of(each, key)
    elif isinstance(value, int | float):
        yield key, value


def shown_number(number: int | float) -> str:
    """Write a number of any size.

    >>> shown_number(5_000_000), shown_number(10**400)
    ('5e+06', '1e+300 or more')
    """
    return f"{number:.3g}" if number < _SHOWN_BELOW else f"{_SHOWN_BELOW:.0g} or more"


def _most(key: str) -> int:
    return _MAX_MODULES if _MODULES.search(key) else _MAX_LABELS if _LABELS.search(key) else _MAX_COUNT
