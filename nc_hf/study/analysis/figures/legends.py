"""Legends beside the panels: a heading and its entries for each thing that is told, one below the other."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from nc_hf.report.figures.style import INK, SIZES, label
from nc_hf.study.analysis.figures.encoding import Encoding, Sizes

Entry = tuple[str, Any]
Section = tuple[str, Sequence[Entry]]
LINE = 0.21
"""Inches that a line of a legend takes."""
_WIDE = 27  # characters of a line


def encoding_sections(encoding: Encoding) -> list[Section]:
    """List what colour and shape tell; a setting that both tell is listed once."""
    colour, shape = encoding.colour, encoding.shape
    sections: list[Section] = []
    if colour is not None and not isinstance(colour, Sizes):
        both = shape is not None and shape.name == colour.name
        entries = [
            (level, mark(encoding.marker_of(level) if both else "o", fill))
            for level, fill in zip(colour.levels, encoding.palette, strict=True)
        ]
        sections.append((plain(colour.name), entries))
    if shape is not None and (not sections or shape.name != getattr(colour, "name", None)):
        sections.append((plain(shape.name), [(level, mark(encoding.marker_of(level), INK)) for level in shape.levels]))
    return sections


def plain(name: str) -> str:
    """Name a setting in a heading."""
    return {"depth": "layers", "width": "width D"}.get(name, label(name).replace("_", " "))


def mark(shape: str, fill: Any, *, edge: Any = "white", size: float = 6.5) -> Line2D:
    """Make the sample of a mark."""
    return Line2D([], [], marker=shape, ls="", mfc=fill, mec=edge, mew=0.5 if edge == "white" else 1.1, ms=size)


def height_of(sections: Iterable[Section], notes: Sequence[str] = ()) -> float:
    """Say how many inches a legend takes."""
    named = [name for heading, entries in sections for name in (heading, *(each for each, _ in entries))]
    return LINE * (2 + sum(len(wrapped(words)) for words in (*named, *notes)))


def wrapped(words: str) -> list[str]:
    """Break words into lines of a legend."""
    return textwrap.wrap(words, _WIDE)


def draw_legend(figure: Figure, sections: Sequence[Section], notes: Sequence[str] = ()) -> None:
    """Put a legend to the right of all panels: sections, then notes."""
    handles: list[Any] = []
    names: list[str] = []
    headings = []
    for heading, entries in sections:
        headings.append(len(handles))
        handles += [empty(), *(handle for _, handle in entries)]
        names += ["\n".join(wrapped(words)) for words in (heading, *(name for name, _ in entries))]
    for note in notes:
        handles.append(empty())
        names.append("\n".join(wrapped(note)))
    if not handles:
        return
    legend = figure.legend(handles, names, loc="outside right upper", fontsize=9, handlelength=1.6, borderaxespad=1.0)
    for place, text in enumerate(legend.get_texts()):
        if place in headings:
            text.set_fontweight("bold")


def empty() -> Line2D:
    """Make the sample of a line that is words alone."""
    return Line2D([], [], ls="")


def draw_sizes(figure: Figure, sizes: Sizes) -> None:
    """Put a bar of colours for the sizes beside the panels."""
    shown = [axes for axes in figure.axes if axes.get_visible()]
    aspect = 5 * figure.get_figheight()  # a fifth of an inch wide
    bar = figure.colorbar(ScalarMappable(sizes.norm, SIZES), ax=shown, label=sizes.meaning, aspect=aspect, pad=0.02)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(EngFormatter(sep=""))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
