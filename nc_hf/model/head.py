"""The linear classifier at the end of a causal LM, read off the model and checked against its logits.

Configurations do not say reliably what a model does between its last features and its logits (some ignore the scale
that they declare), so the form is decided by numbers: ``logits = softcap(scale * (h W^T + b))`` with as little of it
as reproduces the logits of a real forward pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from nc_hf.errors import FeatureError, HeadError, InputError, LabelError
from nc_hf.errors.remedies import Remedy
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.head_form import candidate_forms, declared_softcaps
from nc_hf.model.logits import argmax_with_ties
from nc_hf.model.output_layer import READABLE, OutputLayer
from nc_hf.model.probe import probe
from nc_hf.runtime.precision import matmul_dtypes

VOCABULARY_ROWS = 8192  # rows of W turned to float32 at a time
FEATURE_ROWS = 256  # positions whose logits are held at a time when only the decision is wanted
PROBE_TOKENS = 8
# Largest error, relative to the largest logit, that rounding explains. A wrong form is off by far more.
TOLERANCE = dict(zip(READABLE, (1e-3, 1e-3, 1e-2, 5e-2), strict=True))
AMBIGUITY = 2.0  # a richer form must fit this many times better (rms) than a plainer one to be believed


@dataclass(frozen=True, eq=False)
class ClassifierHead:
    """``logits = softcap(scale * (h W^T + b))``, with ``softcap(z) = c tanh(z / c)``.

    Attributes:
        weight: (V, D), any float dtype; row c is the classifier w_c of class c.
        bias: (V,) or None.
        scale: Positive factor; 1 for most models.
        softcap: c, the bound of the logits, or None.
        tied: Whether the weight is the input embedding too.
        error: Of a head that was read off a model, the largest difference of its logits from the model's, relative to
            the largest.

    Raises:
        InputError: Shapes, dtypes or constants that make no head.
    """

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None
    tied: bool = False
    error: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no head."""
        if self.weight.dim() != 2 or not self.weight.is_floating_point() or not self.weight.numel():
            raise InputError(
                f"A head needs a floating-point weight of shape (V, D), not {self.weight.dtype} of shape "
                f"{tuple(self.weight.shape)}; pass one row for each token."
            )
        if self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            raise InputError(
                f"The bias has shape {tuple(self.bias.shape)} and the weight {tuple(self.weight.shape)}; pass one bias "
                "for each row of the weight."
            )
        if not (math.isfinite(self.scale) and self.scale > 0) or (self.softcap is not None and self.softcap <= 0):
            raise InputError(
                f"scale={self.scale}, softcap={self.softcap} are not both positive; leave out what there is none of."
            )

    @classmethod
    def from_model(cls, model: nn.Module, sample: tuple[Tensor, Tensor] | None = None) -> Self:
        """Read the head off any causal LM of transformers and check that it reproduces the model's logits.

        The weight is the model's own, not a copy, and changes when the model trains on; unless it is sharded, so that
        it has to be gathered and every rank has to come here, or adapted or quantised: then it is a copy of what the
        model works with.

        Args:
            model: The model; wrappers of DDP, FSDP and ``torch.compile`` are looked through, and those of FSDP1 must be
                around it.
            sample: Features (n, D) and logits (n, V) of a few positions of a real forward pass, as a tap gives them.
                None, or a sample without positions, runs one over a few tokens, in evaluation mode and without
                touching the random state.

        Raises:
            ModelError: An encoder-decoder, or a model without a language-model head.
            HeadError: Weights that are not here or not readable, or logits that are no such function of the features.
            FeatureError: NaN or Inf in the sample.
        """
        layer, inner = OutputLayer(model), causal_lm(model)
        layer.refuse_unreadable()
        probed = model if layer.sharded else inner
        features, logits = sample if sample is not None and len(sample[0]) else _probe(probed)
        weight, bias, tied = layer.read(features)
        head = cls(weight, bias, tied=tied)
        head._refuse_misfits(features, logits)
        linear = head.logits(features)
        head = head._fitted(linear, features, logits, declared_softcaps(inner.config.get_text_config()))
        try:
            return replace(head, error=head._misfit(head._transform(linear), features, logits))
        except HeadError as problem:
            if not layer.quantised:
                raise
            raise HeadError(
                f"The head of {type(inner).__name__} is quantised, and computes its logits more coarsely than its "
                "weight alone explains (activations of 8 bits, say); load the model without quantising the head."
            ) from problem

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.weight.shape[0]

    @property
    def dim(self) -> int:
        """D."""
        return self.weight.shape[1]

    @property
    def kind(self) -> str:
        """``"linear"``, or what is added to ``h W^T``: of bias, scale and softcap, joined by ``+``."""
        added = {"bias": self.bias is not None, "scale": self.scale != 1.0, "softcap": self.softcap is not None}
        return "+".join(name for name, present in added.items() if present) or "linear"

    def logits(self, features: Tensor) -> Tensor:
        """The head's logits in float32, (N, V), for features (N, D) of any float dtype on the weight's device.

        A weight in half precision is turned to float32 a few thousand rows at a time.
        """
        self._refuse_misfits(features)
        inputs = features.to(self.weight.device, torch.float32)
        output = inputs.new_empty(len(inputs), self.vocab_size)
        for start in range(0, self.vocab_size, VOCABULARY_ROWS):
            rows = slice(start, start + VOCABULARY_ROWS)
            output[:, rows] = inputs @ self.weight[rows].float().T
        return self._transform(output if self.bias is None else output.add_(self.bias.float()))

    def predict(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Decide for a class, where a model made features but no logits (a fused loss).

        Args:
            features: (N, D).

        Returns:
            The argmax of the logits, ties to the lowest id, (N,) int64, and where it is not alone, (N,) bool. No more
            than a few hundred rows of logits exist at a time.
        """
        decided = [argmax_with_ties(self.logits(part)) for part in torch.split(features, FEATURE_ROWS)]
        return torch.cat([ids for ids, _ in decided]), torch.cat([tied for _, tied in decided])

    def among(self, classes: Tensor) -> Self:
        """Return the head that decides among some classes (K,) alone: its class k is ``classes[k]``.

        Raises:
            LabelError: a class has no row.
        """
        if len(classes) and int(classes.max()) >= self.vocab_size:
            raise LabelError(
                f"class {int(classes.max())} is beyond the head's {self.vocab_size} classes: leave it out of classes, "
                "or name the model's own tokenizer."
            )
        rows = classes.to(self.weight.device)
        bias = None if self.bias is None else self.bias[rows]
        return replace(self, weight=self.weight[rows], bias=bias)

    def check(self, features: Tensor, logits: Tensor) -> float:
        """Hold the head against logits that the model itself made.

        Args:
            features: (N, D).
            logits: (N, V).

        Returns:
            The largest difference, relative to the largest logit.

        Raises:
            HeadError: The difference is more than the rounding of the dtypes at work explains.
            FeatureError: NaN or Inf among features or logits.
        """
        self._refuse_misfits(features, logits)
        return self._misfit(self.logits(features), features, logits)

    def _misfit(self, made: Tensor, features: Tensor, logits: Tensor) -> float:
        """Hold logits (N, V) that this head made of features (N, D) against the model's."""
        wanted = logits.to(self.weight.device).float()
        if not wanted.numel():
            return 0.0
        difference = (made - wanted).abs().max().item()
        error = difference / max(wanted.abs().max().item(), torch.finfo(torch.float32).tiny)
        tolerance = TOLERANCE[_precision(features, self.weight, logits)]
        if error > tolerance:
            raise HeadError(
                f"The head does not reproduce the model's logits (relative error {error:.2g}, at most {tolerance:g} "
                "can be rounding), so something else lies between features and logits; merge adapters into the "
                "weights, or use a model with a linear head."
            )
        return error

    def describe(self) -> dict[str, str | int | float | bool | None]:
        """What a report says of the head: kind, tied, vocab_size, dim, bias (present or not), scale, softcap."""
        return {
            "kind": self.kind,
            "tied": self.tied,
            "vocab_size": self.vocab_size,
            "dim": self.dim,
            "bias": self.bias is not None,
            "scale": self.scale,
            "softcap": self.softcap,
        }

    def _transform(self, linear: Tensor) -> Tensor:
        scaled = linear if self.scale == 1.0 else linear * self.scale
        return scaled if self.softcap is None else torch.tanh(scaled / self.softcap) * self.softcap

    def _refuse_misfits(self, features: Tensor, logits: Tensor | None = None) -> None:
        if features.dim() != 2 or features.shape[1] != self.dim:
            raise HeadError(
                f"The features have shape {tuple(features.shape)} and the head takes (N, {self.dim}); pass the tensor "
                "that enters the head."
            )
        if logits is not None and logits.shape != (len(features), self.vocab_size):
            raise HeadError(
                f"The logits have shape {tuple(logits.shape)} and the head makes {(len(features), self.vocab_size)}; "
                "pass the logits of the same positions, of a model with one head."
            )
        if logits is not None and not (features.isfinite().all() and logits.isfinite().all()):
            raise FeatureError("The model's features or logits hold NaN or Inf", Remedy.FLOAT32)

    def _fitted(self, made: Tensor, features: Tensor, logits: Tensor, softcaps: list[float]) -> Self:
        """The plainest form that fits about as well as the best one, or as well as rounding lets anything fit."""
        linear, target = made.cpu().double(), logits.cpu().double()
        forms = [replace(self, scale=s, softcap=c) for s, c in candidate_forms(linear, target, softcaps)]
        errors = [(form._transform(linear) - target).square().mean().item() for form in forms]
        rounding = torch.finfo(_precision(features, self.weight, logits)).eps ** 2 * target.square().mean().item()
        enough = max(AMBIGUITY**2 * min(errors), rounding)
        return next(form for form, error in zip(forms, errors, strict=True) if error <= enough)


def _precision(*tensors: Tensor) -> torch.dtype:
    """The coarsest dtype that had a part in the tensors, also where autocast turned its results to float32 again."""
    at_work = {tensor.dtype for tensor in tensors}
    logits = tensors[-1]
    for half in (torch.float16, torch.bfloat16):
        if torch.equal(logits.to(half).to(logits.dtype), logits):
            at_work.add(half)
    at_work |= matmul_dtypes()
    return max(at_work, key=lambda dtype: TOLERANCE[dtype])


def _probe(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Features (n, D) and logits (n, V) of a forward pass over a few tokens that have no special meaning."""
    inner = causal_lm(model)
    embeddings = inner.get_input_embeddings()
    rows = getattr(embeddings, "num_embeddings", None)
    special = [value for key, value in inner.config.to_dict().items() if "token" in key]
    plain = [token for token in range(rows or len(embeddings.weight)) if token not in special][:PROBE_TOKENS]
    probed = probe(model, torch.tensor([plain]))
    seen, logits = probed.features, probed.logits
    if len(seen) != 1 or logits is None:
        raise HeadError(
            f"A forward pass of {type(inner).__name__} over plain tokens ran its decoder {len(seen)} times and gave "
            f"{'no logits' if logits is None else 'logits'}; pass a sample of features and logits."
        )
    return seen[0].flatten(0, 1), logits.flatten(0, 1)
