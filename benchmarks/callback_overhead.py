"""A Trainer with a listening callback against the same without: CPU time of evaluation and of training, and memory.

GPT-Neo 4 x 256 with a vocabulary of 50,257, on random tokens as frequent as words. CPU time, since on a busy machine
the clock on the wall measures the neighbours.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from timing import machine
from transformers import GPTNeoConfig, GPTNeoForCausalLM, PrinterCallback, Trainer, TrainingArguments

from nc_hf import METRICS, PRESETS, NeuralCollapseCallback

BLOCKS, LENGTH, VOCABULARY, PAIRS = 16, 128, 50_257, 7


def build_trainer(model: GPTNeoForCausalLM, folder: str, *callbacks: NeuralCollapseCallback) -> Trainer:
    """Make a Trainer of a few steps over random tokens."""
    torch.manual_seed(0)
    frequency = 1 / torch.arange(1.0, VOCABULARY + 1)
    tokens = torch.multinomial(frequency, BLOCKS * LENGTH, replacement=True).view(BLOCKS, LENGTH)
    rows = [{"input_ids": row, "labels": row} for row in tokens]
    arguments = TrainingArguments(
        folder, per_device_eval_batch_size=8, per_device_train_batch_size=8, max_steps=2, save_strategy="no",
        use_cpu=True, report_to="none", disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=rows, eval_dataset=rows, callbacks=list(callbacks))
    trainer.remove_callback(PrinterCallback)  # printing is no part of what is timed
    return trainer


def pairs(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float, float]:
    """Return the median ratio of the CPU times of two calls that take turns, and the least and largest one."""
    found = []
    for number in range(PAIRS + 1):
        times = []
        for call in (first, second):
            begin = time.process_time()
            call()
            times.append(time.process_time() - begin)
        found += [times[0] / times[1]] if number else []  # the first pair warms up
    return statistics.median(found), min(found), max(found)


def main() -> None:
    """Print the ratios without and with NC4, and the growth of memory over twenty evaluations."""
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=VOCABULARY, hidden_size=256, num_layers=4, num_heads=16, attention_types=[[["global", "local"], 2]],
        max_position_embeddings=LENGTH, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    print(f"{BLOCKS} x {LENGTH} tokens, GPT-Neo 4 x 256, vocabulary {VOCABULARY}; {PAIRS} pairs; {machine()}")
    without_nc4 = tuple(name for name in PRESETS["core"] if "agreement" not in METRICS[name].needs)
    for name, preset in (("NC4 off", without_nc4), ("NC4 on", "core")):
        with tempfile.TemporaryDirectory() as folder:
            callback = NeuralCollapseCallback(preset=preset)
            listening = build_trainer(GPTNeoForCausalLM(config), folder, callback)
            plain = build_trainer(GPTNeoForCausalLM(config), folder)
            for what, one, other in (
                ("evaluate()", listening.evaluate, plain.evaluate),
                ("train(), 2 steps", listening.train, plain.train),
            ):
                middle, least, most = pairs(one, other)
                print(f"{name}: {what} takes {middle:.3f} x the CPU time ({least:.3f} to {most:.3f})")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for _ in range(20):
                listening.evaluate()
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(f"{name}: twenty evaluations more grow the most memory held by {(after - before) / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
