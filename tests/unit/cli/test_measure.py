"""`nc-hf measure`: refusals in one line that leave nothing behind, and what outlives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from nc_hf.statistics.class_statistics import ClassStatistics
from tests.command import invoke
from tests.training import save_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def without_head(tiny: Path, folder: Path) -> list[object]:
    config = json.loads((tiny / "config.json").read_text())
    copy(tiny, folder)
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["LlamaModel"]}))
    return [folder]


def with_nan(tiny: Path, folder: Path) -> list[object]:
    copy(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return [folder]


def without_tokenizer(tiny: Path, folder: Path) -> list[object]:
    copy(tiny, folder)
    for path in folder.glob("tokenizer*"):
        path.unlink()
    return [folder]


def truncated(tiny: Path, folder: Path) -> list[object]:
    copy(tiny, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    return [folder]


def copy(source: Path, folder: Path) -> None:
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())


def text(content: str) -> Callable[[Path, Path], list[object]]:
    def make(tiny: Path, folder: Path) -> list[object]:
        folder.mkdir()
        (folder / "text.txt").write_text(content)
        return [tiny, "--corpus", folder / "text.txt"]

    return make


def also(*options: object) -> Callable[[Path, Path], list[object]]:
    return lambda tiny, folder: [tiny, *options]


class TestRefusals:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("make", "code", "way_out"),
        [
            (text(""), 3, "name"),
            (text("One short story."), 3, "block"),
            (also("--corpus", "nowhere.txt"), 3, "nowhere.txt"),
            (also("--split", "nonsense"), 3, "nonsense"),
            (lambda tiny, folder: [folder], 2, "folder"),
            (without_head, 4, "LlamaModel"),
            (with_nan, 5, "NaN"),
            (without_tokenizer, 4, "tokenizer"),
            (truncated, 4, "safetensors"),
            (also("--metrics", "nc9_collapse"), 2, "nc9_collapse"),
            (also("--block-size", 100_000), 2, "block_size"),
            (also("--shard", "5000/5001"), 3, "block"),
            (also("--split", "nope"), 3, "has no split 'nope'"),
            (also("--device", "cuda"), 2, "use the device cpu"),
            (also("--classes", "0.9"), 2, "classes is 0.9, which leaves 0"),
        ],
    )
    def test_one_line_and_nothing_written(
        self, tiny: Path, tmp_path: Path, make: Callable[[Path, Path], list[object]], code: int, way_out: str
    ) -> None:
        written = tmp_path / "written"
        written.mkdir()
        outputs: list[Any] = [
            "--output",
            written / "r.json",
            "--markdown",
            written / "r.md",
            "--html",
            written / "r.html",
            "--save-statistics",
            written / "s",
        ]
        base = ["--corpus", "builtin", "--max-tokens", 3_000, "--quiet"]
        result = invoke("measure", *base, *outputs, *make(tiny, tmp_path / "input"), columns=80)
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        message = result.stderr.splitlines()[-1]
        assert message.startswith("nc-hf: ")
        assert way_out in message
        assert list(written.iterdir()) == []

    @pytest.mark.slow
    def test_statistics_of_a_long_pass_outlive_classes_that_it_did_not_meet(self, tiny: Path, tmp_path: Path) -> None:
        statistics, report, classes = tmp_path / "statistics", tmp_path / "report.json", tmp_path / "classes.txt"
        options = ["--corpus", "builtin", "--max-tokens", 3_000, "--quiet"]
        invoke("measure", tiny, *options, "--save-statistics", statistics, columns=80)
        seen = ClassStatistics.load(statistics).class_ids.tolist()
        statistics.unlink()
        unseen = [token for token in range(max(seen)) if token not in seen][:3]
        assert len(unseen) > 1
        classes.write_text("\n".join(map(str, unseen)))
        options += ["--classes", classes]
        result = invoke("measure", tiny, *options, "--save-statistics", statistics, "--output", report, columns=80)
        assert (result.exit_code, result.stdout) == (6, "")
        assert "no class that counts was met" in result.stderr
        assert ClassStatistics.load(statistics).num_tokens > 2_000
        assert not report.exists()
