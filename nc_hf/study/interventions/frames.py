"""Heads that are fixed: the rows of the classifier are given directions, and training moves the features alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from nc_hf.errors import StudyError

DRAWS = 32
"""Sets of frequencies that are tried for a harmonic frame."""


def fixed_frame(kind: str, rows: int, dim: int, seed: int) -> Tensor:
    """Return unit directions for the rows of a head.

    ``random``: independent, uniform on the sphere.

    ``simplex``: where it exists, for ``rows <= dim + 1``, the simplex equiangular tight frame, in a random position
    (fixed as a classifier by Zhu et al., arXiv 2105.02375, and Yang et al., arXiv 2203.09081). With more rows there is
    none in so few dimensions, and two things of it are kept, the first exactly and the second as far as is cheap:

    - Unit rows that sum to zero, and columns that are orthogonal and of one length: a centred unit-norm tight frame.
      Its frame potential, the sum of all squared cosines, is the least possible, V^2 / D (Benedetto and Fickus 2003),
      and its Gram matrix G the nearest to the simplex' E that D dimensions allow:
      ``||G/||G|| - E/||E||||^2 = 2 - 2 sqrt(D/(V-1))``.
    - No two rows too near each other, which is what collapse makes of many classes (Lu and Steinerberger,
      arXiv 2012.08465; Liu et al., arXiv 2303.06484; Jiang et al., arXiv 2310.05351). The frame is harmonic: the row of
      a class has the cosines and sines of its place at ``dim / 2`` frequencies, of 32 draws those whose largest cosine
      is least. For 4,096 x 64 that is about .36, of random directions .58; Welch's bound, which is not reached, is .12.

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
    return _FRAMES[kind](rows, dim, torch.Generator().manual_seed(seed))


def fix_head(model: PreTrainedModel, kind: str, seed: int) -> None:
    """Give a model's head a frame of its own that training leaves as it is; a bias, where there is one, stays free.

    All rows have the length ln V / sqrt(D). Behind the last norm a feature has the length sqrt(D), so that one which
    points along its row has the logit ln V: its class then has a probability of about one half, and the gain of that
    norm, which is trained, does the rest. Logits at initialisation spread by ln V / sqrt(D), so that the first loss is
    about ln V + (ln V)^2 / 2D. The rows of a free head begin shorter, at about 0.02 sqrt(D), and grow; held at that
    length they hold the loss back (7.2 after 200 steps of GPT-Neo 2 x 64 with 2,048 tokens, in place of 5.8), and three
    times as long they are no better (5.9).

    Args:
        model: its head no longer shares the embeddings' table afterwards, if it did.
        kind: as `fixed_frame` takes it.
        seed: of the frame.
    """
    head = model.get_output_embeddings()
    rows, dim = head.weight.shape
    frame = fixed_frame(kind, rows, dim, seed) * (math.log(rows) / math.sqrt(dim))
    head.weight = nn.Parameter(frame.to(head.weight), requires_grad=False)
    model.config.tie_word_embeddings = False


def _random(rows: int, dim: int, generator: torch.Generator) -> Tensor:
    frame = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    return nn.functional.normalize(frame, dim=1)


def _simplex(rows: int, dim: int, generator: torch.Generator) -> Tensor:
    if rows > dim + 1:
        return _harmonic(rows, dim, generator)
    # Helmert's contrasts: columns that are orthonormal, each to ones too. Unlike those of a decomposition, whose
    # singular values here are all the same, they do not depend on the machine.
    contrasts = torch.ones(rows, rows - 1, dtype=torch.float64).triu()
    below = torch.arange(1, rows)
    contrasts[below, below - 1] = -below.double()
    flat = contrasts / (below * (below + 1)).double().sqrt()
    turn, triangle = torch.linalg.qr(torch.randn(dim, rows - 1, generator=generator, dtype=torch.float64))
    frame: Tensor = flat @ (turn * triangle.diagonal().sign()).T
    return frame * math.sqrt(rows / (rows - 1))


def _harmonic(rows: int, dim: int, generator: torch.Generator) -> Tensor:
    """Make a centred unit-norm tight frame, its rows in random order, so that neighbours in the vocabulary are none."""
    if dim % 2 and rows % 2:
        raise StudyError(
            f"a fixed simplex of {rows} classes in {dim} dimensions cannot be made: give an even width or vocabulary."
        )
    draws = [1 + torch.randperm((rows - 1) // 2, generator=generator)[: dim // 2] for _ in range(DRAWS)]
    # Rounded, so that of draws which differ by rounding alone every machine takes the first.
    frequencies = min(draws, key=lambda drawn: round(_largest_cosine(drawn, rows, dim), 9))
    places = torch.randperm(rows, generator=generator)[:, None]
    phases = 2 * math.pi * (places * frequencies % rows).double() / rows
    columns = [phases.cos(), phases.sin()]
    if dim % 2:  # the highest frequency, whose sine vanishes: half the energy of a pair
        columns.append(math.sqrt(0.5) * (1 - 2 * (places % 2)).double())
    return torch.cat(columns, dim=1) / math.sqrt(dim / 2)


def _largest_cosine(frequencies: Tensor, rows: int, dim: int) -> float:
    """Of two rows of a harmonic frame: their cosine depends on the difference of their places alone."""
    spectrum = torch.zeros(rows // 2 + 1, dtype=torch.complex128)
    spectrum[frequencies] = rows / dim
    if dim % 2:
        spectrum[-1] = rows / dim
    return float(torch.fft.irfft(spectrum, n=rows)[1:].max())


_FRAMES: dict[str, Callable[[int, int, torch.Generator], Tensor]] = {"simplex": _simplex, "random": _random}
