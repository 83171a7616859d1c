"""Packages whose names are imported when they are first asked for, so that importing a package stays light."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` (PEP 562) of a package with lazy names.

    A type checker does not see them: the package repeats them under ``if TYPE_CHECKING``.

    Args:
        package: the package's ``__name__``.
        homes: the names by the module of the package, or of ``nc_hf``, that they live in.

    >>> names, get, _ = lazy_names("nc_hf.runtime", {"files": ("write_text",)})
    >>> names, get("write_text").__module__
    (['write_text'], 'nc_hf.runtime.files')
    """
    home = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return list(home), get, listed
