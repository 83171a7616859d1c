"""An unfinished pass goes on to the same bits, after kill -9 too, and only as the same measurement."""

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

from nc_hf.errors import FileError
from tests.architectures import ARCHITECTURES
from tests.collected import SCRIPT, quietly
from tests.distributed.collecting import everything
from tests.distributed.launcher import ROOT
from tests.training import Forwards, tiny_model, token_blocks


def interrupt(model: torch.nn.Module, after: int) -> None:
    """Let a model read so many batches, break off the next one, and let it run from then on."""
    runs = iter(range(after + 2))  # the first is to see how it reads

    def stop(*_: Any) -> None:
        if next(runs, None) == after + 1:
            raise KeyboardInterrupt

    model.register_forward_pre_hook(stop)


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
        assert saved == ["rank0.2.safetensors", "rank0.3.safetensors"]
        done = self.run(broken)
        assert done.returncode == 0, done.stderr
        assert (broken / "rank0.json").read_text() == (whole / "rank0.json").read_text()
        assert list((broken / "checkpoint").iterdir()) == []

    @pytest.mark.slow
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
        assert forwards.passes == 1 + 6 - after
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

    def test_a_damaged_newest_one_falls_back_to_the_one_before(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        blocks, settings = token_blocks(11, 5), {"batch_size": 2, "agreement_tokens": 90, "groups": 3}
        whole = quietly(tiny_model(), blocks, **settings)
        model = tiny_model()
        interrupt(model, 4)
        with pytest.raises(KeyboardInterrupt):
            quietly(model, blocks, checkpoint=tmp_path, save_every=1, **settings)
        newest = tmp_path / "rank0.4.safetensors"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["rank0.3.safetensors", newest.name]
        data = bytearray(newest.read_bytes())
        data[-9] ^= 4
        newest.write_bytes(bytes(data))
        forwards = Forwards(model)
        resumed = quietly(model, blocks, checkpoint=tmp_path, save_every=1, **settings)
        assert forwards.passes == 1 + 6 - 3
        assert "rank0.4.safetensors is damaged" in caplog.text
        assert "goes on from what was saved before" in caplog.text
        assert json.dumps(everything(resumed)) == json.dumps(everything(whole))

    def test_where_nothing_is_whole_that_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "rank0.2.safetensors").write_bytes(b"no tensors")
        with pytest.raises(FileError, match=r"rank0\.2.* is truncated.*: remove what is in .* to begin anew"):
            quietly(tiny_model(), checkpoint=tmp_path)

    def test_a_file_in_the_folder_s_place(self, tmp_path: Path) -> None:
        (tmp_path / "checkpoint").write_text("mine")
        with pytest.raises(FileError, match=r"checkpoint is no folder and cannot be made one \(File exists\)"):
            quietly(tiny_model(), checkpoint=tmp_path / "checkpoint")
        assert (tmp_path / "checkpoint").read_text() == "mine"

    def test_what_a_kill_left_half_written_is_removed(self, tmp_path: Path) -> None:
        (tmp_path / ".rank0.3.safetensors.x.safetensors").write_bytes(b"half")
        quietly(tiny_model(), checkpoint=tmp_path)
        assert list(tmp_path.iterdir()) == []
