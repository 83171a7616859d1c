"""Models that take pictures: text alone, and rows that begin with a picture, as their processors give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor
from transformers import default_data_collator

from tests.architectures import ARCHITECTURES
from tests.situations.evaluating import train
from tests.situations.registry import situation
from tests.training import examples

PICTURE = 5  # the token in whose place a part of a picture stands
BEYOND_SPECIAL = 20  # the ids of words
JOINED = ("pixel_values", "image_grid_thw")


@dataclass(frozen=True)
class Form:
    """What a processor gives for a row that begins with a picture.

    Attributes:
        picture: makes the arguments of the forward pass that are the picture.
        tokens: that the picture takes.
        kinds: the argument that tells each token's kind; None where the model takes none.
        of_picture, of_text: a kind.
        prompt: tokens of the text that belong to the picture's kind and have no label.
        joined: pictures of a batch stand one after the other, in place of one for each row.
    """

    picture: Callable[[Generator], dict[str, Tensor]]
    tokens: int
    kinds: str | None = None
    of_picture: int = 1
    of_text: int = 0
    prompt: int = 0
    joined: bool = False

    def row(self, text: Tensor, generator: Generator) -> dict[str, Tensor]:
        """A picture, and a text (L,) after it."""
        ids = torch.cat([torch.full((self.tokens,), PICTURE), text])
        return self._row(ids, self.tokens + self.prompt) | self.picture(generator)

    def text_alone(self, text: Tensor) -> dict[str, Tensor]:
        """A text (L,)."""
        return self._row(text, 0)

    def _row(self, ids: Tensor, before: int) -> dict[str, Tensor]:
        at = torch.arange(len(ids)) < before
        row = {"input_ids": ids, "labels": ids.masked_fill(at, -100)}
        return row if self.kinds is None else row | {self.kinds: torch.where(at, self.of_picture, self.of_text)}


def _square(generator: Generator) -> dict[str, Tensor]:
    return {"pixel_values": torch.randn(3, 8, 8, generator=generator)}


def _patches_with_places(generator: Generator) -> dict[str, Tensor]:
    places = torch.cartesian_prod(torch.arange(4), torch.arange(4)).flip(1)
    return {"pixel_values": torch.rand(16, 48, generator=generator), "image_position_ids": places}


def _patches_of_a_grid(generator: Generator) -> dict[str, Tensor]:
    grid = torch.tensor([[1, 4, 8]])  # two windows of attention, side by side
    return {"pixel_values": torch.randn(32, 96, generator=generator), "image_grid_thw": grid}


OF_QWEN = Form(_patches_of_a_grid, tokens=8, kinds="mm_token_type_ids", joined=True)
FORMS = {
    "LLaVA": Form(_square, tokens=4),
    "Gemma 3 (images and text)": Form(_square, tokens=1, kinds="token_type_ids"),
    "Gemma 4": Form(_patches_with_places, tokens=4, kinds="mm_token_type_ids"),
    "PaliGemma": Form(_square, tokens=4, kinds="token_type_ids", of_picture=0, of_text=1, prompt=6),
    "Qwen2-VL": OF_QWEN,
    "Qwen2.5-VL": OF_QWEN,
}


def _with_joined_pictures(rows: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    joined = {key: torch.cat([row[key] for row in rows]) for key in JOINED}
    return default_data_collator([{key: row[key] for key in row if key not in JOINED} for row in rows]) | joined


def _text_alone(folder: Path, name: str, form: Form) -> Any:
    rows = [form.text_alone(row["input_ids"] + BEYOND_SPECIAL) for row in examples(24, seed=4, classes=20)]
    return train(folder, model=ARCHITECTURES[name](), train=rows, evaluation=rows)


def _with_pictures(folder: Path, name: str, form: Form) -> Any:
    generator = torch.Generator().manual_seed(0)
    rows = [form.row(row["input_ids"] + BEYOND_SPECIAL, generator) for row in examples(11, seed=2, classes=20)]
    collator = _with_joined_pictures if form.joined else None
    return train(folder, model=ARCHITECTURES[name](), train=rows, evaluation=rows, collator=collator)


for _name, _form in FORMS.items():
    situation("models", f"{_name}, text alone")(partial(_text_alone, name=_name, form=_form))
    situation("models", f"{_name}, pictures and text")(partial(_with_pictures, name=_name, form=_form))
