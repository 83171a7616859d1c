"""The entries of an ``adapter_config.json`` that decide merged weights: by kind of adapter, and what each may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# No known adapter has a tenth of these.
_MAX_COUNT, _MAX_NUMBER, _MAX_ENTRIES = 16_384, 1e6, 2_000
_NAME = re.compile(r"\w+(\.\w+)*", re.ASCII)
_PATTERN = re.compile(r"[\w.\\^$-]+", re.ASCII)  # a regular expression that cannot take long


def is_switch(value: object) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def is_count(value: object) -> bool:
    """Whether a value is a number of ranks or the like; -1 is what PEFT takes for none."""
    return type(value) is int and -1 <= value <= _MAX_COUNT and value != 0


def is_number(value: object) -> bool:
    """Whether a value is a number of a sane size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER


def is_bias(value: object) -> bool:
    """Whether a value says whose biases were trained."""
    return value in ("none", "all", "lora_only")


def are_names(value: object) -> bool:
    """Whether a value is a list of modules by their plain names, which PEFT takes for regular expressions."""
    return isinstance(value, list) and len(value) <= _MAX_ENTRIES and all(_is_text(each, _NAME) for each in value)


def are_rows(value: object) -> bool:
    """Whether a value is a list of tokens, or such lists by the name of a module."""
    lists: Iterable[Any] = value.values() if isinstance(value, Mapping) else [value]
    named = not isinstance(value, Mapping) or are_names(list(value))
    return named and all(
        isinstance(rows, list) and all(type(row) is int and row >= 0 for row in rows) for rows in lists
    )


def are_counts(value: object) -> bool:
    """Whether a value has counts by the pattern of a module's name."""
    return _by_pattern(value, is_count)


def are_numbers(value: object) -> bool:
    """Whether a value has numbers by the pattern of a module's name."""
    return _by_pattern(value, is_number)


def _by_pattern(value: object, check: Callable[[object], bool]) -> bool:
    if not isinstance(value, Mapping) or len(value) > _MAX_ENTRIES:
        return False
    return all(_is_text(key, _PATTERN) and _compiles(key) and check(each) for key, each in value.items())


def _is_text(value: object, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and len(value) <= 200 and form.fullmatch(value) is not None


def _compiles(pattern: str) -> bool:
    try:
        return bool(re.compile(pattern))
    except re.error:
        return False


_LYCORIS = {
    "r": is_count,
    "alpha": is_number,
    "rank_pattern": are_counts,
    "alpha_pattern": are_numbers,
    "use_effective_conv2d": is_switch,
    "modules_to_save": are_names,
}
MERGED: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "LORA": {
        "r": is_count,
        "lora_alpha": is_number,
        "rank_pattern": are_counts,
        "alpha_pattern": are_numbers,
        "fan_in_fan_out": is_switch,
        "use_rslora": is_switch,
        "use_dora": is_switch,
        "bias": is_bias,
        "lora_bias": is_switch,
        "trainable_token_indices": are_rows,
        "modules_to_save": are_names,
    },
    "LOHA": _LYCORIS,
    "LOKR": {**_LYCORIS, "decompose_both": is_switch, "decompose_factor": is_count},
    "IA3": {"fan_in_fan_out": is_switch, "modules_to_save": are_names},
}
"""Kinds that are merged; of each, the entries that decide the merged weights, and whether a value may be one."""

IN_FRONT = frozenset(
    "ADAPTION_PROMPT CARTRIDGE CPT MULTITASK_PROMPT_TUNING P_TUNING PREFIX_TUNING PROMPT_TUNING".split()
)
"""Kinds that put something beside the text instead of into the weights."""

OF_NO_EFFECT = re.compile(
    "task_type|peft_type|auto_mapping|peft_version|base_model_name_or_path|revision|inference_mode|runtime_config|"
    "target_modules|exclude_modules|feedforward_modules|layers_to_transform|layers_pattern|.*dropout|rank_dropout_scale|"
    "init_.*weights|loftq_config|eva_config|corda_config|lora_ga_config|megatron_config|megatron_core|velora_config|"
    "qalora_group_size|ensure_weight_tying"
)
"""Entries that say where an adapter comes from and how it was trained, and which modules it has, which its tensors tell
better. None is handed to PEFT: some are regular expressions, some are paths, one is a module that it would import."""

PLAIN_INIT = (None, True, False, "gaussian", "eva", "orthogonal")
"""Beginnings that leave the base's weights as they are; the others take a part out of them."""
