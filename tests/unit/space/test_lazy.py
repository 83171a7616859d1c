"""The service, made once, when it is first asked for."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nc_hf.space.lazy import LazyService
from tests.space import settings_in


@pytest.mark.slow
def test_the_service_is_made_once_by_whoever_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr("nc_hf.space.service.Service", lambda settings: made.append(settings) or object())
    lazy = LazyService(settings_in(tmp_path))
    assert made == []
    found: list[object] = []
    lazy.load()
    askers = [threading.Thread(target=lambda: found.append(lazy.get())) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(set(map(id, [*found, lazy.get()]))) == 1
    assert made == [lazy.settings]


HANDLERS = """
import inspect, sys
from collections import defaultdict
from types import SimpleNamespace

from nc_hf.errors import InputError
from nc_hf.space.lazy import LazyService
from nc_hf.space.page import build
from nc_hf.space.settings import Settings

class Loading(LazyService):
    asked = 0
    def get(self):
        Loading.asked += 1
        raise InputError("It is loading: wait.")

link = {"model": "a/b", "compare": "a/b,c/d", "course": "a/b"}
came = SimpleNamespace(query_params=link, headers={}, request=None, keys=["a", "b"])
for event in build(Loading(Settings.from_environment())).fns.values():
    if event.fn is None or not event.fn.__module__.startswith("nc_hf") or inspect.iscoroutinefunction(event.fn):
        continue
    given = [defaultdict(lambda: "a")] if event.inputs_as_dict else ["a"] * len(event.inputs)
    named = inspect.signature(event.fn).parameters.values()
    given += [came] * (sum(each.default is each.empty for each in named) - len(given))  # a request, or what is ticked
    try:
        done = event.fn(*given)
        list(done) if inspect.isgenerator(done) else done
    except Exception as fault:
        assert not isinstance(fault, TypeError), (event.fn, fault)
    found = [name for name in ("torch", "transformers", "datasets") if name in sys.modules]
    assert not found, (event.fn, found)
print(Loading.asked)
"""


@pytest.mark.slow
def test_whatever_is_pressed_waits_for_the_service_before_it_imports_a_part_of_it() -> None:
    """Else two threads import parts of one another at once on a page that was just started."""
    done = subprocess.run([sys.executable, "-c", HANDLERS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 12
