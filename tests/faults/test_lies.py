"""Whole files that lie: their digests and seals are right, and what they say cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from nc_hf.runtime.container import save_container
from nc_hf.runtime.seal import sealed
from nc_hf.study.ledger import _digest
from tests.faults.conftest import Meet
from tests.faults.kinds import KINDS
from tests.faults.outcomes import REFUSED, outcome_of

pytestmark = pytest.mark.slow

Lie = Callable[[Path], None]


def tensors(change: Callable[[dict[str, Tensor], dict[str, str]], object]) -> Lie:
    """Return what changes tensors or entries in a container, and gives it the digest of the result."""

    def tell(path: Path) -> None:
        with safe_open(path, framework="pt") as file:
            said = json.loads(file.metadata()["nc_hf"])
            found = {name: file.get_tensor(name).clone() for name in file.keys()}
        change(found, said["entries"])
        path.unlink()
        save_container(path, said["kind"], said["version"], found, said["entries"])

    return tell


def document(change: Callable[[Any], object]) -> Lie:
    """Return what changes a JSON document, and seals the result."""

    def tell(path: Path) -> None:
        found = json.loads(path.read_text(encoding="utf-8"))
        found.pop("seal", None)
        change(found)
        path.write_text(json.dumps(sealed(found)), encoding="utf-8")

    return tell


def text(change: Callable[[str], str]) -> Lie:
    """Return what writes a text in another way, that JSON takes and we do not."""

    def tell(path: Path) -> None:
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    return tell


def entry(rows: object) -> Lie:
    """Return what gives a cell other rows, with their digest."""
    return lambda path: (path.write_text(json.dumps({"sha256": _digest(rows), "rows": rows})), None)[1]


def put(name: str, change: Callable[[Tensor], Tensor]) -> Lie:
    return tensors(lambda found, _: found.update({name: change(found[name])}))


DEEP = "[" * 100 + "]" * 100
GROUP = "layer/final/group/0/"

LIES: list[tuple[str, str, Lie]] = [
    ("statistics", "classes out of order", put("class_ids", lambda t: t.flip(0))),
    ("statistics", "a class twice", put("class_ids", lambda t: torch.cat([t[:1], t[:-1]]))),
    ("statistics", "a class below zero", put("class_ids", lambda t: t - t[0] - 1)),
    ("statistics", "a count of zero", put("counts", lambda t: t * (torch.arange(len(t)) > 0))),
    ("statistics", "a count below zero", put("counts", lambda t: -t)),
    ("statistics", "counts as floats", put("counts", lambda t: t.double())),
    ("statistics", "counts that overflow", put("counts", lambda t: t * 0 + (1 << 62))),
    ("statistics", "a sum that is NaN", put("sums", lambda t: t * torch.nan)),
    ("statistics", "an infinite square", put("squares", lambda t: t + torch.inf)),
    ("statistics", "a scatter below zero", put("sums", lambda t: t * 1e4)),
    ("statistics", "sums of float32", put("sums", lambda t: t.float())),
    ("statistics", "a class too many", put("class_ids", lambda t: torch.cat([t, t[-1:] + 1]))),
    ("statistics", "another width", tensors(lambda _, said: said.update(dim="7"))),
    ("statistics", "a width that is no number", tensors(lambda _, said: said.update(dim="9" * 5000))),
    ("statistics", "a part too many", tensors(lambda found, _: found.update(more=torch.ones(2)))),
    ("statistics", "no pivot", tensors(lambda found, _: found.pop("pivot"))),
    ("statistics", "provenance too deep", tensors(lambda _, said: said.update(provenance=DEEP))),
    ("statistics", "a name twice", tensors(lambda _, said: said.update(provenance='{"a": "1", "a": "2"}'))),
    ("statistics", "provenance of numbers", tensors(lambda _, said: said.update(provenance='{"a": 1}'))),
    ("report", "a share above 1", document(lambda found: found.update(accuracy=1.5))),
    ("report", "tokens below zero", document(lambda found: found.update(tokens=-1))),
    ("report", "tokens as text", document(lambda found: found.update(tokens="many"))),
    ("report", "tokens beyond all", document(lambda found: found.update(tokens=10**30))),
    ("report", "an entry too many", document(lambda found: found.update(more=1))),
    ("report", "an entry too few", document(lambda found: found.pop("loss"))),
    ("report", "classes out of order", document(lambda found: found["classes"].update(ids=[5, 3]))),
    ("report", "too few replicates", document(lambda found: found["errors"]["replicates"].update(loss=[1.0]))),
    ("report", "an error below zero", document(lambda found: found["metrics"]["nc1_trace_ratio"].update(stderr=-1.0))),
    ("report", "columns of two lengths", document(lambda found: found["token_table"]["columns"]["ids"].pop())),
    ("report", "NaN as JSON lacks it", text(lambda said: said.replace('"seconds": ', '"seconds": NaN, "x": ', 1))),
    ("report", "a number too large", text(lambda said: said.replace('"seconds": ', '"seconds": 1e999, "x": ', 1))),
    ("report", "a name twice", text(lambda said: said.replace("{", '{"loss": 1.0,', 1))),
    ("report", "too deep", text(lambda said: said.replace("{", f'{{"x": {DEEP},', 1))),
    ("report", "of a newer schema", document(lambda found: found.update(schema_version=99))),
    ("trajectory", "a point too few entries", document(lambda found: found["points"][0].pop("commit"))),
    ("trajectory", "a report within", document(lambda found: found["points"][0]["report"].update(accuracy=7))),
    ("trajectory", "points that are none", document(lambda found: found.update(points={}))),
    ("kept report", "of another commit", document(lambda found: found["model"].update(commit="d" * 40))),
    ("kept report", "of another text", document(lambda found: found["corpus"].update(fingerprint="x"))),
    ("kept report", "without a seal", text(lambda said: said.replace('"seal"', '"verdict"'))),
    ("settings of kept reports", "of another model", document(lambda found: found.update(model="other/name"))),
    ("result of the page", "of another request", document(lambda found: found.update(key="b" * 32))),
    ("result of the page", "a path for a model", document(lambda found: found["question"].update(model="/etc"))),
    ("result of the page", "a report that cannot be", document(lambda found: found["report"].update(accuracy=-1))),
    ("cell of a study", "rows that are none", entry([3])),
    ("cell of a study", "a table that is none", entry({"a": 1})),
    ("timings of a cell", "rows that are none", entry([3])),
    ("packed text", "made of nothing", tensors(lambda _, said: said.update(made="{}"))),
    (
        "packed text",
        "another origin",
        tensors(lambda _, said: said.update(made=said["made"].replace("documents", "x"))),
    ),
    ("packed text", "no tokens", tensors(lambda found, _: found.pop("input_ids"))),
    ("checkpoint and sample", "of another pass", tensors(lambda _, said: said.update(corpus="other"))),
    ("checkpoint and sample", "another place", tensors(lambda _, said: said.update(batches="5"))),
    ("checkpoint and sample", "classes out of order", put(f"{GROUP}class_ids", lambda t: t.flip(0))),
    ("checkpoint and sample", "a count too many", put(f"{GROUP}counts", lambda t: t + 1)),
    (
        "checkpoint and sample",
        "no group",
        tensors(lambda found, _: [found.pop(f"{GROUP}{n}") for n in ("sums", "counts")]),
    ),
    ("checkpoint and sample", "outcomes below zero", put("outcomes", lambda t: -t)),
    ("checkpoint and sample", "half a token", put("outcomes", lambda t: t + 0.5)),
    ("checkpoint and sample", "a sample out of order", put("sample/hash", lambda t: t.flip(0))),
    ("checkpoint and sample", "a sample of NaN", put("sample/features/final", lambda t: t * torch.nan)),
    ("checkpoint and sample", "a label below zero", put("sample/labels", lambda t: t - 1000)),
    ("checkpoint and sample", "a group beyond all", put("sample/group", lambda t: t + 99)),
    ("checkpoint and sample", "columns of two lengths", put("sample/tied", lambda t: t[:-1])),
]


@pytest.mark.parametrize(("kind", "lie", "tell"), LIES, ids=[f"{kind}-{lie}" for kind, lie, _ in LIES])
def test_a_lie_under_a_right_digest(kind: str, lie: str, tell: Lie, tmp_path: Path, meet: Meet) -> None:
    path = KINDS[kind].write(tmp_path)
    truth = KINDS[kind].read(path)
    before = path.read_bytes()
    tell(path)
    assert path.read_bytes() != before
    outcome, seen = outcome_of(lambda: KINDS[kind].read(path), truth)
    meet(kind, "a lie", outcome, f"{lie}: {seen}")
    if kind not in ("packed text", "checkpoint and sample"):  # made anew, and gone on from the state before
        assert outcome == REFUSED
