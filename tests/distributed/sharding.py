"""A model in pieces on two ranks, or whole on one, measured on the same rows; run by the tests beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from accelerate.state import PartialState
from torch import nn
from torch.distributed.fsdp import FSDPModule

from nc_hf import NeuralCollapseCallback
from nc_hf.errors import HeadError
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.head import ClassifierHead
from nc_hf.model.output_layer import OutputLayer
from nc_hf.model.readers import find_reader
from nc_hf.model.tap import FeatureTap
from tests.architectures import LLAMA, TINY, build
from tests.collected import metrics_of
from tests.training import evaluated, make_trainer, token_blocks, token_rows

ROWS, BATCH = 11, 2


def llama(**settings: Any) -> nn.Module:
    model: nn.Module = build("llama", **(TINY | LLAMA | settings))
    return model.requires_grad_(True)


def with_adapters() -> nn.Module:
    from peft import LoraConfig, get_peft_model

    adapted: Any = get_peft_model(llama(), LoraConfig(target_modules=["q_proj", "lm_head"], init_lora_weights=False))
    model: nn.Module = adapted.get_base_model()
    return model.eval()


def fsdp2(model: nn.Module, **settings: Any) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    for layer in causal_lm(model).get_decoder().layers:
        fully_shard(layer, **settings)
    fully_shard(model, **settings)
    return model


def fsdp2_with_a_head_apart(model: nn.Module) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    fully_shard(causal_lm(model).get_output_embeddings())
    return fsdp2(model)


def fsdp1(model: nn.Module, *, head_apart: bool = False, **settings: Any) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel

    inner, device = causal_lm(model), torch.device("cpu")
    layers = inner.get_decoder().layers
    for place, layer in enumerate(layers):
        layers[place] = FullyShardedDataParallel(layer, device_id=device, **settings)
    if head_apart:
        inner.lm_head = FullyShardedDataParallel(inner.lm_head, device_id=device, **settings)
    inner._is_root_of_fsdp1 = True
    return FullyShardedDataParallel(model, device_id=device, **settings)


def tensor_parallel(model: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

    plan: dict[str, Any] = {"lm_head": ColwiseParallel(output_layouts=Replicate())}
    for place in range(2):
        plan[f"model.layers.{place}.mlp.gate_proj"] = plan[f"model.layers.{place}.mlp.up_proj"] = ColwiseParallel()
        plan[f"model.layers.{place}.mlp.down_proj"] = RowwiseParallel()
    return parallelize_module(model, init_device_mesh("cpu", (2,), mesh_dim_names=("tp",)), plan)


def tensor_parallel_by_transformers(model: nn.Module) -> nn.Module:
    from transformers import AutoModelForCausalLM, PreTrainedModel

    assert isinstance(model, PreTrainedModel)
    with TemporaryDirectory() as mine:
        folders: list[Any] = [mine]
        dist.broadcast_object_list(folders)
        model.save_pretrained(folders[0])  # the first rank alone writes
        dist.barrier()
        sharded: nn.Module = AutoModelForCausalLM.from_pretrained(folders[0], tp_plan="auto")
        dist.barrier()
    return sharded.eval()


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module], nn.Module]]] = {
    "FSDP2": (llama, fsdp2),
    "FSDP2, resharded after no forward pass": (llama, lambda model: fsdp2(model, reshard_after_forward=False)),
    "FSDP2, resharded after every one": (llama, lambda model: fsdp2(model, reshard_after_forward=True)),
    "FSDP2, the head apart": (llama, fsdp2_with_a_head_apart),
    "FSDP2, tied": (lambda: llama(tie_word_embeddings=True), fsdp2),
    "FSDP2, adapters": (with_adapters, fsdp2),
    "FSDP1, original parameters": (llama, lambda model: fsdp1(model, use_orig_params=True)),
    "FSDP1, flat parameters": (llama, lambda model: fsdp1(model, use_orig_params=False)),
    "FSDP1, flat, the head apart": (llama, lambda model: fsdp1(model, use_orig_params=False, head_apart=True)),
    "FSDP1, original, the head apart": (llama, lambda model: fsdp1(model, use_orig_params=True, head_apart=True)),
    "FSDP1, original, tied": (
        lambda: llama(tie_word_embeddings=True),
        lambda model: fsdp1(model, use_orig_params=True),
    ),
    "FSDP1, adapters": (with_adapters, lambda model: fsdp1(model, use_orig_params=True)),
    "tensor parallel": (llama, tensor_parallel),
    "tensor parallel, by transformers": (llama, tensor_parallel_by_transformers),
}


@contextmanager
def without_logits(model: nn.Module) -> Iterator[None]:
    """A loss that never builds the logits, as fused ones: the forward pass returns none."""

    def drop(module: nn.Module, args: Any, output: Any) -> Any:
        output.logits = None
        return output

    handle = causal_lm(model).register_forward_hook(drop)
    try:
        yield
    finally:
        handle.remove()


def listened(model: nn.Module, *, fused: bool = False, **settings: Any) -> Collection:
    """What an evaluation gives that is listened to; the head must not be read while it goes on, if it is in pieces."""
    process, ids = PartialState(), token_rows(ROWS, 3)
    reader = find_reader(model, process)
    gathered = Collection(model, covariance=True, agreement_tokens=120, **settings)
    steps = -(-ROWS // (BATCH * reader.count))
    with torch.no_grad():
        for number in range(steps):
            rows = torch.arange(ROWS)[reader.index :: reader.count][number * BATCH : (number + 1) * BATCH]
            shown = rows if len(rows) else torch.tensor([0])
            with without_logits(model) if fused else nullcontext(), FeatureTap(model) as tap:
                model(input_ids=ids[shown], labels=ids[shown])
                batch = tap.take()
            assert batch is not None
            gathered.add(batch.where(batch.index < len(rows) * batch.sequence_length), rows, number)
            assert gathered.head is None or process.num_processes == 1
    gathered.reduce(process, contributes=reader.first)
    return gathered


def measured(make: Callable[[], nn.Module], shard: Callable[[nn.Module], nn.Module]) -> dict[str, Any]:
    model = make() if PartialState().num_processes == 1 else shard(make())
    found: dict[str, Any] = {}
    with patch.object(OutputLayer, "read", autospec=True, side_effect=OutputLayer.read) as reading:
        heard = listened(model)
    found["reads"] = reading.call_count
    classes = torch.arange(12)
    assert heard.head is not None
    found["values"] = metrics_of(heard, "full", classes)
    found["every class"] = metrics_of(heard, "full")
    found["head"] = heard.head.describe()
    found["weight"] = [heard.head.weight.double().sum().item(), heard.head.weight.double().square().sum().item()]
    found["error"] = heard.head_error
    found["tokens"] = heard.tokens
    fused = listened(model, fused=True)
    found["fused"] = [metrics_of(fused, "core", classes), metrics_of(fused, "core")]
    with patch("nc_hf.model.output_layer.gathered", side_effect=AssertionError("the head was read")):
        headless = listened(model, head=False)
        found["without a head"] = metrics_of(headless, ("nc1_trace_ratio", "nc2_cos_std"), classes)
    own = collect(model, token_blocks(5, 3), batch_size=2, progress=False, groups=2, agreement_tokens=120)
    found["own pass"] = metrics_of(own, "core", classes)
    found["own loss"] = [own.tokens, own.loss_sum, own.correct]
    if PartialState().num_processes == 1 or isinstance(model, FSDPModule):
        with TemporaryDirectory() as folder:
            trainer = make_trainer(
                Path(folder), NeuralCollapseCallback(strict=True), model=model, per_device_eval_batch_size=BATCH
            )
            found["by a Trainer"] = evaluated(trainer.evaluate())
    found["without the wrapper"] = refusal(causal_lm(model))
    return found


def refusal(model: nn.Module) -> str:
    """What is said of a model whose wrapper is not shown; FSDP1 alone keeps anything there."""
    if PartialState().num_processes == 1 or not hasattr(model, "_is_root_of_fsdp1"):
        return ""
    try:
        ClassifierHead.from_model(model, (torch.zeros(1, 32), torch.zeros(1, 101)))
    except HeadError as error:
        return str(error)
    return "read all the same"


def main(folder: Path, *names: str) -> None:
    state = PartialState(cpu=True)
    results = {}
    for name in names:
        torch.manual_seed(0)
        results[name] = measured(*CASES[name])
        if state.process_index == 0:
            print(name, file=sys.stderr)
    (folder / f"rank{state.process_index}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
    if dist.is_initialized():
        dist.destroy_process_group()
