"""The colours of every picture, by what they are for: told apart in grey and by the colour-blind, on either paper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours as hexadecimal.

    Attributes:
        ink: of text and of what is not to be overlooked.
        accent: of the values.
        faint: of small words beside others.
        shade: of what stands behind the values.
        grid: of the lines of a grid.
        paper: what all is drawn on.
        card: what stands out from it.
        series: of several things side by side, after Okabe and Ito; a shape tells them apart as well.
    """

    ink: str
    accent: str
    faint: str
    shade: str
    grid: str
    paper: str
    card: str
    series: tuple[str, ...]


LIGHT = Palette(
    ink="#1b1b1b",
    accent="#31688e",  # of viridis: dark enough on white paper, and in grey
    faint="#5a6169",
    shade="#8c8c8c",
    grid="#e6e6e6",
    paper="#ffffff",
    card="#f6f8fa",
    series=("#0072b2", "#d55e00", "#007a5a", "#a4508b", "#8a6d00", "#1b1b1b"),
)
DARK = Palette(
    ink="#f1f3f5",
    accent="#5fb0e5",
    faint="#a9b2bd",
    shade="#8c949e",
    grid="#2b323c",
    paper="#14181f",
    card="#1b212a",
    series=("#56b4e9", "#e69f00", "#2fc79a", "#e79ac8", "#f0e442", "#f1f3f5"),
)
