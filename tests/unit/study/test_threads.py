"""Threads of small models."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nc_hf.study.preset import load_study
from nc_hf.study.threads import CHOSEN, WIDE, fitting_threads


@pytest.mark.parametrize(("width", "chosen", "threads"), [(64, "", 1), (64, "3", 3), (WIDE, "", 3)])
def test_a_small_model_has_one_thread_unless_somebody_chose(
    monkeypatch: pytest.MonkeyPatch, width: int, chosen: str, threads: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in CHOSEN:
        monkeypatch.setenv(name, chosen)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with fitting_threads(replace(load_study("smoke").cells[0], width=width)):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
