"""What the loss of an evaluation saw, noted beside the product: rows in ``compute_loss``, features by hooks of our own.

Nothing here is of nc_hf, so that what is expected of the callback does not come from what the callback is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from transformers import PreTrainedModel, Trainer, TrainerCallback

from tests.situations.expected import SHARE, core_values

IGNORED = -100


@dataclass(frozen=True)
class Pass:
    """A forward pass inside the loss: tokens and labels (B, L) as the model was given them, hidden (B, L, D)."""

    tokens: Tensor | None
    labels: Tensor | None
    hidden: Tensor
    disabled: bool
    positions: Tensor | None = None

    def documents(self) -> Iterable[tuple[tuple[int, ...], Tensor, Tensor]]:
        """Each row, or each document of a row that several were joined to: its tokens, labels and hidden states."""
        assert self.labels is not None
        tokens = self.labels if self.tokens is None else self.tokens
        for row in range(len(self.hidden)):
            starts = [0]
            if self.positions is not None:
                positions = self.positions[row if len(self.positions) > 1 else 0]
                starts = (positions == 0).nonzero().flatten().tolist()
                starts = starts if starts[:1] == [0] else [0, *starts]
            for begin, end in zip(starts, [*starts[1:], self.hidden.shape[1]], strict=True):
                span = slice(begin, end)
                yield tuple(tokens[row, span].tolist()), self.labels[row, span], self.hidden[row, span]


Choice = Callable[[dict[str, Any], list[Pass]], list[Pass]]


def first(inputs: dict[str, Any], passes: list[Pass]) -> list[Pass]:
    """The first pass of a step is of the batch, whose labels are those that the loss was given."""
    found = passes[0]
    labels = inputs["labels"] if found.labels is None else found.labels
    tokens = inputs.get("input_ids") if found.tokens is None else found.tokens
    return [Pass(tokens, labels, found.hidden, found.disabled, inputs.get("position_ids"))]


def every(inputs: dict[str, Any], passes: list[Pass]) -> list[Pass]:
    """Each pass is a part of the batch."""
    return passes


def policy(inputs: dict[str, Any], passes: list[Pass]) -> list[Pass]:
    """Of a preference loss: the pass over the completions through the model with its adapters."""
    return [each for each in passes if not each.disabled and _same(each.tokens, inputs["input_ids"])][:1]


def _same(tokens: Tensor | None, others: Tensor) -> bool:
    return tokens is not None and tokens.shape == others.shape and bool((tokens == others).all())


def inner(model: Any) -> PreTrainedModel:
    """The model of transformers inside PEFT's, DDP's and torch.compile's wrappers."""
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod
        elif isinstance(model, nn.parallel.DistributedDataParallel):
            model = model.module
        elif hasattr(model, "peft_config") and hasattr(model, "get_base_model"):
            model = model.get_base_model()
        else:
            return model


def decoder_of(model: Any) -> nn.Module:
    """What makes the features; Llama 4 takes itself for its decoder."""
    decoder = model.get_decoder()
    return model.model if decoder is model else decoder


def hidden_of(output: Any) -> Tensor:
    """(B, L, D) out of what a decoder returns."""
    return output[0] if isinstance(output, tuple) else output.last_hidden_state


@torch.no_grad()
def linear_head(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weight (V, D) and bias (V,) of whatever linear thing the head is: what it makes of unit vectors and of zero."""
    head = inner(model).get_output_embeddings()
    example = next(parameter for parameter in head.parameters() if parameter.is_floating_point())
    width = next(head.weight.shape[1] for head in (getattr(head, "base_layer", head),))
    was = head.training
    head.eval()
    units = torch.eye(width, dtype=example.dtype)
    bias = head(torch.zeros(1, width, dtype=example.dtype)).double()
    weight = head(units).double() - bias
    head.train(was)
    return weight.T.numpy(), bias[0].numpy()


@dataclass(frozen=True)
class Compared:
    """Values of one evaluation beside those that are right, and the row of the history that holds them."""

    values: dict[str, float]
    expected: dict[str, float]


class Watch(TrainerCallback):
    """Notes every evaluation of a Trainer from here on.

    Args:
        trainer: whose evaluations are looked at; the callback under test is among its callbacks.
        choice: which passes of a step's loss are the batch.
        label: of the callback under test.
        share: of the labels, from which a token counts.
        distinct: count a row, or a document, that comes again once; over all ranks.
    """

    def __init__(
        self, trainer: Trainer, choice: Choice = first, label: str = "", share: float = SHARE, distinct: bool = False
    ) -> None:
        self.compared: list[Compared] = []
        self.rows: list[int] = []
        self._trainer, self._choice, self._share, self._distinct = trainer, choice, share, distinct
        self._label = f"{label}_" if label else ""
        self._heard: list[Pass] = []
        self._passes: list[Pass] = []
        self._calls: list[dict[str, Any]] = []
        self._inside = False
        self._expected: list[tuple[str, dict[str, float]]] = []  # with the prefix of the evaluation
        self._hooked: Any = None
        self._compute_loss, self._loop = trainer.compute_loss, trainer.evaluation_loop
        trainer.compute_loss, trainer.evaluation_loop = self._loss_beside, self._loop_beside
        trainer.add_callback(self)

    def __deepcopy__(self, memo: Any) -> Watch:
        return self

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Put what the evaluation says beside what was expected of it."""
        prefix, expected = self._expected.pop()
        found = {name: metrics.get(f"{prefix}{self._label}{name}") for name in expected}
        self.compared.append(Compared(found, expected))
        logged = state.log_history[-1] if state.log_history else {}
        if f"{prefix}runtime" in logged:  # a Trainer may log on one rank alone
            keys = [f"{prefix}{self._label}{name}" for name, value in found.items() if value is not None]
            assert [logged.get(key) for key in keys] == [metrics[key] for key in keys]

    def _hook(self, model: Any) -> None:
        if self._hooked is inner(model):
            return
        self._hooked = inner(model)
        torch.compiler.reset()
        self._hooked.register_forward_pre_hook(torch.compiler.disable(self._called), with_kwargs=True)
        decoder_of(self._hooked).register_forward_hook(torch.compiler.disable(self._left))

    def _called(self, module: Any, args: Any, kwargs: Any) -> None:
        if self._inside and not module.training:
            self._calls.append({"input_ids": args[0] if args else None, **kwargs})

    def _left(self, module: Any, args: Any, output: Any) -> None:
        if not self._inside or module.training:
            return
        hidden = hidden_of(output)
        given = self._calls[-1] if self._calls else {}
        disabled = any(getattr(layer, "disable_adapters", None) is True for layer in self._hooked.modules())
        self._passes.append(
            Pass(
                given.get("input_ids"),
                given.get("labels"),
                hidden.detach().clone(),
                disabled,
                given.get("position_ids"),
            )
        )

    def _loss_beside(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if model.training:
            return self._compute_loss(model, inputs, *args, **kwargs)
        self._hook(model)
        noted = dict(inputs)
        self._inside, self._passes, self._calls = True, [], []
        try:
            return self._compute_loss(model, inputs, *args, **kwargs)
        finally:
            self._inside = False
            if self._passes:
                self._heard += self._choice(noted, self._passes)

    def _loop_beside(self, dataloader: Any, description: str, *args: Any, **kwargs: Any) -> Any:
        outer, self._heard = self._heard, []
        result = self._loop(dataloader, description, *args, **kwargs)
        if description.lower() == "evaluation":
            self._expected.append((f"{kwargs.get('metric_key_prefix', 'eval')}_", self._right(self._heard)))
        self._heard = outer
        return result

    def _right(self, passes: Sequence[Pass]) -> dict[str, float]:
        documents = [document for each in passes for document in each.documents()]
        if dist.is_initialized() and dist.get_world_size() > 1:
            ranks: list[Any] = [None] * dist.get_world_size()
            dist.all_gather_object(ranks, documents)
            documents = [document for rank in ranks for document in rank]
        if self._distinct:
            documents = list({document[0]: document for document in documents}.values())
        self.rows.append(len(documents))
        return of_documents(documents, self._trainer.model, self._share)


def of_documents(documents: Sequence[tuple[Any, Tensor, Tensor]], model: Any, share: float = SHARE) -> dict[str, float]:
    """The values of rows (tokens, labels (L,), hidden (L, D)): at each position the label after it."""
    features, targets = [], []
    for _, labels, hidden in documents:
        following = labels[1:] >= 0
        features.append(hidden[:-1][following].double())
        targets.append(labels[1:][following])
    weight, bias = linear_head(model)
    return core_values(torch.cat(features).numpy(), torch.cat(targets).numpy(), weight, bias, share)


@torch.no_grad()
def of_rows(model: Any, rows: Iterable[dict[str, Tensor]], share: float = SHARE) -> dict[str, float]:
    """The values of rows that are run through the model here, one at a time."""
    was = model.training
    model.eval()
    noted: list[Tensor] = []
    hook = decoder_of(inner(model)).register_forward_hook(lambda module, args, output: noted.append(hidden_of(output)))
    documents = []
    for row in rows:
        model(input_ids=row["input_ids"].unsqueeze(0))
        documents.append(((), row["labels"], noted.pop()[0]))
    hook.remove()
    model.train(was)
    return of_documents(documents, model, share)
