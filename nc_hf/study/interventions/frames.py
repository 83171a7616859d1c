"""Heads that are fixed: the rows of the classifier are given directions, and training moves the features alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import PreTrainedModel

from nc_hf.errors import StudyError


def fixed_frame(kind: str, rows: int, dim: int, seed: int) -> Tensor:
    """Return unit directions for the rows of a head.

    ``random``: independent, uniform on the sphere.

    ``simplex``: where it exists, for ``rows <= dim + 1``, the simplex equiangular tight frame, in a random position
    (fixed as a classifier by Zhu et al., arXiv 2105.02375, and Yang et al., arXiv 2203.09081). With more rows there is
    none in so few dimensions. Then the frame shares with it all that can be shared: unit rows that sum to zero, and
    columns that are orthogonal and of one length, so that the mean squared cosine of two rows is the least possible
    (a unit-norm tight frame: Benedetto and Fickus 2003). It is harmonic: row c has the cosines and sines of c at
    ``dim / 2`` frequencies drawn by the seed, whose largest cosine stays near that of random directions.

    Args:
        kind: ``simplex`` or ``random``.
        rows: V, the classes.
        dim: D, the width of the features.
        seed: decides the frame by itself; PyTorch's own random numbers are not touched.

    Returns:
        (V, D) float64.

    Raises:
        StudyError: an odd number of classes in an odd number of dimensions, where the harmonic frame does not exist.
    """
    generator = torch.Generator().manual_seed(seed)
    if kind == "random":
        frame = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
        return torch.nn.functional.normalize(frame, dim=1)
    return _simplex(rows, dim, generator) if rows <= dim + 1 else _harmonic(rows, dim, generator)


def fix_head(model: PreTrainedModel, kind: str, seed: int) -> None:
    """Give a model's head a frame that training leaves as it is.

    All rows have the length ln V / sqrt(D). Behind the last norm a feature has the length sqrt(D), so that one which
    points along its row has the logit ln V: its class then has a probability of about one half, and the gain of that
    norm, which is trained, does the rest. Logits at initialisation spread by ln V / sqrt(D).

    Args:
        model: whose head is a table of its own, not the embeddings'.
        kind: as `fixed_frame` takes it.
        seed: of the frame.
    """
    weight = model.get_output_embeddings().weight
    rows, dim = weight.shape
    frame = fixed_frame(kind, rows, dim, seed) * (math.log(rows) / math.sqrt(dim))
    with torch.no_grad():
        weight.copy_(frame.to(weight.dtype))
    weight.requires_grad_(False)


def _simplex(rows: int, dim: int, generator: torch.Generator) -> Tensor:
    """Turn the columns of I - 1/V, which span V - 1 dimensions, into D of them."""
    centred = torch.eye(rows, dtype=torch.float64) - 1 / rows
    flat = torch.linalg.svd(centred)[0][:, : rows - 1]  # (V, V - 1), rows of length sqrt(1 - 1/V)
    turn = torch.linalg.qr(torch.randn(dim, rows - 1, generator=generator, dtype=torch.float64))[0]
    return torch.nn.functional.normalize(flat @ turn.T, dim=1)


def _harmonic(rows: int, dim: int, generator: torch.Generator) -> Tensor:
    pairs, single = divmod(dim, 2)
    if single and rows % 2:
        raise StudyError(
            f"a fixed simplex of {rows} classes in {dim} dimensions cannot be made: give an even width or vocabulary."
        )
    frequencies = 1 + torch.randperm((rows - 1) // 2, generator=generator)[:pairs]
    phases = 2 * math.pi * (torch.arange(rows)[:, None] * frequencies % rows).double() / rows
    columns = [phases.cos(), phases.sin()]
    if single:  # the highest frequency, whose sine vanishes: half the energy of a pair
        columns.append(math.sqrt(0.5) * (1 - 2 * (torch.arange(rows)[:, None] % 2)).double())
    return torch.cat(columns, dim=1) / math.sqrt(dim / 2)
