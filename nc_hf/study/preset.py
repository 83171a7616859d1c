"""Presets: studies as YAML files, those of the package and one's own, with settings overridden."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Set
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from nc_hf.errors import StudyError
from nc_hf.runtime.nearest import did_you_mean
from nc_hf.study.cell import TEXT, Cell, settings
from nc_hf.study.grid import Study, whole_settings
from nc_hf.study.settings import Batches, listed

PRESETS = Path(__file__).with_name("presets")
"""Folder of the package's own presets."""

AXES = tuple(each.name for each in settings())
WHOLE = tuple(each.name for each in whole_settings())


def preset_path(preset: str) -> Path:
    """Find a preset: a name of `PRESETS`, or a YAML file."""
    return Path(preset) if preset.endswith((".yaml", ".yml")) else PRESETS / f"{preset}.yaml"


def load_study(preset: str | Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """Read a study and override settings.

    An axis that is overridden is overridden in ``extra`` too, so that ``--width 64`` leaves no other width.

    Args:
        preset: a name, or a file.
        overrides: settings by name; None leaves one as it is.

    Raises:
        StudyError: there is no such preset, a key is unknown or missing, or a value has the wrong type.
    """
    path = preset_path(preset) if isinstance(preset, str) else preset
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    written = _read(path)
    if given.keys() & TEXT:  # it was counted on another text
        written.pop("expected_blocks", None)
    return _study(written | given, path.name, held=set() if "extra" in given else given.keys() & set(AXES))


def _read(path: Path) -> dict[Any, Any]:
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        what = f"preset {path.stem}: choose {known}" if known else f"file {path}: check the path"
        raise StudyError(f"there is no {what}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not YAML ({str(error).splitlines()[0]}): mend it.") from None
    if not isinstance(written, dict):
        raise StudyError(f"{path} holds no settings: give a mapping of names to values.")
    return written


def _study(written: Mapping[Any, Any], file: str, held: Set[str]) -> Study:
    """Make a study of what was written.

    Args:
        written: settings by name, with ``extra``.
        file: name of where they stand.
        held: axes that hold in every item of ``extra`` too.
    """
    known = (*AXES, *WHOLE, "extra")
    unknown = sorted(str(name) for name in written if name not in known)
    missing = [each.name for each in settings() if each.default is MISSING and each.name not in written]
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise StudyError(f"setting {unknown[0]!r} of {file} is unknown{near}: the settings are {', '.join(known)}.")
    if missing:
        raise StudyError(f"setting {missing[0]!r} of {file} is missing: the settings are {', '.join(known)}.")
    defaults = {each.name: each.default for each in fields(Cell)}
    axes = {name: _axis(name, written[name]) if name in written else (defaults[name],) for name in AXES}
    extra = tuple(block | {axis: axes[axis] for axis in held & block.keys()} for block in _blocks(written.get("extra")))
    return Study(axes, extra, **{name: _value(name, written[name]) for name in WHOLE if name in written})


def _blocks(given: Any) -> list[dict[str, tuple[Any, ...]]]:
    """Read ``extra``, its axes in the order in which they stand."""
    if isinstance(given, str):
        given = yaml.safe_load(given)
    if not isinstance(given or [], list | tuple) or not all(isinstance(block, dict) for block in given or []):
        raise StudyError(f"setting extra is {given!r}: give a list of axes.")
    for block in given or []:
        unknown = sorted(map(str, block.keys() - set(AXES)))
        if unknown:
            near = did_you_mean(unknown[0], AXES)
            raise StudyError(f"extra has the key {unknown[0]!r}{near}: it takes {', '.join(AXES)}.")
    return [{name: _axis(name, values) for name, values in block.items()} for block in given or []]


def _axis(name: str, given: Any) -> tuple[Any, ...]:
    return tuple(_value(name, value) for value in listed(given))


def _value(name: str, given: Any) -> Any:
    try:
        return _adapters()[name].validate_python(given)
    except ValidationError as error:
        raise StudyError(f"setting {name} {error.errors()[0]['msg']}") from None


@functools.cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    """Return what reads each setting's values."""
    types = get_type_hints(Cell, include_extras=True) | get_type_hints(Study, include_extras=True)
    types["batch_size"] = Batches  # a rule, by which each cell has its number
    return {name: TypeAdapter(types[name]) for name in (*AXES, *WHOLE)}
