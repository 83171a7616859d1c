"""PEFT: adapters of every kind, switched, merged and on the head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import Trainer

from nc_hf import NeuralCollapseCallback
from tests.situations.evaluating import BY_STEP, watched
from tests.situations.evaluating import train as trained
from tests.situations.registry import situation
from tests.situations.trainers import BEST
from tests.situations.watching import Compared, Pass, first, of_rows
from tests.training import HELD_OUT, VOCAB_SIZE, make_trainer, token_blocks


def body(**settings: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB_SIZE, max_position_embeddings=128, **sizes, **settings))


def lora(kind: str = "LoraConfig", base: Any = None, task: str | None = "CAUSAL_LM", **settings: Any) -> Any:
    """A model with adapters whose weights are not those that change nothing."""
    import peft

    if kind == "LoraConfig":
        settings = {"r": 2, "target_modules": ["q_proj", "v_proj"], **settings}
    model = peft.get_peft_model(base or body(), getattr(peft, kind)(task_type=task, **settings))
    stir(model)
    return model


def stir(model: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name and "magnitude" not in name:
            parameter.data.normal_(0.0, 0.3, generator=generator)


def train(folder: Path, model: Any, *callbacks: Any, **settings: Any) -> Any:
    return trained(folder, *callbacks, model=model, **settings)


@situation("PEFT", "LoRA")
def _lora(folder: Path) -> Any:
    return train(folder, lora())


@situation("PEFT", "LoRA with gradient checkpointing and a best model")
def _checkpointed(folder: Path) -> Any:
    return train(folder, lora(), gradient_checkpointing=True, **BEST)


@situation("PEFT", "LoRA, a corpus of the callback's own")
def _own(folder: Path) -> Any:
    trainer = make_trainer(folder, NeuralCollapseCallback(token_blocks(11, 2)), model=lora())
    values = trainer.evaluate()
    expected = of_rows(trainer.model, HELD_OUT)
    return Compared({name: values[f"eval_{name}"] for name in expected}, expected)


@situation("PEFT", "modules_to_save of an untied head")
def _saved(folder: Path) -> Any:
    return train(folder, lora(modules_to_save=["lm_head"]))


@situation("PEFT", "modules_to_save of a tied head")
def _saved_tied(folder: Path) -> Any:
    return train(folder, lora(base=body(tie_word_embeddings=True), modules_to_save=["lm_head"]))


@situation("PEFT", "modules_to_save of head and embeddings")
def _saved_both(folder: Path) -> Any:
    return train(folder, lora(modules_to_save=["lm_head", "embed_tokens"]))


@situation("PEFT", "trainable_token_indices")
def _tokens(folder: Path) -> Any:
    return train(folder, lora(trainable_token_indices={"embed_tokens": [1, 2, 3]}))


@situation("PEFT", "trainable_token_indices of tied embeddings")
def _tokens_tied(folder: Path) -> Any:
    base = body(tie_word_embeddings=True)
    return train(folder, lora(base=base, trainable_token_indices={"embed_tokens": [1, 2, 3]}))


@situation("PEFT", "prefix tuning")
def _prefix(folder: Path) -> Any:
    return train(folder, lora("PrefixTuningConfig", num_virtual_tokens=3))


@situation("PEFT", "DoRA")
def _dora(folder: Path) -> Any:
    return train(folder, lora(use_dora=True))


@situation("PEFT", "IA3")
def _ia3(folder: Path) -> Any:
    return train(folder, lora("IA3Config", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]))


@situation("PEFT", "two adapters, switched between evaluations")
def _two(folder: Path) -> Any:
    import peft

    model = lora()
    model.add_adapter("other", peft.LoraConfig(r=3, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    stir(model)
    trainer, watch = watched(folder, model=model)
    trainer.evaluate()
    model.set_adapter("other")
    trainer.evaluate()
    one, two = watch.compared
    assert one.expected != two.expected
    return watch


@situation("PEFT", "adapters switched off for one evaluation")
def _off(folder: Path) -> Any:
    trainer, watch = watched(folder, model=lora())
    with trainer.model.disable_adapter():
        trainer.evaluate()
    trainer.evaluate()
    return watch


class Reference(Trainer):
    """Compares with a reference, the model without its adapters or with others, that runs before the policy."""

    def reference(self, model: Any, inputs: Any) -> Any:
        with self.accelerator.unwrap_model(model).disable_adapter():
            return model(**inputs).logits

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        with torch.no_grad():
            before = self.reference(model, inputs)
        out = model(**inputs)
        loss = out.loss + 0.1 * (out.logits - before).square().mean()
        return (loss, {"logits": out.logits}) if return_outputs else loss


class OtherAdapter(Reference):
    def reference(self, model: Any, inputs: Any) -> Any:
        model.set_adapter("other")
        logits = model(**inputs).logits
        model.set_adapter("default")
        return logits


def second(inputs: dict[str, Any], passes: list[Pass]) -> list[Pass]:
    return first(inputs, passes[1:])


@situation("PEFT", "a loss whose first pass is of a reference without adapters")
def _reference_first(folder: Path) -> Any:
    return train(folder, lora(), trainer=Reference, choice=second)


@situation("PEFT", "a loss whose first pass is of a reference with another adapter")
def _other_reference_first(folder: Path) -> Any:
    import peft

    model = lora()
    model.add_adapter("other", peft.LoraConfig(r=3, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    stir(model)
    return train(folder, model, trainer=OtherAdapter, choice=second)


@situation("PEFT", "prefix tuning, whose reference without it runs first")
def _prefix_reference(folder: Path) -> Any:
    return train(folder, lora("PrefixTuningConfig", num_virtual_tokens=3), trainer=Reference, choice=second)


def injected(**settings: Any) -> Any:
    """A model of transformers with adapters and no wrapper, as its ``add_adapter`` makes one.

    By what that calls, since of PEFT it asks for a version that may not be out yet.
    """
    import peft

    config = peft.LoraConfig(**{"r": 2, "target_modules": ["q_proj", "v_proj"], **settings})
    model = peft.inject_adapter_in_model(config, body())
    stir(model)
    return model


def switch(model: Any, on: bool) -> None:
    """As ``disable_adapters`` and ``enable_adapters`` of transformers do."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            layer.enable_adapters(enabled=on)


@situation("PEFT", "adapters added to a model of transformers, without a PeftModel")
def _injected(folder: Path) -> Any:
    return train(folder, injected())


@situation("PEFT", "adapters added to a model of transformers, on its head too")
def _injected_head(folder: Path) -> Any:
    return train(folder, injected(target_modules=["q_proj", "lm_head"]))


@situation("PEFT", "adapters added to a model of transformers, switched off and on between evaluations")
def _injected_switched(folder: Path) -> Any:
    model = injected()
    trainer, watch = watched(folder, model=model)
    for on in (True, False, True):
        switch(model, on)
        trainer.evaluate()
    with_them, without, again = (each.expected for each in watch.compared)
    assert with_them == again != without
    return watch


class SwitchedReference(Reference):
    def reference(self, model: Any, inputs: Any) -> Any:
        switch(model, False)
        logits = model(**inputs).logits
        switch(model, True)
        return logits


@situation("PEFT", "adapters added to a model of transformers, whose reference without them runs first")
def _injected_reference(folder: Path) -> Any:
    return train(folder, injected(), trainer=SwitchedReference, choice=second)


@situation("PEFT", "a config without task_type")
def _no_task(folder: Path) -> Any:
    return train(folder, lora(task=None), label_names=["labels"])


@situation("PEFT", "merged, in a new Trainer")
def _merged(folder: Path) -> Any:
    trainer, before = watched(folder, model=lora(), **BY_STEP)
    trainer.train()
    again, after = watched(folder, model=trainer.model.merge_and_unload())
    again.evaluate()
    return [before, after]


@situation("PEFT", "LoRA on the head, by its effective rows")
def _head(folder: Path) -> Any:
    return train(folder, lora(target_modules=["q_proj", "lm_head"]))


@situation("PEFT", "prompt tuning", "refused before training", said="virtual tokens")
def _prompt(folder: Path) -> Any:
    train(folder, lora("PromptTuningConfig", num_virtual_tokens=3))


@situation("PEFT", "p-tuning", "refused before training", said="virtual tokens")
def _p_tuning(folder: Path) -> Any:
    train(folder, lora("PromptEncoderConfig", num_virtual_tokens=3, encoder_hidden_size=8))


@situation("PEFT", "merged inside the same Trainer", "warned", said=r"merged.*attach\(")
def _merged_inside(folder: Path) -> Any:
    trainer, _ = watched(folder, model=lora())
    trainer.evaluate()
    trainer.model = trainer.model_wrapped = trainer.model.merge_and_unload()
    return [trainer.evaluate(), trainer.evaluate()]


@situation("PEFT", "merged inside the same Trainer, with the callback attached again")
def _merged_attached(folder: Path) -> Any:
    callback = NeuralCollapseCallback()
    trainer, watch = watched(folder, callback, model=lora())
    trainer.evaluate()
    trainer.model = trainer.model_wrapped = trainer.model.merge_and_unload()
    callback.attach(trainer)
    trainer.evaluate()
    assert len(watch.compared) == 2
    return watch
