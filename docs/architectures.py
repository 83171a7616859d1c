"""Write docs/architectures.md: what is found in a tiny random model of each architecture, and if it is measured."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the builders in tests

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.errors import NCError, TapError
from nc_hf.measurement.layer_values import layer_values
from nc_hf.measurement.one_pass import collect
from nc_hf.model.anatomy import find_blocks, find_decoder
from nc_hf.model.head import ClassifierHead
from nc_hf.model.tap import FINAL, FeatureTap
from tests.architectures import ARCHITECTURES, READS_AHEAD, TRANSFORM_IN_HEAD, VOCAB_SIZE

DOCUMENT = Path(__file__).with_suffix(".md")
METRICS = ("nc1_trace_ratio", "nc4_agreement")
CHECKED = 8  # blocks
FIRST_WORD = 8  # the ids below are those of special tokens and of images

_PREAMBLE = """\
# Architectures

What nc_hf finds in {total} architectures of transformers. Each is built from a tiny configuration with random weights
(the builders are in `tests/architectures.py`) and measured over {blocks} blocks of {length} tokens; nothing is
downloaded. This page is written by

```
python docs/architectures.py
```

- **Head**: the form of the logits that reproduces the model's own, found by numbers and not by the configuration:
  `linear` is `h W^T`; a bias, a scale and a softcap come on top. D is the width of the features that enter the head.
- **Tied**: the head's weight is the input embedding too.
- **Tap**: the module whose output is heard, and whether every block can be heard as well (`layers="all"`).
- **Self-check**: largest difference between head(features) and the model's own logits over {check} blocks, relative to
  the largest logit; 0 means equal to the last bit. More than 1e-3 in float32 is refused.
- **NC1, NC4**: whether `nc1_trace_ratio` and `nc4_agreement` of the pass are finite.

| architecture | `model_type` | head | D | tied | tap | every block | self-check | NC1, NC4 |
|---|---|---|--:|:-:|---|:-:|--:|:-:|
"""

_REFUSED = """
## Refused

A model whose head is more than one linear map has no features that its rows could align with; it is refused when the
head is read. Features of a model that reads ahead have seen the token that they are to predict; it is tried on a few
tokens and refused before its text is read. PaliGemma is measured right inside a Trainer whose batches have
`token_type_ids`. The error is one sentence:

| architecture | `model_type` | error | sentence |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Finding:
    """What was found in a model that is measured.

    Attributes:
        head: the checked head.
        decoder: dotted name and class of the tapped module.
        layers: whether every block can be tapped.
        error: relative error of the head's logits, over the first ``CHECKED`` blocks.
        values: the metrics.
    """

    head: ClassifierHead
    decoder: str
    layers: bool
    error: float
    values: dict[str, float]


def text(rows: int = 32, length: int = 32) -> TokenBlocks:
    """Return a text in which one token follows another seven times in ten, and any token else."""
    generator = torch.Generator().manual_seed(0)
    words = VOCAB_SIZE - FIRST_WORD
    follower = torch.randperm(words, generator=generator)
    ids = torch.randint(words, (rows, length), generator=generator)
    usual = torch.rand(rows, length, generator=generator) < 0.7
    for position in range(1, length):
        ids[:, position] = torch.where(usual[:, position], follower[ids[:, position - 1]], ids[:, position])
    documents = torch.arange(rows).unsqueeze(1).expand(rows, length)
    return TokenBlocks(ids + FIRST_WORD, documents, "", "documents", "random tokens", "", "", None)


def examine(model: PreTrainedModel, blocks: TokenBlocks) -> Finding:
    """Measure a model.

    Raises:
        NCError: it is refused.
    """
    collection = collect(model, blocks, progress=False)
    head = ClassifierHead.from_model(model)
    with FeatureTap(model, labels="input_ids") as tap, torch.no_grad():
        logits = model(input_ids=blocks.input_ids[:CHECKED]).logits.flatten(0, 1)
        batch = tap.take()
    if batch is None:
        raise tap.silence()
    decoder = find_decoder(model)
    name = next(name for name, module in model.named_modules() if module is decoder)
    try:
        layers = bool(find_blocks(model))
    except TapError:
        layers = False
    error = head.check(batch.features["final"], logits[batch.index])
    values = layer_values(collection, FINAL, METRICS, collection.decided()).values
    numbers = {metric: found.value for metric, found in values.items()}
    return Finding(head, f"`{name}` ({type(decoder).__name__})", layers, error, numbers)


def row(name: str, build: Callable[[], PreTrainedModel], blocks: TokenBlocks) -> str:
    """Return the table's row of an architecture that is measured."""
    model = build()
    found = examine(model, blocks)
    head = found.head
    constants = {"scale": head.scale, "softcap": head.softcap}
    form = ", ".join(f"{kind} {constants[kind]:.4g}" if kind in constants else kind for kind in head.kind.split("+"))
    if head.dim != model.config.get_text_config().hidden_size:
        form += ", projected"
    cells = (
        *(name, f"`{model.config.model_type}`", form, head.dim, "yes" if head.tied else "no", found.decoder),
        *("yes" if found.layers else "no", f"{found.error:.1e}" if found.error else "0"),
        "finite" if all(map(math.isfinite, found.values.values())) else "undefined",
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def refusal(name: str, build: Callable[[], PreTrainedModel], blocks: TokenBlocks) -> str:
    """Return the table's row of an architecture that is refused."""
    model = build()
    try:
        examine(model, blocks)
    except NCError as error:
        return f"| {name} | `{model.config.model_type}` | `{type(error).__name__}` | {error} |\n"
    raise RuntimeError(f"{name} is measured now: move it, in tests/architectures.py.")


def document() -> str:
    """Return the text of docs/architectures.md."""
    blocks = text()
    measured = {name: build for name, build in ARCHITECTURES.items() if name not in READS_AHEAD}
    refused = {name: ARCHITECTURES[name] for name in READS_AHEAD} | TRANSFORM_IN_HEAD
    total = len(measured) + len(refused)
    lines = [_PREAMBLE.format(total=total, blocks=len(blocks), length=blocks.block_size, check=CHECKED)]
    lines += [row(name, build, blocks) for name, build in measured.items()]
    lines += [_REFUSED, *(refusal(name, build, blocks) for name, build in refused.items())]
    return "".join(lines)


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(f"docs/{DOCUMENT.name} is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
