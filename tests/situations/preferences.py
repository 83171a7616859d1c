"""TRL's Trainers on preferences, rewards and samples, some of which run a reference beside the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset

from nc_hf import NeuralCollapseCallback
from tests.situations.supervised import SETTINGS, adapter, body, run, sentence, tokenizer, trl
from tests.situations.watching import Watch, policy


def pairs(rows: int) -> Any:
    return Dataset.from_list(
        [
            {"prompt": sentence(n, 2) + " ", "chosen": sentence(n + 1), "rejected": sentence(n + 5, 5)}
            for n in range(rows)
        ]
    )


def judged(rows: int) -> Any:
    return Dataset.from_list(
        [{"prompt": sentence(n, 2) + " ", "completion": sentence(n + 1), "label": n % 2 == 0} for n in range(rows)]
    )


def dpo(folder: Path, more: Any = None, **settings: Any) -> Watch:
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        body(),
        args=DPOConfig(str(folder), **{**SETTINGS, "max_length": 96, **settings}),
        train_dataset=pairs(8),
        eval_dataset=pairs(11),
        processing_class=tokenizer(),
        callbacks=[NeuralCollapseCallback()],
        **(more or {}),
    )
    return run(trainer, policy)


@trl("DPO with a reference model")
def _dpo(folder: Path) -> Any:
    return dpo(folder, {"ref_model": body()})


@trl("DPO with LoRA, whose reference is the same model without adapters")
def _dpo_lora(folder: Path) -> Any:
    watch = dpo(folder, {"peft_config": adapter()})
    values = [each.expected["nc1_trace_ratio"] for each in watch.compared]
    assert values[0] != values[1]  # training moves the policy, and no reference
    return watch


@trl("DPO with LoRA and a precomputed reference")
def _dpo_precomputed(folder: Path) -> Any:
    return dpo(folder, {"peft_config": adapter()}, precompute_ref_log_probs=True)


@trl("DPO with a precomputed reference")
def _dpo_precomputed_full(folder: Path) -> Any:
    return dpo(folder, precompute_ref_log_probs=True)


def kto(folder: Path, **more: Any) -> Watch:
    try:
        from trl import KTOConfig, KTOTrainer
    except ImportError:
        from trl.experimental.kto import KTOConfig, KTOTrainer

    trainer = KTOTrainer(
        body(),
        args=KTOConfig(str(folder), **{**SETTINGS, "max_length": 96}),
        train_dataset=judged(8),
        eval_dataset=judged(12),
        processing_class=tokenizer(),
        callbacks=[NeuralCollapseCallback()],
        **more,
    )
    return run(trainer, policy)


@trl("KTO, the full model")
def _kto(folder: Path) -> Any:
    return kto(folder, ref_model=body())


@trl("KTO with LoRA, whose reference is the same model without adapters")
def _kto_lora(folder: Path) -> Any:
    return kto(folder, peft_config=adapter())


def grpo(folder: Path, **more: Any) -> Watch:
    from trl import GRPOConfig, GRPOTrainer

    prompts = Dataset.from_list([{"prompt": sentence(n, 2)} for n in range(4)])
    settings = {**SETTINGS, "num_generations": 2, "max_completion_length": 24, "per_device_train_batch_size": 2}
    trainer = GRPOTrainer(
        body(),
        reward_funcs=lambda completions, **kwargs: [float(len(set(text))) for text in completions],
        args=GRPOConfig(str(folder), **settings),
        train_dataset=prompts,
        eval_dataset=prompts,
        processing_class=tokenizer(),
        callbacks=[NeuralCollapseCallback()],
        **more,
    )
    return run(trainer, lambda inputs, passes: [each for each in passes if each.labels is not None][:1])


@trl("GRPO, on its own samples, which are others at each evaluation")
def _grpo(folder: Path) -> Any:
    return grpo(folder)


@trl("GRPO with LoRA, on its own samples")
def _grpo_lora(folder: Path) -> Any:
    return grpo(folder, peft_config=adapter())


@trl("RewardTrainer", "refused before training")
def _reward(folder: Path) -> Any:
    from transformers import LlamaConfig, LlamaForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer()), num_labels=1, pad_token_id=tokenizer().pad_token_id, **sizes)
    RewardTrainer(
        LlamaForSequenceClassification(config),
        RewardConfig(str(folder), **SETTINGS),
        train_dataset=pairs(8),
        eval_dataset=pairs(8),
        processing_class=tokenizer(),
        callbacks=[NeuralCollapseCallback()],
    ).train()
