"""TRL's SFTTrainer, which packs, flattens and masks text; and what all of TRL's Trainers are given here."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor

from nc_hf import NeuralCollapseCallback
from nc_hf.corpus.stories import builtin_tokenizer
from tests.situations.registry import situation
from tests.situations.watching import Choice, Pass, Watch, first

SETTINGS: dict[str, Any] = {
    "use_cpu": True,
    "report_to": "none",
    "disable_tqdm": True,
    "per_device_train_batch_size": 2,
    "per_device_eval_batch_size": 4,
    "max_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 1,
    "save_strategy": "no",
    "bf16": False,
    "gradient_checkpointing": False,
    "learning_rate": 1e-2,
}
WORDS = [
    "the cat sat",
    "a dog ran",
    "she was happy",
    "they went home",
    "he said no",
    "it was big",
    "one day",
    "the sun",
]


@cache
def tokenizer() -> Any:
    found = builtin_tokenizer(300)
    found.pad_token = found.pad_token or found.eos_token
    return found


def body() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    size = len(tokenizer())
    eos = tokenizer().eos_token_id
    return LlamaForCausalLM(LlamaConfig(vocab_size=size, max_position_embeddings=256, eos_token_id=eos, **sizes))


def sentence(number: int, words: int = 6) -> str:
    return " ".join(WORDS[(number * (n + 3) + n * n) % len(WORDS)] for n in range(words))


def texts(rows: int, begin: int = 0) -> Any:
    return Dataset.from_list([{"text": sentence(n + begin, 3 + n % 5)} for n in range(rows)])


def completions(rows: int) -> Any:
    return Dataset.from_list([{"prompt": sentence(n, 2) + " ", "completion": sentence(n + 3)} for n in range(rows)])


def adapter(**settings: Any) -> Any:
    from peft import LoraConfig

    return LoraConfig(**{"r": 2, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", **settings})


def run(trainer: Any, choice: Choice, evaluations: int = 2) -> Watch:
    watch = Watch(trainer, choice=choice)
    trainer.train()
    assert len(watch.compared) == evaluations
    return watch


def sft(
    folder: Path,
    data: Any = None,
    callbacks: Any = (),
    more: Any = None,
    choice: Choice = first,
    processing_class: Any = None,
    **settings: Any,
) -> Watch:
    from trl import SFTConfig, SFTTrainer

    rows = (texts(12), texts(11, 20)) if data is None else data
    trainer = SFTTrainer(
        body(),
        SFTConfig(str(folder), **{**SETTINGS, "max_length": 64, **settings}),
        train_dataset=rows[0],
        eval_dataset=rows[1],
        processing_class=processing_class or tokenizer(),
        callbacks=[NeuralCollapseCallback(), *callbacks],
        **(more or {}),
    )
    return run(trainer, choice)


def trl(text: str, *arguments: Any, **settings: Any) -> Any:
    return situation("TRL", text, *arguments, **{"tolerance": 1e-3, "needs": "trl", **settings})


@trl("SFT")
def _sft(folder: Path) -> Any:
    return sft(folder)


@trl("SFT, packing bfd")
def _bfd(folder: Path) -> Any:
    return sft(folder, packing=True, packing_strategy="bfd")


@trl("SFT, packing wrapped")
def _wrapped(folder: Path) -> Any:
    return sft(folder, packing=True, packing_strategy="wrapped")


@trl("SFT, packing, eval_packing=False")
def _eval_packing(folder: Path) -> Any:
    return sft(folder, packing=True, eval_packing=False)


@trl("SFT, padding_free")
def _padding_free(folder: Path) -> Any:
    return sft(folder, padding_free=True, max_length=None)


@trl("SFT, the loss on completions only")
def _completion(folder: Path) -> Any:
    return sft(folder, (completions(8), completions(11)), completion_only_loss=True)


TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + eos_token }}"
    "{% endgeneration %}{% else %}{{ m['content'] + ' ' }}{% endif %}{% endfor %}"
)


def talks(rows: int) -> Any:
    """Two turns each of a user and of an assistant."""
    return Dataset.from_list(
        [
            {
                "messages": [
                    {"role": role, "content": sentence(n + 3 * turn, 2 + turn)}
                    for turn, role in enumerate(("user", "assistant") * 2)
                ]
            }
            for n in range(rows)
        ]
    )


@trl("SFT, the loss on an assistant's turns only")
def _assistant(folder: Path) -> Any:
    chat = copy.deepcopy(tokenizer())
    chat.chat_template = TEMPLATE
    rows: list[tuple[Tensor, Tensor]] = []

    def choice(inputs: dict[str, Any], passes: list[Pass]) -> list[Pass]:
        rows.extend(zip(inputs["attention_mask"].bool(), inputs["labels"], strict=True))
        return first(inputs, passes)

    watch = sft(folder, (talks(8), talks(11)), choice=choice, processing_class=chat, assistant_only_loss=True)
    assert all(0 < int((labels >= 0).sum()) < int(mask.sum()) for mask, labels in rows)
    return watch


@trl("SFT, chunked loss without logits (chunked_nll)")
def _chunked(folder: Path) -> Any:
    return sft(folder, loss_type="chunked_nll", prediction_loss_only=True)


@trl("SFT, label smoothing")
def _smoothed(folder: Path) -> Any:
    return sft(folder, label_smoothing_factor=0.1)


@trl("SFT, loss dft")
def _dft(folder: Path) -> Any:
    return sft(folder, loss_type="dft")


@trl("SFT, compute_loss_func")
def _loss_func(folder: Path) -> Any:
    def own(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        return torch.nn.functional.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())

    return sft(folder, more={"compute_loss_func": own})


@trl("SFT, LoRA on all linear layers")
def _all_linear(folder: Path) -> Any:
    return sft(folder, more={"peft_config": adapter(target_modules="all-linear")})


@trl("SFT, streaming")
def _streaming(folder: Path) -> Any:
    return sft(folder, (texts(12).to_iterable_dataset(), texts(11, 20).to_iterable_dataset()))


@trl("SFT, EarlyStoppingCallback on one of our values")
def _early(folder: Path) -> Any:
    from transformers import EarlyStoppingCallback

    best = {"metric_for_best_model": "nc1_trace_ratio", "greater_is_better": False, "load_best_model_at_end": True}
    saved = {"save_strategy": "steps", "save_steps": 1}
    return sft(folder, callbacks=[EarlyStoppingCallback(5)], **best, **saved)
