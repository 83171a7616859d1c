"""docs/samples.py: what a budget does to values, and that stated errors are what other documents do."""

from __future__ import annotations

from types import ModuleType

import pytest

from nc_hf.corpus.stories import builtin_tokenizer, stories
from nc_hf.report.record import MetricValue
from tests.distributed.launcher import ROOT
from tests.scripts import load_script
from tests.training import tiny_model

VOCABULARY = 512


@pytest.fixture(scope="module")
def samples() -> ModuleType:
    return load_script(ROOT / "docs" / "samples.py")


def subject(samples: ModuleType, documents: int) -> object:
    source = stories(0)
    texts = [next(source) for _ in range(documents)]
    return samples.Subject(tiny_model(vocab_size=VOCABULARY), builtin_tokenizer(VOCABULARY), texts)


def test_an_interval_reaches_out_by_student_s_t(samples: ModuleType) -> None:
    assert samples.covers(MetricValue(1.0, 0.1), 1.226)
    assert not samples.covers(MetricValue(1.0, 0.1), 1.227)


def test_a_worse_model_differs_and_the_first_is_left_alone(samples: ModuleType) -> None:
    model = tiny_model()
    before = [weight.clone() for weight in model.parameters()]
    other = samples.noisy(model)
    assert all((weight == old).all() for weight, old in zip(model.parameters(), before, strict=True))
    assert any((weight != old).any() for weight, old in zip(other.parameters(), before, strict=True))


@pytest.mark.slow
def test_a_small_budget_speaks_of_the_same_classes(samples: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    rows = samples.budgets(subject(samples, 600), parts=2)
    assert [row["name"] for row in rows] == list(samples.NAMES)
    shown = capsys.readouterr().out
    assert all(f"`{name}`" in shown for name in samples.NAMES)
    assert all(0 <= row[f"{share:g} covered"] <= 2 for row in rows for share in samples.SHARES)
    assert next(row for row in rows if row["name"] == "nc2_cos_std")["0.1"] == pytest.approx(1, rel=0.1)


@pytest.mark.slow
def test_stated_errors_cover_what_other_documents_give(samples: ModuleType) -> None:
    """Of 40 corpora and a random model, for which the geometry of noisy means is beyond any correction: of the rest."""
    rows = {row["name"]: row for row in samples.coverage(subject(samples, 2_000), draws=40, tokens=12_000)}
    plain = [rows[name] for name in ("loss", "accuracy", "nc4_agreement")]
    assert min(row["covered"] for row in plain) >= 0.8, plain
    assert sum(row["covered"] for row in plain) / 3 >= 0.86, plain
    assert min(row["paired"] for row in plain) >= 0.8, plain
    assert sum(row["different"] for row in plain) / 3 <= 0.2, plain
