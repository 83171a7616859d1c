"""A collection equals what is computed by hand, layer by layer, and refuses features that are not finite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate.state import PartialState

from nc_hf import ClassStatistics
from nc_hf.errors import FeatureError
from nc_hf.metrics import AgreementCounts
from nc_hf.model.head import ClassifierHead
from nc_hf.model.tap import FeatureTap
from tests.collected import agreement_of, metrics_of, quietly
from tests.reference.oracle import oracle_agreement
from tests.training import CLASSES, Forwards, by_hand, examples, tiny_model, token_blocks, token_rows


class TestValues:
    @pytest.mark.parametrize("batch_size", [1, 4, 16])
    def test_metrics(self, batch_size: int) -> None:
        model = tiny_model()
        forwards = Forwards(model)
        collection = quietly(model, batch_size=batch_size, covariance=True)
        assert forwards.passes == 1 + -(-10 // batch_size)  # one to see how the model reads
        wanted = by_hand(model, examples(10, seed=3), "full")
        every = torch.arange(CLASSES)
        assert metrics_of(collection, "full", every) == pytest.approx(wanted, rel=1e-4, abs=1e-7)

    def test_metrics_of_some_classes(self) -> None:
        model, ids = tiny_model(), token_rows(10, 3, classes=40)
        collection = quietly(model, token_blocks(10, 3, classes=40), batch_size=3, covariance=True)
        counts = torch.bincount(ids[:, 1:].flatten())
        listed = torch.nonzero(counts >= 8).flatten()
        assert 5 < len(listed) < (counts > 0).sum() - 5, "some classes count and some do not"
        wanted = by_hand(model, examples(10, seed=3, classes=40), "full", classes=listed.tolist())
        assert metrics_of(collection, "full", listed) == pytest.approx(wanted, rel=1e-4, abs=1e-7)

    def test_loss_and_accuracy(self) -> None:
        model, ids = tiny_model().eval(), token_rows(10, 3)
        collection = quietly(model, batch_size=3)
        with torch.no_grad():
            output = model(ids, labels=ids)
        assert collection.tokens == ids[:, 1:].numel()
        assert collection.loss_sum / collection.tokens == pytest.approx(output.loss.item(), rel=1e-6)
        assert collection.correct == int((output.logits[:, :-1].argmax(-1) == ids[:, 1:]).sum())

    def test_every_layer(self) -> None:
        model, ids = tiny_model().eval(), token_rows(10, 3)
        collection = quietly(model, batch_size=3, layers="all")
        blocks_out: list[torch.Tensor] = []
        for block in model.get_decoder().h:
            block.register_forward_hook(lambda _, __, out: blocks_out.append(out[0] if isinstance(out, tuple) else out))
        with torch.no_grad():
            final = model.get_decoder()(ids)[0]
        assert sorted(collection.layers) == ["final", "layer.0", "layer.1"]
        for name, hidden in zip(["layer.0", "layer.1", "final"], [*blocks_out, final], strict=True):
            stats = ClassStatistics(hidden.shape[-1])
            stats.update(hidden[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
            assert torch.equal(collection.layers[name].statistics.counts, stats.counts)
            torch.testing.assert_close(collection.layers[name].statistics.means, stats.means, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(collection.layers[name].statistics.scatter, stats.scatter, rtol=1e-4, atol=1e-6)

    def test_groups_are_parts_of_the_whole(self) -> None:
        model = tiny_model()
        collection = quietly(model, groups=3)
        assert sum(group.num_tokens for group in collection.final.groups) == collection.statistics.num_tokens
        rows = token_blocks(10, 3).input_ids[4:7]  # neighbours, since they may be of one document
        part = quietly(model, type(token_blocks(1, 0))(rows, rows, "", "documents", "", "", "", None))
        torch.testing.assert_close(collection.final.groups[1].means, part.statistics.means)
        decided = [agreement_of(collection, without=groups).tokens for groups in ((), (0,), (1,), (2,), (0, 2))]
        assert decided == [collection.tokens, *(31 * rows for rows in (6, 7, 7, 3))]

    def test_the_sample_is_one_for_all_layers_and_groups(self) -> None:
        collection = quietly(tiny_model(), groups=3, layers="all", agreement_tokens=50)
        assert [agreement_of(collection, layer).tokens for layer in collection.layers] == [50, 50, 50]
        labels = [collection.decisions(collection.decided(), layer).labels.tolist() for layer in collection.layers]
        assert labels[0] == labels[1] == labels[2]
        assert sum(50 - agreement_of(collection, without=(group,)).tokens for group in range(3)) == 50

    def test_other_centres_leave_no_token_out_of_its_own(self) -> None:
        """By brute force: the tokens of one text by the centres of another."""
        model = tiny_model().eval()
        one, other = token_rows(10, 3), token_rows(10, 4)
        collection = quietly(model, batch_size=3)
        centres = quietly(model, token_blocks(10, 4), agreement_tokens=0).statistics
        counts = collection.decisions(collection.decided(), centres=centres, leave_one_out=False).counts()
        with torch.no_grad():
            sides = [model(ids, output_hidden_states=True) for ids in (other, one)]
        features = [out.hidden_states[-1][:, :-1].flatten(0, 1) for out in sides]
        logits = sides[1].logits[:, :-1].flatten(0, 1)
        labels = [ids[:, 1:].flatten() for ids in (other, one)]
        wanted = oracle_agreement(features[0], labels[0], features[1], labels[1], logits, leave_one_out=False)
        assert counts.tokens == 310
        assert counts.agree / 310 == pytest.approx(wanted["nc4_agreement"])
        assert counts.ncc_correct / 310 == pytest.approx(wanted["nc4_ncc_accuracy"])

    def test_where_the_model_gave_no_logits_the_head_decides_the_sample_and_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = quietly(tiny_model(), agreement_tokens=60)
        take, predict, decided = FeatureTap.take, ClassifierHead.predict, []
        monkeypatch.setattr(FeatureTap, "take", lambda tap: replace(take(tap), predictions=None, tied=None))
        monkeypatch.setattr(ClassifierHead, "predict", lambda *a: decided.append(len(a[1])) or predict(*a))
        collection = quietly(tiny_model(), agreement_tokens=60)
        assert not decided
        assert agreement_of(collection) == agreement_of(wanted)
        assert decided == [60]
        assert collection.correct == 0

    def test_a_rank_that_read_what_another_has_read_adds_nothing(self) -> None:
        collection = quietly(tiny_model())
        collection.reduce(PartialState(), contributes=False)
        assert (collection.tokens, collection.layers) == (0, {})
        assert not collection.decided().tokens

    def test_no_decisions(self) -> None:
        collection = quietly(tiny_model(), agreement_tokens=0)
        assert not any(name.startswith("nc4") for name in metrics_of(collection))
        assert agreement_of(collection, classes=torch.arange(CLASSES)) == AgreementCounts()


class TestBadInput:
    def test_features_that_are_not_finite(self) -> None:
        model = tiny_model()
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        forwards = Forwards(model)

        def spoil(*_: Any) -> None:
            if forwards.passes == 4:  # the first was to see how the model reads
                model.get_decoder().h[1].mlp.c_proj.bias.data[5] = torch.inf

        model.register_forward_pre_hook(spoil)
        with pytest.raises(FeatureError, match=r"batch 2 .* layer\.1 "):
            quietly(model, batch_size=2, layers="all")
        model.load_state_dict(state)
        forwards.passes = 0
        with pytest.raises(FeatureError, match=r"batch 2 .* final "):
            quietly(model, batch_size=2)

    def test_features_that_are_large_but_finite(self) -> None:
        model = tiny_model(tie_word_embeddings=False)
        model.get_decoder().ln_f.weight.data.mul_(1e37)
        model.get_output_embeddings().weight.data.mul_(1e-37)
        assert quietly(model, agreement_tokens=0).tokens == 310
