"""Features and next-token labels out of a model's own forward pass, for the final layer or every layer.

The tap listens and never changes the model: a hook on the decoder for the features, a hook before the model for the
labels, a hook after it for the logits. It sees forward passes in evaluation mode only, keeps no graph, and survives
``torch.compile``, DDP, mixed precision and losses that never build the logits.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

import torch
from accelerate.utils import send_to_device
from torch import Tensor, nn

from nc_hf.errors import InputError, NCError, TapError
from nc_hf.model.anatomy import causal_lm, find_blocks, find_decoder, model_logits
from nc_hf.model.forward_pass import FINAL, IGNORED, Observation, TapBatch, TapPass, labelled
from nc_hf.model.hooks import Hook, Slot
from nc_hf.model.logits import argmax_with_ties, target_losses

SAMPLE_POSITIONS = 8  # as many as a check of the head needs
_PLAIN = {"input_ids", "attention_mask", "labels", "shift_labels", "num_items_in_batch"}
_REPLICAS = (
    "One process drives several GPUs (nn.DataParallel), so features and labels cannot be paired; start it with "
    "accelerate launch or torchrun, or show it one GPU (CUDA_VISIBLE_DEVICES=0)."
)


class FeatureTap:
    """Listens to the forward passes that a model makes in evaluation mode.

    ::

        with FeatureTap(model) as tap:
            model(input_ids=ids, labels=ids)
            batch = tap.take()

    The features at position t go with the label at t + 1; negative labels, and positions where the attention mask
    hides the token or the next one, are left out. Every forward pass with labels is kept until it is taken, and one
    without labels (generation, say) leaves nothing. Whatever goes wrong is told to who takes the pass, never raised
    inside the model.

    Args:
        model: A causal LM of transformers; DDP, FSDP and ``torch.compile`` wrappers are looked through.
        layers: ``"final"``, or ``"all"`` for the output of every block too.
        labels: The argument of the forward pass that holds the tokens to predict: ``"labels"`` to listen to a
            Trainer, ``"input_ids"`` for a pass of one's own that lets the model compute no loss.
        predictions: Whether to read the model's decisions off its logits.
        token_losses: Whether to compute the loss of each token from its logits.
        confidence: Whether to compute the probability of each prediction.
        part: Asked before each forward pass in evaluation mode what it is part of; None where it does not count. By
            default each one counts.

    Attributes:
        unlabelled: Evaluation passes without labels since the last batch was taken.

    Raises:
        ModelError: An encoder-decoder, or a model without a language-model head.
        TapError: A model whose decoder, or whose blocks, cannot be told.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        layers: str = FINAL,
        labels: str = "labels",
        predictions: bool = True,
        token_losses: bool = False,
        confidence: bool = False,
        part: Callable[[], Any] = lambda: True,
    ) -> None:
        """Find the modules to listen to; nothing is registered before ``attach``."""
        if layers not in (FINAL, "all"):
            raise InputError(f"layers={layers!r} is not known; use 'final' or 'all'.")
        if labels not in ("labels", "input_ids"):
            raise InputError(f"labels={labels!r} is not known; use 'labels' or 'input_ids'.")
        self.model = causal_lm(model)
        self.unlabelled = 0
        self._expected: Tensor | None = None
        self._hidden = False  # whether the batch that was taken last had no label left
        self._labels, self._predictions, self._token_losses = labels, predictions, token_losses
        self._confidence = confidence
        self._final = Slot(find_decoder(self.model))
        self._slots = {FINAL: self._final}
        if layers == "all":
            blocks = find_blocks(self.model)
            self._slots = {f"layer.{depth}": Slot(block) for depth, block in enumerate(blocks)} | self._slots
        self._positional = [
            name
            for name, parameter in inspect.signature(self.model.forward).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        self._part_of = part
        self._part: Any = None
        self._trouble: TapError | None = None
        self._inputs: dict[str, Any] = {}
        self._passes: list[TapPass] = []
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def attach(self, *, reset: bool = True) -> Self:
        """Register the hooks; a second call does nothing.

        Code that ``torch.compile`` made before is forgotten, because it would never call a hook that it did not see
        when it was made; what is still needed is compiled anew at its next call.

        Args:
            reset: False keeps that code, for passes that are made without it.
        """
        if self._handles:
            return self
        if reset:
            torch.compiler.reset()
        uncompiled: Callable[[Callable[..., None]], Callable[..., None]] = torch.compiler.disable
        self._handles = [
            self.model.register_forward_pre_hook(Hook(uncompiled(self._before)), with_kwargs=True),
            *(slot.module.register_forward_hook(Hook(slot.record)) for slot in self._slots.values()),
            self.model.register_forward_hook(Hook(uncompiled(self._after))),
        ]
        return self

    def detach(self) -> None:
        """Remove every hook and let go of every tensor."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._clear()
        self._passes = []
        self.unlabelled = 0

    def __enter__(self) -> Self:
        """Attach."""
        return self.attach()

    def __exit__(self, *exception: object) -> None:
        """Detach."""
        self.detach()

    def expect(self, labels: Tensor) -> None:
        """Say what the next forward pass has to predict, (B, L), where that is not each of its ``input_ids``."""
        self._expected = labels

    def take(self) -> TapBatch | None:
        """Hand over what the last labelled forward pass left, once; None if there was none since.

        Raises:
            NCError: That forward pass could not be observed; the message names the way out.
        """
        passes = self.take_all()
        if not passes:
            return None
        batch = labelled([passes[-1].observed()])
        self.heard(batch)
        return batch

    def take_all(self) -> list[TapPass]:
        """Hand over every labelled forward pass since the last one was taken, first to last.

        Raises:
            TapError: What one of them is part of could not be found out.
        """
        passes, self._passes = self._passes, []
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
        return passes

    def heard(self, batch: TapBatch) -> None:
        """Note that a batch was of use, so that ``silence`` speaks of what comes after it."""
        self.unlabelled, self._hidden = 0, len(batch.labels) == 0

    def silence(self) -> TapError:
        """Why an evaluation left nothing to take, as the error to raise."""
        if self._final.calls:
            why = "The loss calls the model's decoder directly, so its labels never pass through the model"
        elif self.unlabelled:
            why = "Evaluation called the model without labels (label smoothing and compute_loss_func take them away)"
        elif self._hidden:
            why = "Every label of the evaluation is -100, or at a position that the attention mask hides"
        else:
            why = "No evaluation batch went through the model that the tap listens to"
        return TapError(f"{why}; name a held-out corpus (corpus=...), so that a pass of its own is made.")

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note what the model is called with, where that counts."""
        self._clear()
        if module.training:
            return
        replica = getattr(module, "_is_replica", False)  # runs in a thread of its own, which is part of nothing
        try:
            self._part = True if replica else self._part_of()
        except Exception as problem:  # whatever it is, the model's own pass must not fail of it
            self._trouble = _unreadable(problem)
        if self._part is not None:
            self._inputs = dict(zip(self._positional, args, strict=False)) | kwargs

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        """Turn what the hooks saw into a batch, while the logits are still there."""
        if module.training:
            return
        try:
            if self._part is not None:
                self._listen(module, output)
        finally:
            self._clear()
            self._expected = None

    def _listen(self, module: nn.Module, output: object) -> None:
        """Keep the pass, or why it could not be observed: a forward pass that is not ours must not fail."""
        seen: Observation | NCError
        if not any(self._inputs.get(name) is not None for name in ("shift_labels", self._labels)):
            if self._expected is None:
                self.unlabelled += 1
                return
        try:
            if getattr(module, "_is_replica", False):  # its siblings run through the same hooks at the same time
                raise TapError(_REPLICAS)
            seen = self._observation(self._targets(), model_logits(output))
        except NCError as problem:
            seen = problem
        except torch.OutOfMemoryError:
            seen = TapError(
                "The features of a batch do not fit into memory beside the model; pass a smaller batch size."
            )
        except Exception as problem:
            seen = _unreadable(problem)
        self._passes.append(TapPass(seen, self._inputs.get("input_ids"), self._part, self._is_plain()))

    def _is_plain(self) -> bool:
        mask = self._inputs.get("attention_mask")
        told = [name for name, value in self._inputs.items() if isinstance(value, Tensor) and name not in _PLAIN]
        return not told and (mask is None or (isinstance(mask, Tensor) and mask.dim() == 2))

    def _clear(self) -> None:
        self._inputs, self._part = {}, None
        for slot in self._slots.values():
            slot.hidden, slot.calls = None, 0

    def _targets(self) -> Tensor:
        """The next token of every position, (B, L) int64, negative where there is none."""
        shifted: Tensor | None = self._inputs.get("shift_labels") if self._labels == "labels" else None
        tokens: Any = self._inputs.get(self._labels) if self._expected is None else self._expected
        given = tokens if shifted is None else shifted
        if given.dim() != 2:
            raise TapError(
                f"The labels have shape {tuple(given.shape)} where (rows, tokens) is read; give each row a label for "
                "each token, or name a held-out corpus (corpus=...)."
            )
        if shifted is not None:  # context parallelism shifts the labels beforehand
            targets = shifted.long().clone()
        else:
            targets = torch.full_like(tokens, IGNORED, dtype=torch.int64)
            targets[:, :-1] = tokens[:, 1:]
        mask = self._inputs.get("attention_mask")
        if isinstance(mask, Tensor) and mask.shape == targets.shape:
            padding = mask == 0
            targets.masked_fill_(padding if shifted is not None else padding | padding.roll(-1, dims=1), IGNORED)
        return targets

    def _observation(self, targets: Tensor, logits: Tensor | None) -> Observation:
        """Copy what later passes may write over. Nothing here has a GPU be waited for, but the losses of tokens."""
        hidden = {name: slot.seen(name, targets.shape) for name, slot in self._slots.items()}
        targets = targets.to(hidden[FINAL].device)
        features = {name: tensor.flatten(0, 1).clone() for name, tensor in hidden.items()}
        predictions = tied = nll = sample = confidence = None
        if logits is not None and logits.shape[:2] == targets.shape:
            logits = logits.detach().flatten(0, 1).to(targets.device)
            if self._predictions:
                predictions, tied = argmax_with_ties(logits)
            if self._token_losses:
                nll = target_losses(logits, targets.flatten())
            if self._confidence and predictions is not None:
                confidence = torch.exp(-target_losses(logits, predictions.where(targets.flatten() >= 0, IGNORED)))
            first = _first_labelled(targets.flatten())
            sample = (features[FINAL][first], logits[first])
        seen = Observation(targets, features, predictions, tied, nll, sample, confidence)
        # Apple's GPUs have no float64, in which all that follows is computed.
        return Observation(**send_to_device(vars(seen), "cpu")) if targets.device.type == "mps" else seen


def _first_labelled(targets: Tensor) -> Tensor:
    """Indices of the first targets (P,) that are some, ``SAMPLE_POSITIONS`` of them; the last place fills up."""
    sought = torch.arange(1, min(SAMPLE_POSITIONS, len(targets)) + 1, device=targets.device)
    return torch.searchsorted((targets >= 0).cumsum(0), sought).clamp_(max=max(0, len(targets) - 1))


def _unreadable(problem: Exception) -> TapError:
    return TapError(
        f"The evaluation's forward pass cannot be read ({type(problem).__name__}: {problem}); name a held-out corpus "
        "(corpus=...), so that a pass of its own is made."
    )
