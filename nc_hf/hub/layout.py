"""The model that a configuration describes, laid out without memory (on the device "meta") in the cage.

What the weights' files do not fill would be filled at random, and could be of any size. So what a configuration asks
for is held against what the files hold: its numbers before anything is made of them, and then the whole.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from nc_hf.errors import ModelError, NCError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.configuration import CONFIG_LIMITS, build_config, first_line, numbers_of, shown_number
from nc_hf.hub.weights import WeightSummary
from nc_hf.runtime.cage import CageError, run
from nc_hf.runtime.cage.frames import Answer

# A number of one of these names is a side of a weight, or at least as many weights belong to it; a layer has several
# tensors, or shares them with others of its file.
_SIDE = re.compile(
    r"(vocab|hidden|intermediate|embedding|inner|ffn)_?(size|dim)|n_embd|n_inner|d_model|d_ff|num_labels"
    r"|(num|n)_(\w+_)?(layers?|heads?)"
)


def described_model(name: str, folder: Path, kind: str, weights: WeightSummary) -> tuple[Any, int]:
    """Read the configuration of a model, and refuse one that describes a larger model than its weights fill.

    Args:
        name: of the model, for the message.
        folder: with its ``config.json``, which was checked.
        kind: the type of the model.
        weights: what its files hold.

    Returns:
        The ``PreTrainedConfig``, and the bytes of the tables that the model makes for itself (masks, positions), which
        no file holds.

    Raises:
        ModelError: it does, or describes none.
    """
    known = MODEL_FOR_CAUSAL_LM_MAPPING.get(CONFIG_MAPPING[kind], None)
    needs = [known.__module__] if isinstance(known, type) else []
    held, tensors = sum(weights.elements.values()), len(weights.elements)
    try:
        tables = int(run(laid_out, name, folder, held, tensors, limits=CONFIG_LIMITS, needs=needs).value)
    except CageError as error:
        raise ModelError(
            f"The model that the config.json of {name} describes {error.happened}", Remedy.FOREIGN
        ) from error
    return build_config(name, folder), tables


def laid_out(name: str, folder: Path, held: int, tensors: int) -> Answer:
    """Lay a model out and return the bytes of its tables; for the cage.

    Args:
        name: of the model, for the message.
        folder: with its ``config.json``.
        held: numbers that its files hold.
        tensors: in which they are.

    Raises:
        ModelError: as `described_model`.
    """
    _check_sides(name, json.loads((folder / "config.json").read_text(encoding="utf-8")), held)
    config = build_config(name, folder)
    try:
        if (getattr(config.get_text_config(), "num_hidden_layers", None) or 0) > tensors:
            raise _larger(name, held)  # not worth laying out
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        described = sum(parameter.numel() for parameter in model.parameters())  # tied ones once
        tables = sum(buffer.nbytes for buffer in model.buffers())
    except (NCError, MemoryError):
        raise
    except Exception as fault:  # sizes that do not go together fail somewhere within the model's own code
        raise ModelError(
            f"The config.json of {name} describes no model ({first_line(fault)}): name another."
        ) from fault
    if described > held:
        raise _larger(name, held)
    return Answer(tables)


def _check_sides(name: str, config: Any, held: int) -> None:
    """Refuse numbers that the weights cannot fill, before anything is made of them."""
    for key, number in numbers_of(config):
        if number > held and _SIDE.fullmatch(key):
            raise ModelError(
                f"The config.json of {name} gives {key} as {shown_number(number)} and its weights are {held:,} "
                "numbers: one of them is wrong, name another model or revision."
            )


def _larger(name: str, held: int) -> ModelError:
    return ModelError(
        f"The config.json of {name} describes a model larger than its weights ({held:,} numbers): "
        "one of them is wrong, name another model or revision."
    )
