"""What metrics are, folded away: families in words, formulas set as mathematics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from nc_hf.metrics.table import FAMILIES, METRICS
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import by_family, family_title, title

_TOKEN = re.compile(
    r"(?P<metric>\bg?u?nc\d_\w+)"
    r"|(?P<base>\|\||[A-Za-z]+)(?P<tilde>~?)(?P<square>2?)_(?P<index>[A-Za-z]+'?)"
    r"|\^(?P<power>-?\([^()]*\)|[A-Za-z0-9+]+)"
    r"|(?P<word>\b[A-Za-z]+2?\b)(?P<shift>~?)"
    r"|(?P<sign>\|\||<=| x | - )"
)
_NAMES = {"mu": "μ", "Sigma": "Σ", "sqrt": "√"}
_INDEXED = {**_NAMES, "sum": "∑"}  # a sum without an index is a word
_SIGNS = {"||": "‖", "<=": "≤", " x ": " \u00d7 ", " - ": " \u2212 "}  # times and minus
_PRIME = "\u2032"
_SQUARES = ("s2", "d2")
_WORDS = ("a", "x")  # single letters that are no variables
_TILDE = "\u0303"


def html_definitions(report: ReportRecord) -> str:
    """Return what every family asks, and the formula and the source of every metric, behind a toggle."""
    return html_formulas({name: report.definitions.get(name, "") for name in report.metrics})


def html_formulas(formulas: Mapping[str, str]) -> str:
    """Return definitions, behind a toggle.

    Args:
        formulas: by the names of their metrics.
    """
    parts = []
    for family, names in by_family(formulas).items():
        meaning = f": {escape(FAMILIES[family].meaning)}" if family in FAMILIES else ""
        parts.append(f"<p class='family'><b>{escape(family_title(family))}</b>{meaning}.</p>")
        parts.append(f"<dl>{''.join(_definition(name, formulas[name]) for name in names)}</dl>")
    return f"<details class='definitions'><summary>Definitions</summary>{''.join(parts)}</details>"


def formula(text: str) -> str:
    """Set a formula of the metric table: subscripts, powers, Greek letters; anything else stays as it is, escaped.

    >>> formula("sum_c n_c |mu_c|^2")
    '∑<sub>c</sub> <var>n</var><sub>c</sub> |μ<sub>c</sub>|<sup>2</sup>'
    """
    parts, end = [], 0
    for token in _TOKEN.finditer(text):
        parts += [escape(text[end : token.start()]), _set(token)]
        end = token.end()
    return "".join([*parts, escape(text[end:])])


def _set(token: re.Match[str]) -> str:
    found = token.groupdict()
    if found["metric"]:
        return f"<code>{escape(found['metric'])}</code>"
    if found["power"]:
        return f"<sup>{escape(found['power'])}</sup>"
    if found["sign"]:
        return _SIGNS[found["sign"]]
    if found["index"]:
        square = "<sup>2</sup>" if found["square"] else ""
        base = _INDEXED.get(found["base"]) or _letter(found["base"], found["tilde"])
        return f"{base}{square}<sub>{_primed(found['index'])}</sub>"
    if found["word"] in _SQUARES:
        return f"{_letter(found['word'][0])}<sup>2</sup>"
    return _letter(found["word"], found["shift"])


def _letter(name: str, tilde: str = "") -> str:
    """Return a name: a sign, a Greek letter, a variable of one letter in italics, or a word."""
    known = _NAMES.get(name) or _SIGNS.get(name)
    if known:
        return known
    mark = _TILDE if tilde else ""
    return f"<var>{name}{mark}</var>" if len(name) == 1 and name not in _WORDS else f"{escape(name)}{escape(tilde)}"


def _primed(index: str) -> str:
    return index.replace("'", _PRIME)


def _definition(name: str, text: str) -> str:
    source = METRICS[name].source if name in METRICS else ""
    return (
        f"<dt><code>{escape(name)}</code> <span class='what'>{escape(title(name))}</span></dt>"
        f"<dd><span class='formula'>{formula(text)}</span>"
        f"{f'<span class=what>{escape(source)}</span>' if source else ''}</dd>"
    )
