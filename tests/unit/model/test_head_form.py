"""Forms that may lie between products and logits: the true one is among them, and the plainest come first."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from nc_hf.model.head_form import candidate_forms, declared_softcaps

LINEAR = torch.linspace(-6, 6, 40, dtype=torch.float64).view(4, 10)


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
def test_a_scale_is_found(scale: float) -> None:
    forms = list(candidate_forms(LINEAR, scale * LINEAR, []))
    assert forms[0] == (1.0, None)
    assert any(found == pytest.approx(scale) and cap is None for found, cap in forms)


@pytest.mark.parametrize("cap", [2.0, 7.0])
def test_a_softcap_that_nobody_names_is_found(cap: float) -> None:
    forms = list(candidate_forms(LINEAR, cap * torch.tanh(LINEAR / cap), []))
    assert any(scale == 1.0 and found == pytest.approx(cap, rel=1e-9) for scale, found in forms)


def test_a_scale_under_a_softcap_that_is_named_is_found() -> None:
    forms = list(candidate_forms(LINEAR, 4 * torch.tanh(0.5 * LINEAR / 4), [4.0]))
    assert forms[0] == (1.0, 4.0)
    assert any(scale == pytest.approx(0.5) and cap == 4.0 for scale, cap in forms)


def test_products_of_zero_have_no_scale() -> None:
    assert list(candidate_forms(torch.zeros(2, 3), torch.ones(2, 3), [5.0])) == [(1.0, 5.0), (1.0, None)]


def test_what_a_configuration_names_for_its_logits_alone() -> None:
    named = {"final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0, "router_softcap": 9.0, "soft_cap": None}
    assert declared_softcaps(SimpleNamespace(to_dict=lambda: named)) == [30.0]
