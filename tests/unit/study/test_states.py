"""A state measured: values and errors by brute force in float64, and what of them reaches the table and the curve."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from transformers import GPTNeoForCausalLM

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.classes import ClassChoice
from nc_hf.metrics import METRICS, PRESETS
from nc_hf.study.checkpoints import CellFolder
from nc_hf.study.ledger import LOG, Ledger
from nc_hf.study.preset import load_study
from nc_hf.study.report import report
from nc_hf.study.runner import run_cell
from nc_hf.study.states import measure_state
from nc_hf.study.table import STDERR
from nc_hf.study.text import StudyText, open_text
from nc_hf.study.training import states_of
from tests.reference.oracle import oracle_agreement, oracle_metrics
from tests.training import by_hand, close, commonest, evaluated, tiny_model

LENGTH = 16
OUTCOMES = {"perplexity", "train_tokens", "measured_tokens", "validation_tokens", "classes_seen"}
WITH_ERRORS = {"val_loss", "val_accuracy", "val_calibration_error"}
HALVES = {f"{name}_half_{half}" for name in ("val_loss", "val_accuracy", "nc4_agreement") for half in (1, 2)}
NC5 = {name for name, metric in METRICS.items() if metric.family == "NC5"}
NOT_GATHERED = {"nc1_pinv", "nc1_category_share"} | NC5
"""They need the covariance of the features, categories of tokens, and a second corpus."""


@dataclass(frozen=True)
class Tokens:
    """The predicted tokens of a text: features (N, D), labels (N,), logits (N, V), each token's row (N,)."""

    features: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    rows: np.ndarray

    def where(self, kept: np.ndarray) -> Tokens:
        return Tokens(self.features[kept], self.labels[kept], self.logits[kept], self.rows[kept])


@torch.no_grad()
def tokens_of(model: Any, blocks: TokenBlocks) -> Tokens:
    """One block at a time."""
    ids = blocks.input_ids.long()
    features = [model.get_decoder()(row[None])[0][0, :-1].double().numpy() for row in ids]
    logits = [model(row[None]).logits[0, :-1].double().numpy() for row in ids]
    labels, width = ids[:, 1:].numpy(), ids.shape[1] - 1
    rows = np.repeat(np.arange(len(ids)), width)
    return Tokens(np.concatenate(features), labels.reshape(-1), np.concatenate(logits), rows)


def as_defined(model: Any, train: Tokens, held: Tokens, ids: Sequence[int] | None) -> dict[str, float]:
    """NC1-NC3 of the classes on training tokens, NC4 of held-out tokens by their centres, loss and accuracy.

    Without a list every class counts, even with one token, and the model decides among all.
    """
    weight = model.get_output_embeddings().weight.detach().double().numpy()
    among = np.arange(len(weight)) if ids is None else np.array(sorted(ids))
    inside, decided = train.where(np.isin(train.labels, among)), held.where(np.isin(held.labels, among))
    every = oracle_metrics(train.features, train.labels, weight, min_count=1)
    own = oracle_metrics(inside.features, inside.labels, weight, min_count=1 if ids is None else 2)
    values = {
        # As published, every class counts.
        **{name: every[name] if "_paper" in name or name == "nc1_cdnv_scale_free" else own[name] for name in own},
        **oracle_agreement(
            inside.features,
            inside.labels,
            decided.features,
            decided.labels,
            np.where(np.isin(np.arange(len(weight)), among), decided.logits, -np.inf),
            leave_one_out=False,
        ),
    }
    place = np.arange(len(held.labels))
    losses = np.log(np.exp(held.logits).sum(axis=1)) - held.logits[place, held.labels]
    outcomes = {
        "val_loss": losses.mean(),
        "val_accuracy": (held.logits.argmax(axis=1) == held.labels).mean(),
        "val_calibration_error": calibration_error(held),
    }
    return {name: float(value) for name, value in (values | outcomes).items() if name not in NOT_GATHERED}


def across(train: Tokens, second: Tokens, ids: Sequence[int] | None) -> dict[str, float]:
    """NC5: the class means of the training text against the mean of all tokens of another."""
    among = sorted(set(train.labels.tolist()) if ids is None else ids)
    means = [
        train.features[train.labels == c].mean(axis=0) for c in among if (train.labels == c).sum() > (ids is not None)
    ]
    here, there = train.features.mean(axis=0), second.features.mean(axis=0)

    def mean_cosine(rows: list[np.ndarray], to: np.ndarray) -> float:
        return float(np.mean([abs(row @ to) / np.linalg.norm(row) / np.linalg.norm(to) for row in rows]))

    return {
        "nc5_ood_orthogonality": mean_cosine(means, there),
        "nc5_ood_orthogonality_centred": mean_cosine([mean - here for mean in means], there - here),
        "nc5_undirected_classes": 0.0,
        "nc5_undirected_classes_centred": 0.0,
    }


def calibration_error(held: Tokens) -> float:
    """Fifteen bins of equal mass, in thousandths of confidence; each bin's share times how far it is off."""
    shares = np.exp(held.logits - held.logits.max(axis=1, keepdims=True))
    confidence = 1 / shares.sum(axis=1)
    step = np.minimum((confidence * 1000).astype(int), 999)
    place = [(np.sum(step < s) + np.sum(step == s) / 2) / len(step) for s in step]
    bins = np.minimum((np.array(place) * 15).astype(int), 14)
    gap = confidence - (held.logits.argmax(axis=1) == held.labels)
    return float(sum(abs(gap[bins == b].sum()) for b in range(15)) / len(step))


def of_halves(model: Any, train: Tokens, held: Tokens, ids: Sequence[int] | None, groups: int = 10) -> dict[str, float]:
    """Loss, accuracy and NC4 of the even and of the odd groups of the held-out text, by all of the training text."""
    rows = 1 + int(held.rows.max())
    parity = np.array([row * groups // rows % 2 for row in held.rows])
    parts = {half: as_defined(model, train, held.where(parity == half - 1), ids) for half in (1, 2)}
    names = ("val_loss", "val_accuracy", "nc4_agreement")
    return {f"{name}_half_{half}": parts[half][name] for half in (1, 2) for name in names}


def replicates(
    model: Any, train: Tokens, held: Tokens, ids: Sequence[int] | None, groups: int
) -> dict[str, np.ndarray]:
    """Measured again without the rows of group g of both texts, groups of neighbours as even as can be."""
    found = []
    for group in range(groups):
        parts = []
        for tokens in (train, held):
            rows = 1 + int(tokens.rows.max())
            parts.append(tokens.where(np.array([row * groups // rows != group for row in tokens.rows])))
        found.append(as_defined(model, *parts, ids))
    return {name: np.array([values[name] for values in found]) for name in found[0]}


def halves(model: Any, train: Tokens, held: Tokens, ids: Sequence[int] | None) -> dict[str, np.ndarray]:
    """Measured on five of ten groups of the training text, from each group on."""
    rows = 1 + int(train.rows.max())
    found = []
    for first in range(10):
        half = [(first + step) % 10 for step in range(5)]
        part = train.where(np.array([row * 10 // rows in half for row in train.rows]))
        found.append(as_defined(model, part, held, ids))
    return {name: np.array([values[name] for values in found]) for name in found[0]}


CORRECTED = {
    "nc1_cdnv_median", "nc1_trace_ratio", "nc2_cos_std", "nc2_log_norm_std", "gnc2_log_std", "gnc2_log_std_ratio",
    "nc3_cos_mean_centred", "unc3_cos_std_centred",
}  # fmt: skip
"""Metrics from which the bias of few tokens is taken out."""


def debiased(values: dict[str, float], found: dict[str, np.ndarray], halves: dict[str, np.ndarray]) -> dict[str, float]:
    """G theta - (G-1) mean theta_g, not below 0 where a spread cannot be; where a replicate is not finite theta.

    Of the median 2 theta - mean theta_h over ten halves of five groups in a row, the last followed by the first.
    """
    corrected = dict(values)
    for name in found.keys() & CORRECTED:
        theta = found[name]
        if np.isfinite(values[name]) and np.isfinite(theta).all():
            value = float(len(theta) * values[name] - (len(theta) - 1) * theta.mean())
            if name == "nc1_cdnv_median":
                value = float(2 * values[name] - halves[name].mean())
            corrected[name] = value if name == "nc3_cos_mean_centred" else max(value, 0.0)
    return corrected


def jackknifed(found: dict[str, np.ndarray]) -> dict[str, float]:
    errors = {}
    for name, theta in found.items():
        groups = len(theta)
        finite = np.isfinite(theta).all()
        spread = (groups - 1) / groups * ((theta - theta.mean()) ** 2).sum() if finite else math.nan
        errors[f"{name}{STDERR}"] = float(np.sqrt(spread))
    return errors


def drawn(rows: int, seed: int) -> TokenBlocks:
    """Blocks of tokens of which a few are common and most are rare; most follow from the token before."""
    generator, fixed = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(1)
    order, weights = torch.randperm(64, generator=fixed)[:40], 1 / torch.arange(1, 41).double()
    draws = order[torch.multinomial(weights, rows * LENGTH, replacement=True, generator=generator)].view(rows, LENGTH)
    follows, follower = torch.rand(rows, LENGTH, generator=generator) < 0.7, torch.arange(64)
    follower[order] = order[(torch.arange(40) + 1) % 12]  # one of the commonest
    ids = draws.clone()
    for place in range(1, LENGTH):
        ids[:, place] = torch.where(follows[:, place], follower[ids[:, place - 1]], draws[:, place])
    return TokenBlocks(ids.int(), ids.int() * 0, f"{rows} {seed}", "documents", "drawn", "test", "", None)


def listed(ids: Sequence[int]) -> ClassChoice:
    return ClassChoice("a given list", torch.tensor(sorted(ids)))


def text_of(measured: int = 23, validation: int = 19, ids: Sequence[int] | None = None) -> StudyText:
    train = drawn(25, seed=2)
    choice = ClassChoice("all", None) if ids is None else listed(ids)
    return StudyText(train, drawn(validation, seed=3), 64, train.rows(slice(measured)), choice)


@pytest.fixture(scope="module")
def model() -> Any:
    """Random features, and a head that has something of the class means."""
    made = tiny_model(hidden_size=8, tie_word_embeddings=False).eval()
    seen = tokens_of(made, drawn(25, seed=2))
    head = made.get_output_embeddings().weight.data
    torch.nn.init.normal_(head, generator=torch.Generator().manual_seed(4))
    for token in sorted(set(seen.labels.tolist())):
        head[token] += torch.from_numpy(seen.features[seen.labels == token].mean(axis=0))
    return made


def some_classes() -> list[int]:
    """Eight that are common, a rare one, one with a single token for its centre, and one that never comes."""
    tokens = drawn(25, seed=2).input_ids
    times = {token: int((tokens[:23, 1:] == token).sum()) for token in range(64)}
    common = sorted(times, key=lambda token: -times[token])[:8]
    rare, single = (next(token for token in times if times[token] == count) for count in (3, 1))
    return [*common, rare, single, next(token for token in times if token not in tokens)]


def measured_by(model: Any, text: StudyText, folder: Path, agreement_tokens: int | None = None) -> dict[str, float]:
    return measure_state(model, text, 4, agreement_tokens, folder)


def errors_of(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if name.endswith(STDERR)}


def values_of(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if not name.endswith(STDERR)}


@pytest.mark.slow
@pytest.mark.parametrize("every", [False, True])
def test_values_and_errors_by_their_definitions(tmp_path: Path, model: Any, every: bool) -> None:
    ids = None if every else some_classes()
    text = text_of(ids=ids)
    train, held = tokens_of(model, text.measured), tokens_of(model, text.validation)
    wanted = as_defined(model, train, held, ids)
    found = measured_by(model, text, tmp_path)
    assert wanted.keys() == WITH_ERRORS | set(PRESETS["full"]) - NOT_GATHERED
    assert values_of(found).keys() == wanted.keys() | OUTCOMES | HALVES
    halved = of_halves(model, train, held, ids)
    assert {name: found[name] for name in HALVES} == pytest.approx(halved, rel=1e-5)
    assert halved["nc4_agreement_half_1"] != halved["nc4_agreement_half_2"]
    assert found["validation_tokens"] == len(held.labels)
    again = replicates(model, train, held, ids, groups=10)
    corrected = debiased(wanted, again, halves(model, train, held, ids))
    assert {name: found[name] for name in wanted} == pytest.approx(corrected, rel=1e-4, abs=1e-7, nan_ok=True)
    assert found["perplexity"] == pytest.approx(math.exp(wanted["val_loss"]), rel=1e-6)
    assert found["train_tokens"] == 25 * (LENGTH - 1)
    assert found["measured_tokens"] == len(train.labels) == 23 * (LENGTH - 1)
    assert found["classes_seen"] == len(set(train.labels.tolist()))
    errors = jackknifed(again)
    assert errors_of(found) == pytest.approx(errors, rel=1e-3, abs=1e-9, nan_ok=True)
    # Two classes with a single token each, the same one, have one mean, and the kernel of its pair is infinite.
    told = [name for name in (*PRESETS["core"], *WITH_ERRORS) if not (every and name.startswith("gnc2_"))]
    assert all(errors[f"{name}{STDERR}"] > 0 for name in told)


@pytest.mark.slow
@pytest.mark.parametrize("every", [False, True])
def test_the_second_corpus_is_measured_by_the_same_definitions(tmp_path: Path, model: Any, every: bool) -> None:
    ids = None if every else some_classes()
    other = drawn(17, seed=9)
    text = replace(text_of(ids=ids), other=other)
    train, second = tokens_of(model, text.measured), tokens_of(model, other)
    found = measured_by(model, text, tmp_path)
    without = measured_by(model, replace(text, other=None), tmp_path)
    assert {name: found[name] for name in without} == pytest.approx(without, rel=1e-9, nan_ok=True)

    def wanted(train: Tokens, second: Tokens) -> dict[str, float]:
        """NC1-NC3 by its own means; NC4 by those of the training text; loss, accuracy and calibration."""
        own, by_training = as_defined(model, second, second, ids), as_defined(model, train, second, ids)
        names = ("nc4_agreement", "val_loss", "val_accuracy", "val_calibration_error")
        renamed = {name.removeprefix("val_"): by_training[name] for name in names}
        return {name: own[name] for name in PRESETS["core"]} | renamed

    def parts(tokens: Tokens, group: int) -> Tokens:
        rows = 1 + int(tokens.rows.max())
        return tokens.where(np.array([row * 10 // rows != group for row in tokens.rows]))

    values = wanted(train, second)
    again = [wanted(parts(train, group), parts(second, group)) for group in range(10)]
    replicated = {name: np.array([each[name] for each in again]) for name in values}
    halved = halves(model, second, second, ids)
    values = debiased(values, replicated, halved)
    assert {name: found[f"ood_{name}"] for name in values} == pytest.approx(values, rel=1e-4, abs=1e-7, nan_ok=True)
    errors = {f"ood_{name}": error for name, error in jackknifed(replicated).items()}
    assert {name: found[name] for name in errors} == pytest.approx(errors, rel=1e-3, abs=1e-9, nan_ok=True)
    crossed = across(train, second, ids)
    assert {name: found[name] for name in crossed} == pytest.approx(crossed, rel=1e-5)
    again = [across(parts(train, group), parts(second, group), ids) for group in range(10)]
    errors = jackknifed({name: np.array([each[name] for each in again]) for name in crossed})
    assert {name: found[name] for name in errors} == pytest.approx(errors, rel=1e-3, abs=1e-9)
    assert errors["nc5_ood_orthogonality_stderr"] > 0
    assert not NC5 & without.keys()
    assert found["ood_tokens"] == len(second.labels)
    told = {f"ood_{name}" for name in values} | {"ood_tokens", "ood_perplexity"}
    assert {name for name in values_of(found) if name.startswith("ood_")} == told
    assert found["ood_loss"] != found["val_loss"]


def test_a_second_corpus_too_short_for_groups_has_values_without_errors(tmp_path: Path, model: Any) -> None:
    """Errors of NC5 would leave out what that text does to it."""
    text = replace(text_of(ids=some_classes()), other=drawn(4, seed=9))
    found = measured_by(model, text, tmp_path)
    train, second = (tokens_of(model, part) for part in (text.measured, text.other))
    crossed = across(train, second, some_classes())
    assert {name: found[name] for name in crossed} == pytest.approx(crossed, rel=1e-5)
    assert found["ood_loss"] > 0
    assert not {name for name in found if name.startswith(("ood_", "nc5_")) and name.endswith(STDERR)}
    assert found[f"nc1_trace_ratio{STDERR}"] > 0


def test_a_list_says_something_else_than_all(model: Any) -> None:
    """Or the tests above could not tell them apart."""
    text, ids = text_of(), some_classes()
    train, held = tokens_of(model, text.measured), tokens_of(model, text.validation)
    of_list, of_all = as_defined(model, train, held, ids), as_defined(model, train, held, None)
    assert all(of_list[name] != of_all[name] for name in PRESETS["core"])
    assert not set(held.logits.argmax(axis=1).tolist()) <= set(ids)  # the model would decide for others
    assert not set(held.labels.tolist()) <= set(ids)
    assert not set(ids) <= set(train.labels.tolist())


@pytest.mark.parametrize(("measured", "validation"), [(4, 19), (23, 4)])
def test_fewer_than_five_groups_give_no_error(tmp_path: Path, model: Any, measured: int, validation: int) -> None:
    ids = some_classes()
    text = text_of(measured, validation, ids)
    found = measured_by(model, text, tmp_path)
    assert errors_of(found) == {}
    wanted = as_defined(model, tokens_of(model, text.measured), tokens_of(model, text.validation), ids)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-4, abs=1e-7, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize(("measured", "validation", "groups"), [(5, 19, 5), (23, 7, 7)])
def test_there_are_as_many_groups_as_the_shorter_text_has_blocks(
    tmp_path: Path, model: Any, measured: int, validation: int, groups: int
) -> None:
    ids = some_classes()
    text = text_of(measured, validation, ids)
    train, held = tokens_of(model, text.measured), tokens_of(model, text.validation)
    errors = jackknifed(replicates(model, train, held, ids, groups))
    found = errors_of(measured_by(model, text, tmp_path))
    assert found == pytest.approx(errors, rel=1e-3, abs=1e-9, nan_ok=True)


def test_a_text_that_cannot_do_without_a_group_has_values_all_the_same(tmp_path: Path, model: Any) -> None:
    ids = some_classes()[:2]
    text = text_of(12, 12)
    tokens = text.measured.input_ids.clone()
    tokens[tokens == ids[1]] = 0
    tokens[0, [3, 7]] = ids[1]  # both in the first group
    text = replace(text, measured=replace(text.measured, input_ids=tokens), classes=listed(ids))
    wanted = as_defined(model, tokens_of(model, text.measured), tokens_of(model, text.validation), ids)
    found = measured_by(model, text, tmp_path)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-4, abs=1e-7, nan_ok=True)
    assert math.isnan(found.get(f"nc1_trace_ratio{STDERR}", math.nan))


def test_validation_text_in_parts_gives_the_values_of_the_whole(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(ids=some_classes())
    whole = measured_by(model, text, tmp_path)
    monkeypatch.setattr(
        "nc_hf.study.held_out.DECIDED_TOKENS", 2 * 4 * LENGTH
    )  # two batches: parts of 8, 8 and 3 blocks
    parts = measured_by(model, text, tmp_path)
    assert parts.keys() == whole.keys()
    kept = values_of(whole).keys() - HALVES  # the groups of a part are its own
    assert {name: parts[name] for name in kept} == pytest.approx(
        {name: whole[name] for name in kept}, rel=1e-6, nan_ok=True
    )
    of_training = [f"{name}{STDERR}" for name in PRESETS["full"] if not name.startswith("nc4") and name in whole]
    assert {name: parts[name] for name in of_training} == pytest.approx(
        {name: whole[name] for name in of_training}, rel=1e-6, nan_ok=True
    )
    assert parts[f"nc4_agreement{STDERR}"] > 0
    assert parts[f"val_loss{STDERR}"] > 0


def test_a_sample_decides_nc4_and_nothing_else(tmp_path: Path, model: Any) -> None:
    text = text_of(ids=some_classes())
    every = measured_by(model, text, tmp_path)
    assert measured_by(model, text, tmp_path, 10_000) == pytest.approx(every, rel=1e-6, nan_ok=True)
    some = measured_by(model, text, tmp_path, 60)
    rest = {name for name in every if not name.startswith("nc4_")}
    assert {name: some[name] for name in rest} == pytest.approx(
        {name: every[name] for name in rest}, rel=1e-6, nan_ok=True
    )
    shares = [some[name] for name in ("nc4_agreement", "nc4_ncc_accuracy", "nc4_linear_accuracy")]
    assert any(
        all(share * tokens == pytest.approx(round(share * tokens)) for share in shares) for tokens in range(1, 61)
    )


@pytest.mark.slow
@pytest.mark.parametrize("classes", ["top:20", "all"])
def test_the_table_has_errors_and_the_curve_speaks_of_its_classes(tmp_path: Path, classes: str) -> None:
    tiny = {"width": "16", "depth": "1", "epochs": "1", "heads": "2", "vocab_size": "300", "block_size": "32"}
    bounds = {"max_train_tokens": "4000", "max_validation_tokens": "2000", "agreement_tokens": "null"}
    study = load_study("smoke", {**tiny, **bounds, "window": "16", "classes": classes})
    text, (cell,), folder = open_text(study, study.cells[0]), study.cells, tmp_path / "cell"
    rows = run_cell(study, cell, text, folder, quiet=True)
    last = GPTNeoForCausalLM.from_pretrained(CellFolder(folder).state(states_of(study, cell, text)[-1]))
    ids = None if text.classes.ids is None else text.classes.ids.tolist()
    validation = text.validation.input_ids.long()
    given = [{"input_ids": row, "labels": row} for row in validation]
    log = json.loads((folder / LOG).read_text())["log_history"]
    (curve,) = (evaluated(row) for row in log if "eval_nc1_trace_ratio" in row)
    assert curve == close(by_hand(last, given, classes=ids or "all"))
    assert ids is None or commonest(validation[:, 1:], 20) != ids  # those of the training text

    ledger = Ledger(tmp_path / "out", study)
    ledger.record(cell, rows)
    report(ledger, tmp_path / "out", Console(quiet=True))
    frame = pd.read_csv(tmp_path / "out" / "results.csv")
    assert frame["classes"].tolist() == [classes] * 2
    assert frame["classes_hash"].tolist() == [text.classes.hash] * 2
    assert frame["classes_seen"].tolist() == [len(text.measured.input_ids[:, 1:].unique())] * 2
    assert "min_count" not in frame
    with_errors = WITH_ERRORS | set(PRESETS["full"]) - NOT_GATHERED
    assert frame.columns.is_unique
    assert {name.removesuffix(STDERR) for name in frame if name.endswith(STDERR)} == with_errors
    assert (frame[[f"{name}{STDERR}" for name in ("val_loss", "nc1_trace_ratio", "nc4_agreement")]] > 0).all(axis=None)
    for row, line in zip(rows, frame.to_dict("records"), strict=True):
        found = {name: value for name, value in row.items() if name.removesuffix(STDERR) in with_errors}
        assert {name: line[name] for name in found} == pytest.approx(found, rel=1e-12, nan_ok=True)
