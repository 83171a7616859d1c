"""Packages that only an extra of nc_hf installs, and the sentence for where one is missing."""

from __future__ import annotations

from importlib.util import find_spec

from nc_hf.errors import InputError
from nc_hf.errors.remedies import Remedy


def require(who_needs: str, extra: str, *packages: str) -> None:
    """Refuse what takes packages that are not installed, before anything of it is imported.

    Args:
        who_needs: them, as the beginning of the sentence: ``figures need``.
        extra: installs them.
        *packages: by the names under which they are imported.

    Raises:
        InputError: some are missing; the sentence names them and the extra.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise InputError(f"{who_needs} {' and '.join(missing)}", Remedy.INSTALL, package=f"'nc_hf[{extra}]'")
