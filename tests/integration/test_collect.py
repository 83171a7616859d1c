"""A collection equals what is computed by hand, goes on after kill -9 to the same bits, and says what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nc_hf import ClassStatistics
from nc_hf.errors import CorpusError, FeatureError, FileError, HeadError, InputError, LabelError
from nc_hf.measurement.one_pass import collect
from tests.architectures import ARCHITECTURES, TRANSFORM_IN_HEAD
from tests.distributed.collecting import everything
from tests.distributed.launcher import ROOT, launch
from tests.training import VOCAB_SIZE, Forwards, by_hand, examples, tiny_model, token_blocks, token_rows

SCRIPT = ROOT / "tests" / "distributed" / "collecting.py"


def quietly(model: Any, blocks: Any = None, **settings: Any) -> Any:
    return collect(model, token_blocks(10, 3) if blocks is None else blocks, progress=False, **settings)


def interrupt(model: torch.nn.Module, after: int) -> None:
    """Let a model run for so many times, break off the next run, and let it run from then on."""
    runs = iter(range(after + 1))

    def stop(*_: Any) -> None:
        if next(runs, None) == after:
            raise KeyboardInterrupt

    model.register_forward_pre_hook(stop)


class TestValues:
    @pytest.mark.parametrize("batch_size", [1, 4, 16])
    def test_metrics(self, batch_size: int) -> None:
        model = tiny_model()
        forwards = Forwards(model)
        collection = quietly(model, batch_size=batch_size, covariance=True)
        assert forwards.passes == -(-10 // batch_size)
        wanted = by_hand(model, examples(10, seed=3), "full")
        assert collection.metrics("full", 10) == pytest.approx(wanted, rel=1e-4, abs=1e-7)

    def test_without_outcomes_the_head_sees_the_first_batch_and_the_statistics_are_the_same(self) -> None:
        model, lengths = tiny_model(), []
        whole = quietly(model, batch_size=4, agreement_tokens=0)
        model.get_output_embeddings().register_forward_hook(lambda *seen: lengths.append(seen[2].shape[1]))
        bare = quietly(model, batch_size=4, agreement_tokens=0, outcomes=False)
        assert lengths == [token_rows(10, 3).shape[1], 1, 1]
        assert bare.tokens == whole.tokens
        assert bare.head_error == whole.head_error
        assert bare.loss_sum == 0 < whole.loss_sum
        states = bare.statistics.state_dict(), whole.statistics.state_dict()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])

    def test_decisions_need_logits_without_outcomes_too(self) -> None:
        model = tiny_model()
        kept = quietly(model, batch_size=4, outcomes=False)
        assert kept.correct == quietly(model, batch_size=4).correct > 0
        assert kept.agreement() == quietly(model, batch_size=4).agreement()

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
        assert sum(counts.tokens for counts in collection.agreement()) == collection.tokens

    def test_the_sample_is_the_same_whatever_the_batches(self) -> None:
        decided = [quietly(tiny_model(), batch_size=size, agreement_tokens=50).agreement() for size in (1, 3, 10)]
        assert decided[0] == decided[1] == decided[2]
        assert decided[0][0].tokens == 50

    def test_no_decisions(self) -> None:
        collection = quietly(tiny_model(), agreement_tokens=0)
        assert not any(name.startswith("nc4") for name in collection.metrics("core", 10))

    def test_the_model_is_left_as_it_was(self) -> None:
        model = tiny_model().train()
        model.get_decoder().h[0].eval()
        modes = [module.training for module in model.modules()]
        state = torch.get_rng_state()
        quietly(model)
        assert [module.training for module in model.modules()] == modes
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
        assert torch.equal(torch.get_rng_state(), state)

    def test_progress(self, capfd: pytest.CaptureFixture[str]) -> None:
        collect(tiny_model(), token_blocks(10, 3))
        assert "tok/s" in capfd.readouterr().err
        quietly(tiny_model())
        assert capfd.readouterr().err == ""


class TestBadInput:
    def test_features_that_are_not_finite(self) -> None:
        model = tiny_model()
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        forwards = Forwards(model)

        def spoil(*_: Any) -> None:
            if forwards.passes == 3:
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

    def test_tokens_beyond_the_model(self) -> None:
        with pytest.raises(LabelError, match="tokenizer"):
            quietly(tiny_model(), token_blocks(4, 3, classes=9 * VOCAB_SIZE))

    def test_tokens_beyond_the_head(self) -> None:
        model = tiny_model(tie_word_embeddings=False)
        model.set_output_embeddings(torch.nn.Linear(16, 8, bias=False))
        with pytest.raises(LabelError, match="8 classes"):
            quietly(model)

    def test_no_block(self) -> None:
        with pytest.raises(CorpusError):
            quietly(tiny_model(), token_blocks(0, 3))

    @pytest.mark.parametrize("settings", [{"batch_size": 0}, {"save_every": 0}])
    def test_arguments(self, settings: dict[str, int]) -> None:
        with pytest.raises(InputError):
            quietly(tiny_model(), **settings)

    def test_a_head_with_more_than_a_matrix(self) -> None:
        model = TRANSFORM_IN_HEAD["RoBERTa"]()
        with pytest.raises(HeadError):
            quietly(model, token_blocks(4, 3))
        assert not any(module._forward_hooks for module in model.modules())


class TestResume:
    """The result is that of the uninterrupted run, bit for bit."""

    @staticmethod
    def run(folder: Path, kill: int = -1) -> subprocess.CompletedProcess[str]:
        folder.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, str(SCRIPT), str(folder), str(kill), "9x2"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    @pytest.mark.slow
    def test_after_kill_9(self, tmp_path: Path) -> None:
        whole, broken = tmp_path / "whole", tmp_path / "broken"
        assert self.run(whole).returncode == 0
        for kill in (2, 1):  # and once more on the way
            assert self.run(broken, kill).returncode == -signal.SIGKILL
            assert not (broken / "rank0.json").exists()
        saved = sorted(path.name for path in (broken / "checkpoint").iterdir())
        assert saved == ["rank0.3.safetensors"]
        done = self.run(broken)
        assert done.returncode == 0, done.stderr
        assert (broken / "rank0.json").read_text() == (whole / "rank0.json").read_text()
        assert list((broken / "checkpoint").iterdir()) == []

    @pytest.mark.parametrize("name", ["GPT-Neo", "Phi", "Cohere", "Gemma 2"])
    @pytest.mark.parametrize("after", [1, 4])
    def test_after_an_exception(self, tmp_path: Path, name: str, after: int) -> None:
        blocks = token_blocks(11, 5, classes=101)  # so many that new ones come in every batch
        settings = {"batch_size": 2, "covariance": True, "agreement_tokens": 90, "groups": 3, "layers": "all"}
        whole = quietly(ARCHITECTURES[name](), blocks, **settings)
        model = ARCHITECTURES[name]()
        interrupt(model, after)
        with pytest.raises(KeyboardInterrupt):
            quietly(model, blocks, checkpoint=tmp_path, save_every=1, **settings)
        forwards = Forwards(model)
        resumed = quietly(model, blocks, checkpoint=tmp_path, save_every=1, **settings)
        assert forwards.passes == 6 - after
        assert json.dumps(everything(resumed)) == json.dumps(everything(whole))

    def test_only_the_same_measurement_goes_on(self, tmp_path: Path) -> None:
        blocks, model = token_blocks(8, 5), tiny_model()

        settings: dict[str, Any] = {"batch_size": 2, "checkpoint": tmp_path, "save_every": 1}
        interrupt(model, 2)
        with pytest.raises(KeyboardInterrupt):
            quietly(model, blocks, **settings)
        trained = tiny_model()
        trained.get_output_embeddings().weight.data[3] += 1e-3
        frozen = tiny_model()  # another model with the same head
        frozen.get_decoder().h[1].mlp.c_fc.bias.data[3] += 1e-3
        for other in (
            lambda: quietly(trained, blocks, **settings),
            lambda: quietly(frozen, blocks, **settings),
            lambda: quietly(model, token_blocks(8, 6), **settings),
            lambda: quietly(model, blocks, **settings | {"batch_size": 4}),
            lambda: quietly(model, blocks, groups=2, **settings),
            lambda: quietly(model, blocks, covariance=True, **settings),
            lambda: quietly(model, blocks, layers="all", **settings),
        ):
            with pytest.raises(FileError, match="another measurement"):
                other()
        assert quietly(model, blocks, **settings).tokens == 8 * 31

    def test_a_truncated_checkpoint(self, tmp_path: Path) -> None:
        file = tmp_path / "rank0.2.safetensors"
        file.write_bytes(b"\0" * 40)
        with pytest.raises(FileError):
            quietly(tiny_model(), checkpoint=tmp_path)

    def test_what_a_kill_left_half_written_is_removed(self, tmp_path: Path) -> None:
        (tmp_path / ".rank0.3.safetensors.x.safetensors").write_bytes(b"half")
        quietly(tiny_model(), checkpoint=tmp_path)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    cases = ("9x2", "5x1", "1x4")  # batches of unequal size; more batches on one rank; a rank with nothing to do
    (one,) = launch(SCRIPT, 1, str(tmp_path / "one"), "-1", *cases)
    for rank in launch(SCRIPT, 2, str(tmp_path / "two"), "-1", *cases):
        for case in cases:
            mine, wanted = rank[case], one[case]
            assert mine["metrics"] == pytest.approx(wanted["metrics"], rel=1e-6, abs=1e-9, nan_ok=True)
            assert mine["agreement"] == wanted["agreement"]
            assert mine["totals"] == pytest.approx(wanted["totals"], rel=1e-6)
            for name, layer in wanted["layers"].items():
                assert mine["layers"][name]["counts"] == layer["counts"]
                means = torch.tensor(mine["layers"][name]["means"]), torch.tensor(layer["means"])
                torch.testing.assert_close(*means, rtol=1e-6, atol=1e-7)
    assert list((tmp_path / "two" / "checkpoint").iterdir()) == []
