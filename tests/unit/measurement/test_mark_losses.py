"""Marks in the report: how often each stands in the text, is predicted, and at what loss; held against plain sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from nc_hf import Report, measure
from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.marks import Marks
from nc_hf.corpus.packing import pack_texts
from nc_hf.measurement.mark_losses import marks_note
from nc_hf.report.words import circumstances
from tests.letters import BOS, EOT, letters
from tests.training import tiny_model

TEXTS = [" ".join("abcdefghij"[: 2 + number % 8]) for number in range(60)]


def read(blocks: TokenBlocks, **kind: bool) -> Report:
    return measure(tiny_model(), blocks, tokenizer=letters(**kind), uncertainty=False, progress=False)


@torch.no_grad()
def losses(blocks: TokenBlocks) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and losses of all tokens."""
    network = tiny_model().eval()
    ids, labels = blocks.input_ids.long(), blocks.labels(slice(None))[:, 1:]
    logits = network(input_ids=ids, use_cache=False, position_ids=blocks.positions(slice(None))).logits[:, :-1]
    nll = cross_entropy(logits.flatten(0, 1).double(), labels.flatten(), reduction="none", ignore_index=-100)
    return labels.flatten()[labels.flatten() >= 0], nll[labels.flatten() >= 0]


@pytest.mark.parametrize("kind", [{}, {"eos_last": True}, {"bos_first": True}, {"bos_first": True, "eos_last": True}])
def test_the_report_tells_of_each_mark(kind: dict[str, bool]) -> None:
    blocks = pack_texts(TEXTS, letters(**kind), 16)
    report = read(blocks, **kind)
    labels, nll = losses(blocks)
    assert report.tokens == len(labels) == blocks.num_labels
    assert report.loss == pytest.approx(float(nll.mean()), rel=1e-5)
    marks = {mark.id: mark for mark in report.corpus.marks}
    assert set(marks) == ({BOS} if "bos_first" in kind else set()) | ({EOT} if kind != {"bos_first": True} else set())
    for number, mark in marks.items():
        assert mark.count == int((blocks.input_ids == number).sum()) > 0
        assert mark.targets == int((labels == number).sum())
        if mark.targets:
            assert mark.loss == pytest.approx(float(nll[labels == number].mean()), rel=1e-5)
    plain = nll[~torch.isin(labels, torch.tensor(list(marks)))]
    assert report.loss_without_marks == pytest.approx(float(plain.mean()), rel=1e-5)
    if BOS in marks:
        assert (marks[BOS].role, marks[BOS].targets, marks[BOS].loss) == ("begin", 0, None)
    if EOT in marks:
        assert marks[EOT].role == ("end" if kind else "between")
        assert marks[EOT].text == "<eot>"


def test_marks_stand_in_every_form_and_come_back_from_the_file(tmp_path: Path) -> None:
    report = read(pack_texts(TEXTS, letters(), 16))
    told = dict(circumstances(report))
    (mark,) = report.corpus.marks
    assert f"parts documents: {mark.count} of them, predicted {mark.targets} times" in told["marks"]
    assert any("without the marks" in phrase for _, phrase in circumstances(report))
    report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == report


def test_the_paper_puts_none() -> None:
    report = read(pack_texts(TEXTS * 2, letters(), 16, packing="paper"))
    assert report.corpus.marks == []
    assert report.loss_without_marks == pytest.approx(report.loss, rel=1e-12)


def test_what_has_to_be_known_is_said() -> None:
    blocks = pack_texts(TEXTS, letters(bos_first=True), 16)
    assert marks_note(blocks, True) is None
    assert "each sees those before it" in str(marks_note(blocks, False))
    assert marks_note(blocks, True, "a/b@c0ffee") == "the tokenizer is that of a/b@c0ffee"
    declared = replace(blocks, marks=Marks((BOS,), note="declared"))
    assert str(marks_note(declared, False)).startswith("declared; this model")
