"""The sample of tokens is a matter of the text, not of the batches, and is decided among the classes that count."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from nc_hf import ClassifierHead, ClassStatistics
from nc_hf.measurement.sample import DecidedSample, TokenSample
from nc_hf.metrics import AgreementCounts
from nc_hf.metrics.decisions import Decisions
from tests.collected import agreement_of, quietly
from tests.training import tiny_model

TOKENS, WIDTH, VOCABULARY = 400, 6, 24
LAYERS = ("layer.0", "final")

_RNG = np.random.default_rng(3)
_MEANS = _RNG.normal(size=(VOCABULARY, WIDTH))
LABELS = _RNG.choice(VOCABULARY - 4, size=TOKENS, p=np.arange(VOCABULARY - 4, 0, -1) / 210)
FEATURES = {name: _MEANS[LABELS] + _RNG.normal(size=(TOKENS, WIDTH)) for name in LAYERS}
GROUP, POSITIONS = np.arange(TOKENS) * 4 // TOKENS, np.arange(TOKENS) % 16
HEAD = ClassifierHead(
    torch.from_numpy(_MEANS + 0.3 * _RNG.normal(size=_MEANS.shape)),
    torch.from_numpy(2 * _RNG.normal(size=VOCABULARY)),
    scale=0.7,
    softcap=9.0,
)
LISTED = torch.tensor([0, 1, 2, 5, 8, 13, 19, 22])  # the last one never comes


def logits() -> np.ndarray:
    """(N, V): the head's form written out."""
    assert HEAD.bias is not None
    linear = 0.7 * (FEATURES["final"] @ HEAD.weight.numpy().T + HEAD.bias.numpy())
    return 9.0 * np.tanh(linear / 9.0)


def tensors(rows: np.ndarray) -> dict[str, torch.Tensor]:
    """What is known of some of the tokens; their place in the corpus is 7 times their number."""
    return {
        "labels": torch.from_numpy(LABELS[rows]),
        "group": torch.from_numpy(GROUP[rows]),
        "positions": torch.from_numpy(POSITIONS[rows]),
        "predictions": torch.from_numpy(logits()[rows].argmax(axis=1)),
        "tied": torch.zeros(len(rows), dtype=torch.bool),
    }


def offered(capacity: int, batches: list[np.ndarray]) -> TokenSample:
    sample = TokenSample(capacity)
    for rows in batches:
        features = {name: torch.from_numpy(tensor[rows]) for name, tensor in FEATURES.items()}
        sample.add(torch.from_numpy(rows) * 7, features, **tensors(rows))
    return sample


def centres(layer: str, rows: np.ndarray) -> ClassStatistics:
    stats = ClassStatistics(WIDTH)
    stats.update(torch.from_numpy(FEATURES[layer][rows]), torch.from_numpy(LABELS[rows]))
    return stats


EVERY = np.arange(TOKENS)


class TestKept:
    def test_the_sample_is_the_same_whatever_the_batches(self) -> None:
        decided = [agreement_of(quietly(tiny_model(), batch_size=size, agreement_tokens=50)) for size in (1, 3, 10)]
        assert decided[0] == decided[1] == decided[2]
        assert decided[0].tokens == 50

    @pytest.mark.parametrize("capacity", [1, 30, 150])
    def test_which_tokens_are_kept_depends_on_their_places_alone(self, capacity: int) -> None:
        """Whatever the batches, their order, and what the tokens are like."""
        whole = offered(capacity, [EVERY]).state_dict()
        assert len(whole["labels"]) == capacity
        mixed = np.random.default_rng(0).permutation(TOKENS)
        for batches in (np.array_split(EVERY, 9), np.array_split(EVERY, TOKENS), np.array_split(mixed, 23)):
            kept = offered(capacity, batches).state_dict()
            assert kept.keys() == whole.keys() >= {f"features/{name}" for name in LAYERS}
            assert all(torch.equal(kept[name], tensor) for name, tensor in whole.items())
        others = TokenSample(capacity)
        others.add(torch.arange(TOKENS) * 7, {"final": torch.zeros(TOKENS, 2)}, numbers=torch.arange(TOKENS))
        numbers = others.state_dict()["numbers"]
        assert torch.equal(torch.from_numpy(LABELS)[numbers], whole["labels"])
        assert torch.equal(torch.from_numpy(POSITIONS)[numbers], whole["positions"])

    def test_a_larger_sample_holds_a_smaller_one(self) -> None:
        kept = [set(offered(capacity, [EVERY]).state_dict()["hash"].tolist()) for capacity in (5, 40, 200, TOKENS)]
        assert all(smaller < larger for smaller, larger in pairwise(kept))

    def test_it_is_even(self) -> None:
        """Neighbours are not kept together: of 8,000 places in a row each tenth part holds about its share."""
        sample = TokenSample(1_000)
        sample.add(torch.arange(8_000), {}, numbers=torch.arange(8_000))
        shares = torch.bincount(sample.state_dict()["numbers"] // 800, minlength=10)
        assert float(((shares - 100.0).square() / 100).sum()) < 27.9, "chi square of 9 degrees, 0.1 %"

    def test_the_state_goes_into_another_sample_bit_for_bit(self) -> None:
        first, second = offered(60, np.array_split(EVERY[:300], 5)), TokenSample(60)
        second.load_state_dict(first.state_dict())
        rows = EVERY[300:]
        for sample in (first, second):
            features = {name: torch.from_numpy(tensor[rows]) for name, tensor in FEATURES.items()}
            sample.add(torch.from_numpy(rows) * 7, features, **tensors(rows))
        states = first.state_dict(), second.state_dict()
        assert all(torch.equal(states[1][name], tensor) for name, tensor in states[0].items())
        assert torch.equal(states[0]["hash"], offered(60, [EVERY]).state_dict()["hash"])

    def test_without_room_nothing_is_kept(self) -> None:
        empty = offered(0, [EVERY])
        assert empty.state_dict() == {}
        decided = empty.decided(None, LISTED).nearest("final", centres("final", EVERY), leave_one_out=True)
        assert decided.counts() == AgreementCounts()


def brute_force(
    order: np.ndarray, classes: list[int], layer: str, others: np.ndarray | None
) -> dict[str, list[int] | list[bool]]:
    """Token by token: the highest logit and the nearest centre among some classes.

    The centres are means of ``others``; or, where that is None, of all tokens but the one that is decided.
    """
    scores, rows = logits(), []
    for token in order:
        made = np.delete(EVERY, token) if others is None else others
        seen = [c for c in classes if (LABELS[made] == c).any()]
        means = np.stack([FEATURES[layer][made[LABELS[made] == c]].mean(axis=0) for c in seen])
        nearest = seen[((FEATURES[layer][token] - means) ** 2).sum(axis=1).argmin()]
        linear = classes[scores[token, classes].argmax()]
        rows.append((LABELS[token], nearest == linear, nearest == LABELS[token], linear == LABELS[token]))
    return {
        name: np.array(column).tolist()
        for name, column in zip(
            ("labels", "agree", "ncc_correct", "linear_correct"), zip(*rows, strict=True), strict=True
        )
    }


def shown(decided: Decisions) -> dict[str, list[int] | list[bool]]:
    return {name: getattr(decided, name).tolist() for name in ("labels", "agree", "ncc_correct", "linear_correct")}


def numbers_of(decided: DecidedSample) -> np.ndarray:
    """Which tokens these are: each has features of its own."""
    first = decided.tokens["features/final"].numpy()[:, 0]
    return np.array([int((FEATURES["final"][:, 0] == value).argmax()) for value in first])


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("capacity", [120, 2 * TOKENS])
class TestDecided:
    def test_among_a_list_both_decide_as_brute_force_does(self, layer: str, capacity: int) -> None:
        """The head has a bias and a softcap; tokens of other classes are left out."""
        sample = offered(capacity, np.array_split(EVERY, 5))
        decided = sample.decided(HEAD, LISTED)
        order = numbers_of(decided)
        whole = numbers_of(sample.decided(HEAD, None))
        assert order.tolist() == [token for token in whole if LABELS[token] in LISTED.tolist()]
        assert 0 < len(order) < len(whole)
        found = decided.nearest(layer, centres(layer, EVERY), leave_one_out=True)
        expected = brute_force(order, LISTED.tolist(), layer, None)
        assert shown(found) == expected
        assert 0 < sum(expected["agree"]) < len(order)

    def test_by_the_centres_of_other_tokens(self, layer: str, capacity: int) -> None:
        decided, others = offered(capacity, [EVERY]).decided(HEAD, LISTED), EVERY[::3]
        found = decided.nearest(layer, centres(layer, others), leave_one_out=False)
        assert shown(found) == brute_force(numbers_of(decided), LISTED.tolist(), layer, others)

    def test_where_every_class_competes_the_model_has_its_whole_head(self, layer: str, capacity: int) -> None:
        """The decisions are those that the model made during the pass, and no head is needed for them."""
        decided = offered(capacity, [EVERY]).decided(None, None)
        found = decided.nearest(layer, centres(layer, EVERY), leave_one_out=True)
        expected = brute_force(numbers_of(decided), list(range(VOCABULARY)), layer, None)
        assert shown(found) == expected
        assert len(found.labels) == min(capacity, TOKENS)

    def test_a_group_and_outlying_positions_are_left_out(self, layer: str, capacity: int) -> None:
        decided, stats = offered(capacity, [EVERY]).decided(HEAD, LISTED), centres(layer, EVERY)
        every = decided.nearest(layer, stats, leave_one_out=True).to_rows()
        order = numbers_of(decided)
        for groups, places in (((), [0, 5]), ((2,), []), ((1,), [3]), ((0, 2), [])):
            outliers = torch.tensor(places, dtype=torch.int64)
            part = decided.nearest(layer, stats, leave_one_out=True, without=groups, outliers=outliers)
            kept = ~np.isin(GROUP[order], groups) & ~np.isin(POSITIONS[order], places)
            assert 0 < kept.sum() < len(order)
            assert torch.equal(part.to_rows(), every[:, torch.from_numpy(kept)])


def test_the_linear_classifier_decides_anew_among_the_list() -> None:
    """Where the model prefers a token that does not count, the best of those that do is taken, with its ties."""
    decided = offered(TOKENS, [EVERY]).decided(HEAD, LISTED)
    order, ids = numbers_of(decided), LISTED.numpy()
    assert decided.tokens["predictions"].tolist() == ids[logits()[order][:, ids].argmax(axis=1)].tolist()
    assert (logits()[order].argmax(axis=1) != decided.tokens["predictions"].numpy()).any()
    assert not decided.tokens["tied"].any()
    twins = torch.tensor([4, 9, 11])
    weight = HEAD.weight.clone()
    weight[9], weight[11] = weight[4], -weight[4]
    tied = offered(TOKENS, [EVERY]).decided(ClassifierHead(weight, None), twins)
    highest = FEATURES["final"][numbers_of(tied)] @ weight[4].numpy() > 0
    assert tied.tokens["tied"].tolist() == highest.tolist()
    assert tied.tokens["predictions"].tolist() == np.where(highest, 4, 11).tolist(), "ties go to the lowest id"
