"""The commands: CPU time of a process, imports and all."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from transformers import AutoTokenizer, GPTNeoConfig, GPTNeoForCausalLM, PreTrainedTokenizerFast

from limits.lines import Line, Settings

TARGETS = {"measure": 3.0, "compare": 1.2}


def run(settings: Settings) -> Iterator[Line]:
    """Yield a line a command."""
    with tempfile.TemporaryDirectory() as folder:
        model, report = saved_model(Path(folder) / "model"), str(Path(folder) / "report.json")
        measure = ["measure", str(model), "--corpus", "builtin", "--max-tokens", "2000", "--quiet", "--output", report]
        spent = {"measure": [cpu_seconds(measure, folder) for _ in range(settings.size(5, 1))]}
        spent["compare"] = [cpu_seconds(["compare", report, report], folder) for _ in range(settings.size(5, 1))]
    for command, works in {"measure": "of 2,000 tokens", "compare": "of two reports"}.items():
        yield Line(f"`nc-hf {command}` {works}", "CPU time", median(spent[command]), TARGETS[command], "s")


def cpu_seconds(arguments: list[str], folder: str) -> float:
    """Return the CPU time of a command, which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [sys.executable, "-c", "from nc_hf.cli import main; main()", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(f"nc-hf {' '.join(arguments)} failed: {ended.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def saved_model(folder: Path) -> Path:
    """Save a small model with a tokenizer of letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = {letter: number for number, letter in enumerate(["?", *map(chr, range(32, 127)), "\n"])}
    tokenizer = Tokenizer(models.WordLevel({**letters, "<end>": len(letters)}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", unk_token="?").save_pretrained(folder)
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=len(letters) + 1, hidden_size=32, num_layers=2, num_heads=2, max_position_embeddings=128,
        attention_types=[[["global"], 2]],
    )  # fmt: skip
    GPTNeoForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder)
    return folder
