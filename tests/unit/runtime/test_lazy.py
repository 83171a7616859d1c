"""Names that are imported when they are first asked for."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from nc_hf.runtime.lazy import lazy_names

FACE = """
from nc_hf.runtime.lazy import lazy_names
here = True
__all__, __getattr__, __dir__ = lazy_names(__name__, {"light": ("a", "b"), "deep.heavy": ("c",), "broken": ("d",)})
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A package with a lazy face of three modules, one of which cannot be imported."""
    folder = tmp_path / "lazy_face"
    (folder / "deep").mkdir(parents=True)
    for name, text in {
        "__init__": FACE,
        "light": "a, b = object(), object()",
        "deep/__init__": "",
        "deep/heavy": "c = object()",
        "broken": "import no_such_library_anywhere",
    }.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    import lazy_face

    yield lazy_face
    for name in [name for name in sys.modules if name.split(".")[0] == "lazy_face"]:
        del sys.modules[name]


def loaded() -> set[str]:
    return {name.partition(".")[2] for name in sys.modules if name.startswith("lazy_face.")}


def test_a_module_is_imported_when_the_first_of_its_names_is_asked_for(package: types.ModuleType) -> None:
    assert loaded() == set()
    first = package.a
    assert loaded() == {"light"}
    assert package.c is sys.modules["lazy_face.deep.heavy"].c
    assert loaded() == {"light", "deep", "deep.heavy"}
    assert vars(package)["a"] is first, "asked for again, the name is there without asking the module"


def test_all_names_are_listed_without_being_imported(package: types.ModuleType) -> None:
    assert package.__all__ == ["a", "b", "c", "d"]
    assert {"a", "b", "c", "d", "here"} <= set(dir(package))
    assert dir(package) == sorted(set(dir(package)))
    assert loaded() == set()


def test_a_star_import_and_a_named_one_find_them(package: types.ModuleType) -> None:
    names: dict[str, object] = {}
    exec("from lazy_face import a, c", names)
    assert (names["a"], names["c"]) == (package.a, package.c)


def test_what_is_not_there_is_an_attribute_error(package: types.ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'lazy_face' has no attribute 'e'"):
        _ = package.e
    assert not hasattr(package, "e")
    assert getattr(package, "e", None) is None


def test_a_library_that_is_missing_is_named_and_not_hidden(package: types.ModuleType) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library_anywhere"):
        _ = package.d


def test_a_name_has_one_home() -> None:
    names, get, _ = lazy_names("nc_hf.runtime", {"files": ("write_text", "read_json"), "progress": ("Meter",)})
    assert names == ["write_text", "read_json", "Meter"]
    assert get("Meter").__module__ == "nc_hf.runtime.progress"
