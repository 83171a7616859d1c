"""Trainer.evaluate() with a listening callback against without: GPT-Neo 4 x 256, vocabulary 50,257."""

from __future__ import annotations

import tempfile

import torch
from timing import machine, ratio
from transformers import GPTNeoConfig, GPTNeoForCausalLM, PrinterCallback, Trainer, TrainingArguments

from nc_hf import METRICS, PRESETS, NeuralCollapseCallback

BLOCKS, LENGTH, VOCABULARY = 16, 128, 50_257


def build_trainer(model: GPTNeoForCausalLM, folder: str, callback: NeuralCollapseCallback | None) -> Trainer:
    """Make a Trainer over random tokens as frequent as words."""
    torch.manual_seed(0)
    frequency = 1 / torch.arange(1.0, VOCABULARY + 1)
    tokens = torch.multinomial(frequency, BLOCKS * LENGTH, replacement=True).view(BLOCKS, LENGTH)
    rows = [{"input_ids": row, "labels": row} for row in tokens]
    arguments = TrainingArguments(
        folder, per_device_eval_batch_size=8, use_cpu=True, report_to="none", disable_tqdm=True
    )
    trainer = Trainer(model, arguments, eval_dataset=rows, callbacks=[callback] if callback else [])
    trainer.remove_callback(PrinterCallback)  # printing is no part of what is timed
    return trainer


def main() -> None:
    """Print the ratio without and with NC4."""
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=VOCABULARY, hidden_size=256, num_layers=4, num_heads=16, attention_types=[[["global", "local"], 2]],
        max_position_embeddings=LENGTH, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = GPTNeoForCausalLM(config)
    print(f"evaluate() on {BLOCKS} x {LENGTH} tokens, GPT-Neo 4 x 256, vocabulary {VOCABULARY}; {machine()}")
    without_nc4 = tuple(name for name in PRESETS["core"] if "agreement" not in METRICS[name].needs)
    for name, preset in (("NC4 off", without_nc4), ("NC4 on", "core")):
        with tempfile.TemporaryDirectory() as folder:
            callback = NeuralCollapseCallback(preset=preset, min_count=2)
            listening, plain = build_trainer(model, folder, callback), build_trainer(model, folder, None)

            def with_callback(trainer: Trainer = listening, callback: NeuralCollapseCallback = callback) -> None:
                callback.on_init_end(trainer.args, trainer.state, trainer.control, model=trainer.model)
                trainer.evaluate()

            def without(trainer: Trainer = plain, callback: NeuralCollapseCallback = callback) -> None:
                callback.detach()
                trainer.evaluate()

            times, slow, fast = ratio(with_callback, without, pairs=5)
            print(f"{name}: {slow:.2f} s listening, {fast:.2f} s without: {times:.3f} x")
            callback.detach()


if __name__ == "__main__":
    main()
