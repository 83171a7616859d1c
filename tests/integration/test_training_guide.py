"""Every snippet of docs/training.md runs as it stands, over a small model, its tokenizer and a few stories."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import TrainingArguments

from nc_hf.corpus.stories import stories, train_tokenizer
from tests.architectures import ARCHITECTURES
from tests.distributed.launcher import ROOT

GUIDE = ROOT / "docs" / "training.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the snippets take as given, and what the ones before have imported."""
    tokenizer = train_tokenizer(islice(stories(), 400), 512)
    tokenizer.pad_token = tokenizer.eos_token
    told = list(islice(stories(), 60))
    rows = [{"input_ids": ids, "labels": ids} for text in told if len(ids := tokenizer(text)["input_ids"][:48]) == 48]
    folder = str(tmp_path_factory.mktemp("run"))
    return {
        "tokenizer": tokenizer,
        "folder": folder,
        "args": TrainingArguments(
            folder, max_steps=2, per_device_train_batch_size=4, eval_strategy="no", save_strategy="no", use_cpu=True,
            report_to="none",
        ),
        "train_set": rows[:30],
        "held_out": rows[30:],
        "texts": Dataset.from_dict({"text": told}),
        "preferences": Dataset.from_dict({
            "prompt": [text[:20] for text in told[:16]],
            "chosen": [text[20:90] for text in told[:16]],
            "rejected": [text[90:160] for text in told[:16]],
        }),
    }  # fmt: skip


def test_there_is_something_to_run() -> None:
    assert len(SNIPPETS) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_runs(names: dict[str, Any], number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names["model"] = ARCHITECTURES["Llama"](vocab_size=512, max_position_embeddings=128)
    names["model"].config.pad_token_id = names["tokenizer"].pad_token_id
    exec(compile(SNIPPETS[number], f"{GUIDE.name}, snippet {number + 1}", "exec"), names)
