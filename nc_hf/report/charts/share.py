"""A picture of a result for where links are shown: 1200 x 630 pixels with model, verdict, dials and provenance."""

from __future__ import annotations

import textwrap
from html import escape

from nc_hf.report.charts.render import converter
from nc_hf.report.names import shortened
from nc_hf.report.palette import LIGHT
from nc_hf.report.record import ReportRecord
from nc_hf.report.summary import Dial, dials, facts
from nc_hf.report.verdict import verdict
from nc_hf.report.words import ARROWS, number

WIDTH, HEIGHT = 1200, 630
_MARGIN = 64
_INNER = WIDTH - 2 * _MARGIN
_FONT = "'DejaVu Sans', Verdana, Arial, sans-serif"
_LETTER = 0.62
"""Width of a letter over the size of its font, a generous one: what is longer is set smaller, and at last cut."""
_SMALLEST = 26
_COLUMN = _INNER / 4
_GAUGE = 212


def share_png(report: ReportRecord) -> bytes:
    """Draw a result as PNG.

    Raises:
        InputError: vl-convert is not installed.
    """
    drawn: bytes = converter().svg_to_png(share_svg(report), scale=1)
    return drawn


def share_svg(report: ReportRecord) -> str:
    """Return a result as SVG; where there is no verdict, the first caution stands in the place of the dials."""
    said, shown = verdict(report), dials(report)
    body = "".join(map(_column, range(len(shown)), shown))
    if not shown and (warnings := said.warnings()):
        lines = textwrap.wrap(warnings[0], 72, max_lines=4, placeholder=" …")
        body = "".join(_text(line, 340 + 40 * place, 26) for place, line in enumerate(lines))
    found, beside = dict(facts(report)), ""
    if shown and said.cautions:
        count = len(said.cautions)
        beside = f" With {'a caution' if count == 1 else f'{count} cautions'}."
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' "
        f'font-family="{_FONT}"><title>{escape(said.headline)}</title>'
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='{LIGHT.paper}'/>"
        f"<rect width='{WIDTH}' height='12' fill='{LIGHT.accent}'/>"
        f"{_text('Neural collapse of', 76, 24, colour=LIGHT.faint)}{_fitted(report.name, 132, 48)}"
        f"{_text(said.title, 206, 38, colour=LIGHT.accent, bold=True)}"
        f"{_text(said.basis + beside, 246, 22, colour=LIGHT.faint)}{body}"
        f"<line x1='{_MARGIN}' x2='{WIDTH - _MARGIN}' y1='520' y2='520' stroke='{LIGHT.grid}' stroke-width='2'/>"
        f"{_text(shortened(found['text'], 88), 560, 20, colour=LIGHT.faint)}"
        f"{_text(shortened(found['model'] + ', ' + found['measured'], 88), 594, 20, colour=LIGHT.faint)}</svg>"
    )


def _column(place: int, dial: Dial) -> str:
    """Draw one dial: its name, its value with the interval, the gauge, and the answer of the verdict."""
    x = _MARGIN + place * _COLUMN
    untrained = "" if dial.untrained is None else f"untrained {number(dial.untrained, 3)}"
    below = [part for part in (dial.answer, untrained) if part]
    parts = [
        _text(f"{dial.title} {ARROWS[dial.direction]}", 310, 21, x=x, colour=LIGHT.faint),
        _text(dial.value, 362, 44, x=x, bold=True),
        _text(dial.between, 396, 19, x=x, colour=LIGHT.faint),
        _gauge(x, dial),
        *(_text(words, 462 + 28 * line, 19, x=x) for line, words in enumerate(below)),
    ]
    return "".join(parts)


def _gauge(x: float, dial: Dial, y: float = 424) -> str:
    if dial.scale is None:
        return ""
    track = f"<rect x='{x}' y='{y - 4}' width='{_GAUGE}' height='8' rx='4' fill='{LIGHT.grid}'/>"
    for limit in dial.limits:
        at = x + _GAUGE * dial.scale.place(limit)
        track += (
            f"<line x1='{at:.1f}' x2='{at:.1f}' y1='{y - 11}' y2='{y + 11}' stroke='{LIGHT.shade}' stroke-width='3'/>"
        )
    if dial.untrained is not None:
        at = x + _GAUGE * dial.scale.place(dial.untrained)
        track += f"<circle cx='{at:.1f}' cy='{y}' r='7' fill='{LIGHT.paper}' stroke='{LIGHT.shade}' stroke-width='3'/>"
    at = x + _GAUGE * dial.scale.place(dial.metric.value)
    return f"{track}<circle cx='{at:.1f}' cy='{y}' r='9' fill='{LIGHT.accent}'/>"


def _fitted(text: str, y: float, size: int) -> str:
    """Set a line that may be long: smaller, and at last with its middle cut out."""
    fitting = min(size, int(_INNER / (_LETTER * max(len(text), 1))))
    if fitting >= _SMALLEST:
        return _text(text, y, fitting, bold=True)
    cut = shortened(text, int(_INNER / (_LETTER * _SMALLEST)))
    return _text(cut, y, _SMALLEST, bold=True, length=_INNER)


def _text(
    text: str,
    y: float,
    size: int,
    *,
    x: float = _MARGIN,
    colour: str = LIGHT.ink,
    bold: bool = False,
    length: float | None = None,
) -> str:
    """Return a line of text, set exactly as long as asked for whatever the widths of its letters."""
    more = " font-weight='bold'" if bold else ""
    more += "" if length is None else f" textLength='{length}' lengthAdjust='spacingAndGlyphs'"
    return f"<text x='{x}' y='{y}' font-size='{size}' fill='{colour}'{more}>{escape(text)}</text>"
