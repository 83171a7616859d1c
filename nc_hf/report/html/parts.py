"""What several tables of a report show alike: a metric's name, a value with its error, a table that may be scrolled."""

from __future__ import annotations

from html import escape

from nc_hf.report.record import MetricValue
from nc_hf.report.words import ARROWS, direction, title, with_error

_DIRECTIONS = {"down": "smaller is more collapsed", "up": "larger is more collapsed", "none": "has no direction"}


def metric_name(name: str) -> str:
    """Return a metric's name with the direction of collapse, and what it is."""
    return f"<code>{escape(name)}</code>{arrow(name)}<span class='what'>{escape(title(name))}</span>"


def arrow(name: str) -> str:
    """Return the direction of a metric as an arrow, in words for who does not see it."""
    way = direction(name)
    return (
        f"<span class='arrow' title='{_DIRECTIONS[way]}'>{ARROWS[way]}"
        f"<span class='hidden'>{_DIRECTIONS[way]}</span></span>"
    )


def value(metric: MetricValue) -> str:
    """Return a value with its standard error."""
    shown, _, error = with_error(metric).partition(" ")
    return f"<b>{escape(shown)}</b>{f' <i>{escape(error)}</i>' if error else ''}"


def scrolling(what: str, table: str) -> str:
    """Put a table into a frame that scrolls where it is wider than the page, by the keyboard too."""
    return f"<div class='scroll' tabindex='0' role='region' aria-label='{escape(what, quote=True)}'>{table}</div>"
