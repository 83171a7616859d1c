"""What the map of tokens is drawn from: a row a token, with its word and how wide the map must be to bear it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from nc_hf.report.charts.labels import label_widths
from nc_hf.report.detail import TokenMap, TokenTable

Spec = dict[str, Any]

_LABELLED = 600  # tokens that may have a word beside them: the ends, then the commonest
_ENDS = 5
_MOST, _LEAST = " ▼", " ▲"  # beside the words of the ends
_ESCAPED = re.compile(r"\\(?:[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})|<0x[0-9A-F]{2}>|^#\d+$|^<.*>$|^\[.*\]$")


def token_rows(table: TokenTable, places: TokenMap, spans: Sequence[float]) -> list[Spec]:
    """Return what is known of each token, with its places on every plane, by their number."""
    columns, spelled = table.columns, table.spelled
    signs = {token.id: _MOST for token in table.most_collapsed[:_ENDS]}
    signs |= {token.id: _LEAST for token in table.least_collapsed[:_ENDS] if token.id not in signs}
    words = [text + signs.get(token_id, "") for token_id, text in zip(columns.ids, columns.texts, strict=True)]
    order = sorted(range(len(words)), key=lambda place: columns.ids[place] not in signs)
    labelled = order[:_LABELLED]
    widths = []
    for plane, span in zip(places.planes, spans, strict=True):
        points = [(plane.x[place], plane.y[place]) for place in order]
        found = label_widths(points, [words[place] for place in labelled], span, important=len(signs))
        widths.append(dict(zip(labelled, found, strict=True)))
    rows = []
    for place, token_id in enumerate(columns.ids):
        row: Spec = {
            "id": token_id,
            "token": columns.texts[place],
            "word": words[place],
            "rank": place,
            "kind": kind_of(columns.texts[place]),
            "count": columns.counts[place],
            "scatter": _finite(columns.variability[place]),
            "duality": _finite(columns.duality[place]),
            "near": f",{','.join(map(str, places.nearest[place]))},",
            "nearest": "  ".join(spelled[other] for other in places.nearest[place]),
        }
        for each, plane in enumerate(places.planes):
            row |= {f"x{each}": plane.x[place], f"y{each}": plane.y[place], f"row_x{each}": plane.row_x[place],
                    f"row_y{each}": plane.row_y[place], f"label{each}": widths[each].get(place)}  # fmt: skip
        rows.append(row)
    return rows


def kind_of(text: str) -> str:
    """Tell where in a word a token stands, by what it spells."""
    if not any(character.isalpha() for character in _ESCAPED.sub("", text)):
        return "no letters"
    return "begins a word" if text.startswith("␣") else "within a word"


def _finite(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
