"""`nc-hf merge`: shards that make one whole, and what does not belong together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from nc_hf.corpus.classes import ClassChoice
from nc_hf.metrics.compute import compute_metrics
from nc_hf.model.head import ClassifierHead
from nc_hf.statistics.class_statistics import ClassStatistics
from tests.adapters import ADAPTER, BASE, lora_files
from tests.command import refusal, run
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Statistics of the two halves of one corpus."""
    paths = []
    for part, (features, labels) in enumerate(zip(*(tensor.chunk(2) for tensor in tokens()), strict=True)):
        stats = ClassStatistics(8)
        stats.update(features, labels)
        stats.provenance = {"model": "a", "corpus": "b", "shards": f"{part}/2"}
        paths.append(tmp_path / f"{part}.safetensors")
        stats.save(paths[-1])
    return paths


def tokens() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 20, (600,), generator=random)
    return torch.randn(600, 8, generator=random) + labels.unsqueeze(1), labels


class TestMerge:
    def test_whole_equals_one_measurement(self, shards: list[Path], tmp_path: Path) -> None:
        document = json.loads(run("merge", *shards, "--output", tmp_path / "all", "--preset", "full", "--json"))
        whole = ClassStatistics(8)
        whole.update(*tokens())
        merged = ClassStatistics.load(tmp_path / "all")
        torch.testing.assert_close(merged.means, whole.means, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(merged.scatter, whole.scatter, rtol=1e-12, atol=1e-12)
        assert torch.equal(merged.counts, whole.counts)
        assert document["metrics"] == pytest.approx(compute_metrics(whole, preset="full"), rel=1e-9)
        assert document["provenance"] == merged.provenance == {"model": "a", "corpus": "b", "shards": "0/2 1/2"}
        assert (document["tokens"], document["classes"]) == (600, 20)

    def test_table(self, shards: list[Path], tmp_path: Path) -> None:
        text = run("merge", *shards, "--output", tmp_path / "all", columns=80)
        assert "600 of 20 classes" in text
        assert "0/2 1/2" in text
        assert "nc1_cdnv_median" in text
        assert "nc3_cos_mean_centred" not in text
        assert "± s.e." not in text
        assert "The rest needs the head (--model) or the tokens themselves (nc-hf measure)." in text

    @pytest.mark.slow
    def test_model_adds_the_metrics_of_its_head(self, shards: list[Path], model_folder: Path, tmp_path: Path) -> None:
        command = ("merge", *shards, "--output", tmp_path / "all", "--json", "--model", model_folder)
        head = ClassifierHead.from_model(LlamaForCausalLM.from_pretrained(model_folder))
        expected = compute_metrics(ClassStatistics.load(tmp_path / "all") if run(*command) else None, head)
        assert "nc3_cos_mean_centred" in expected
        assert json.loads(run(*command))["metrics"] == expected

    def test_other_model_is_refused(self, shards: list[Path], model_folder: Path, tmp_path: Path) -> None:
        stats = ClassStatistics.load(shards[0])
        stats.provenance["commit"] = "0" * 40
        stats.save(shards[0])
        message = refusal("merge", shards[0], "--output", tmp_path / "all", "--model", model_folder, code=6)
        assert "name the model that was measured" in message
        assert not (tmp_path / "all").exists()

    @pytest.mark.parametrize(("key", "value"), [("shards", "0/2"), ("shards", "1/3"), ("model", "c"), ("corpus", "c")])
    def test_what_does_not_belong_together_is_refused(
        self, shards: list[Path], tmp_path: Path, key: str, value: str
    ) -> None:
        stats = ClassStatistics.load(shards[1])
        stats.provenance[key] = value
        stats.save(shards[1])
        assert "do not merge" in refusal("merge", *shards, "--output", tmp_path / "all", code=6)
        assert not (tmp_path / "all").exists()

    def test_foreign_file_is_refused(self, shards: list[Path], model_folder: Path, tmp_path: Path) -> None:
        whole = shards[1].read_bytes()
        for content in (whole[:-100], whole[:20], b"", (model_folder / "model.safetensors").read_bytes()):
            shards[1].write_bytes(content)
            refusal("merge", *shards, "--output", tmp_path / "all", code=6)
        assert not (tmp_path / "all").exists()

    def test_too_few_classes_leave_the_merged_file(self, shards: list[Path], tmp_path: Path) -> None:
        (tmp_path / "classes.txt").write_text("3\n30\n31\n")
        command = ("merge", *shards, "--output", tmp_path / "all", "--classes", tmp_path / "classes.txt")
        assert "1 of the 3 classes that count" in refusal(*command, code=6)
        assert ClassStatistics.load(tmp_path / "all").num_tokens == 600

    def test_the_classes_are_those_that_counted_for_the_shards(self, shards: list[Path], tmp_path: Path) -> None:
        """As written into the shards, whatever their counts; other ones where the command names them."""
        listed, (features, labels) = [2, 3, 5, 7, 11, 13, 400], tokens()
        for path in shards:
            stats = ClassStatistics.load(path)
            stats.provenance["classes"] = ",".join(map(str, listed))
            stats.save(path)
        whole = ClassStatistics(8)
        whole.update(features, labels)
        common = (torch.bincount(labels) >= 0.05 * len(labels)).nonzero().flatten()
        top = sorted(sorted(range(20), key=lambda c: (-int((labels == c).sum()), c))[:4])
        (tmp_path / "classes.txt").write_text("1\n4\n9\n")
        assert 2 < len(common) < 20

        def values(classes: list[int] | None) -> dict[str, float]:
            return compute_metrics(whole, min_count=1, classes=None if classes is None else torch.tensor(classes))

        for said, classes, rule in (
            ([], listed, "a given list"),
            (["--classes", 0.05], common.tolist(), "0.05"),
            (["--classes", "top:4"], top, "top:4"),
            (["--classes", tmp_path / "classes.txt"], [1, 4, 9], "a given list"),
            (["--classes", "all"], None, "all"),
        ):
            document = json.loads(run("merge", *shards, "--output", tmp_path / "all", "--json", *said))
            assert document["metrics"] == pytest.approx(values(classes), rel=1e-9)
            assert document["classes_rule"] == rule
            ids = None if classes is None else torch.tensor(classes)
            assert document["classes_hash"] == ClassChoice(rule, ids).hash
        assert ClassStatistics.load(tmp_path / "all").provenance["classes"] == ",".join(map(str, listed))

    def test_shards_for_which_every_class_counted_stay_so(self, shards: list[Path], tmp_path: Path) -> None:
        for path in shards:
            stats = ClassStatistics.load(path)
            stats.provenance["classes"] = "all"
            stats.save(path)
        document = json.loads(run("merge", *shards, "--output", tmp_path / "all", "--json"))
        whole = ClassStatistics.load(tmp_path / "all")
        assert (document["classes_rule"], document["classes_hash"]) == ("all", "all")
        assert document["metrics"] == compute_metrics(whole, min_count=1)

    def test_the_table_counts_the_classes_and_does_not_list_them(self, shards: list[Path], tmp_path: Path) -> None:
        for path in shards:
            stats = ClassStatistics.load(path)
            stats.provenance["classes"] = "2,3,5,7,11"
            stats.save(path)
        text = run("merge", *shards, "--output", tmp_path / "all", columns=80)
        assert "5 that count" in text
        assert "2,3,5" not in text

    @pytest.mark.parametrize("classes", ["300", "top:1", "no such file", "0.9"])
    def test_classes_that_are_none_are_refused(self, shards: list[Path], tmp_path: Path, classes: str) -> None:
        refusal("merge", *shards, "--output", tmp_path / "all", "--classes", classes, code=2)

    def test_shards_of_other_classes_do_not_merge(self, shards: list[Path], tmp_path: Path) -> None:
        for path, classes in zip(shards, ("1,2", "1,3"), strict=True):
            stats = ClassStatistics.load(path)
            stats.provenance["classes"] = classes
            stats.save(path)
        assert "do not merge" in refusal("merge", *shards, "--output", tmp_path / "all", code=6)


@pytest.mark.slow
def test_an_adapter_s_statistics_are_of_its_base_too(hub: StandIn, tmp_path: Path) -> None:
    base = hub.add(BASE, gpt2_files())
    hub.add(ADAPTER, lora_files())
    shards = [tmp_path / f"{part}.safetensors" for part in (1, 2)]
    quick = ("--corpus", "builtin", "--max-tokens", 2_000, "--no-stderr", "--device", "cpu", "--quiet", "--json")
    for part, path in enumerate(shards, start=1):
        run("measure", ADAPTER, *quick, "--shard", f"{part}/2", "--save-statistics", path)
    merge = ("merge", *shards, "--output", tmp_path / "all", "--model", ADAPTER, "--json")
    assert "nc3_cos_mean_centred" in json.loads(run(*merge))["metrics"]
    base.commit(gpt2_files(seed=1))
    assert "over the base" in refusal(*merge, code=6)
