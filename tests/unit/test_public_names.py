"""The public names are what they say they are, whatever else of the package was imported before."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import types

import pytest

import nc_hf

MODULES = sorted(info.name for info in pkgutil.iter_modules(nc_hf.__path__))


@pytest.mark.parametrize("name", sorted(set(nc_hf.__all__) - {"__version__"}))
def test_a_public_name_is_no_module(name: str) -> None:
    assert not isinstance(getattr(nc_hf, name), types.ModuleType)
    assert name not in MODULES, "importing the submodule would put itself in the place of the public name"


@pytest.mark.slow
def test_names_survive_the_import_of_every_module() -> None:
    program = "\n".join(
        [
            *(f"import nc_hf.{name}" for name in MODULES),
            "from nc_hf import ClassStatistics, measure",
            "print(ClassStatistics.__name__, measure.__name__)",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["ClassStatistics", "measure"]
