"""The map of tokens: class means on a plane, the classifier's rows as arrows, what is known under the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nc_hf.report.charts.style import Chart
from nc_hf.report.charts.token_rows import token_rows
from nc_hf.report.detail import PlaneRecord, TokenMap, TokenTable
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import number

Spec = dict[str, Any]

COLOURS = ("occurrences", "scatter (NC1)", "duality (NC3)")
ARROWS = ("under the pointer", "of the commonest 30", "of all", "none")
PLANES = {"means": "class means", "rows": "classifier rows"}
"""What the planes are called, by whose principal axes span them."""
STYLES: dict[str, Spec] = {
    theme: {
        "map-token": {"stroke": ink, "strokeWidth": 0.4, "strokeOpacity": 0.7},
        "map-found": {"color": accent, "stroke": accent, "strokeWidth": 2},
        "map-arrow": {"stroke": accent, "fill": accent, "color": accent},
        "map-origin": {"color": ink, "stroke": ink, "strokeWidth": 1.5},
        "map-label": {"fill": ink, "color": ink, "fontSize": 11, "stroke": paper, "strokeWidth": 0},
        "map-halo": {"fill": paper, "color": paper, "fontSize": 11, "stroke": paper, "strokeWidth": 3},
        "map-said": {"fill": ink, "color": ink, "fontSize": 11, "fontStyle": "italic"},
    }
    for theme, ink, paper, accent in (
        ("light", "#1b1b1b", "#ffffff", "#d55e00"),
        ("dark", "#f1f3f5", "#14181f", "#e69f00"),
    )
}
"""The look on light and on dark paper, for ``config.style`` of Vega-Lite."""

_TITLE = "Where the tokens lie"
_NOTE = (
    "A point is the class mean of a token, on the plane of the two principal axes; an arrow leads to its row of the "
    "classifier. Point at a token for its neighbours, click on it for its card."
)
_COMMONEST = 30  # tokens whose arrows are drawn together
_FEW = 600  # tokens that have room for larger points
_SEARCHED = 2  # letters from which what is found is so little that all of it has its word beside it
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_IS_FOUND = "search != '' && indexof(lower(datum.token), replace(lower(search), regexp(' ', 'g'), '␣')) >= 0"
_IS_POINTED = (
    "isValid(pointed.id) && (datum.id == pointed.id[0] || indexof(pointed.near[0], ',' + datum.id + ',') >= 0)"
)
# How many times the map is enlarged: what the interval that is bound to the scales shows, of what they show at first.
_ENLARGED = "(isValid(zoom.x) ? abs(span / (zoom.x[1] - zoom.x[0])) : 1) * min(width, height)"


def token_chart(report: ReportRecord) -> Chart:
    """Return the map as a chart; without a panel where the report has no map, and the note says why."""
    spec = token_map(report)
    if spec is None:
        return Chart("tokens", _TITLE, "The report holds no map of its tokens: measure with the preset core or full.")
    return Chart("tokens", _TITLE, _NOTE, (spec,))


def token_map(report: ReportRecord) -> Spec | None:
    """Return the map as one view of Vega-Lite, as wide as its place; None where the report has none to draw.

    One chooses the plane, what colours mean and whose arrows are drawn, searches for a token, zooms and pans; under
    the pointer a token says what is known of it, and its neighbours and their arrows stand out. A click leads to
    ``#token-ID``, where a page has its card (`nc_hf.report.token_card`). Both axes have one scale, whatever the shape
    of the picture, since distances are what a map is for.
    """
    table = report.token_table
    if table is None or table.map is None or not _can_be_drawn(table.map):
        return None
    planes = {PLANES[plane.axes_of]: plane for plane in table.map.planes}
    frames = {name: _frame(plane) for name, plane in planes.items()}
    return {
        "$schema": _SCHEMA,
        "description": _description(report, table, table.map),
        "width": "container",
        "height": 520,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": token_rows(table, table.map, [span for _, _, span in frames.values()])},
        "params": [
            _choice("plane", "Axes of", tuple(planes)),
            _choice("colour", "Colour", COLOURS),
            _choice("arrows", "Classifier's arrows", ARROWS),
            {"name": "search", "value": "", "bind": {"input": "search", "name": "Find ", "placeholder": "a token"}},
            *({"name": name, "expr": _by_plane(frames, place)} for place, name in enumerate(("left", "low", "span"))),
        ],
        "transform": [
            {"calculate": _of_plane(planes, field), "as": field} for field in ("x", "y", "row_x", "row_y", "label")
        ]
        + [
            {"calculate": "colour == 'occurrences' ? log(datum.count) / LN10 : colour == 'scatter (NC1)' ? "
             "datum.scatter : datum.duality", "as": "shade"},
            {"calculate": _IS_FOUND, "as": "found"},
            {"calculate": "'#token-' + datum.id", "as": "link"},
        ],
        "layer": [*_arrows(), *_points(len(table.columns.ids)), *_labels(), *_said(planes)],
    }  # fmt: skip


def _can_be_drawn(places: TokenMap) -> bool:
    """Whether class means and rows vary at all: else all points are one."""
    return all(math.isfinite(share) for plane in places.planes for share in (*plane.means_share, *plane.rows_share))


def _frame(plane: PlaneRecord) -> tuple[float, float, float]:
    """Return the left and the lower edge, and the side, of a square about all points, arrows and the origin."""
    across, along = (0.0, *plane.x, *plane.row_x), (0.0, *plane.y, *plane.row_y)
    side = 1.12 * max(max(across) - min(across), max(along) - min(along))
    return (max(across) + min(across) - side) / 2, (max(along) + min(along) - side) / 2, side


def _choice(name: str, heading: str, options: Sequence[str]) -> Spec:
    bind = {"input": "select", "name": f"{heading} ", "options": list(options)}
    return {"name": name, "value": options[0], "bind": bind}


def _by_plane(frames: dict[str, tuple[float, float, float]], place: int) -> str:
    """Return an expression with one of the numbers of the plane that is chosen."""
    *others, last = frames.items()
    said = "".join(f"plane == '{name}' ? {frame[place]:.6g} : " for name, frame in others)
    return f"{said}{last[1][place]:.6g}"


def _of_plane(planes: dict[str, PlaneRecord], field: str) -> str:
    *others, last = enumerate(planes)
    return "".join(f"plane == '{name}' ? datum.{field}{each} : " for each, name in others) + f"datum.{field}{last[0]}"


def _axis(channel: str, field: str, edge: str) -> Spec:
    """Return a position: a square of the plane in the middle of the picture, and more of it where there is room."""
    size, other = ("width", "height") if channel == "x" else ("height", "width")
    more = f"span * (max(1, {size} / {other}) - 1) / 2"
    ends = [{"expr": f"{edge} - {more}"}, {"expr": f"{edge} + span + {more}"}]
    return {
        "field": field,
        "type": "quantitative",
        "title": None,
        "scale": {"domain": ends, "nice": False, "zero": False},
        "axis": {"grid": False, "format": ".3~g"},
    }


_PLACE = {"x": _axis("x", "x", "left"), "y": _axis("y", "y", "low")}
_TIP = {"x": _axis("x", "row_x", "left"), "y": _axis("y", "row_y", "low")}


def _points(count: int) -> list[Spec]:
    """Return the tokens, smaller where they are many: the colour as chosen, the shape by kind, what is found ringed."""
    level = "colour == 'occurrences' ? format(pow(10, datum.value), ',.3~s') : format(datum.value, '.3~g')"
    tip: list[Spec] = [{"field": "token", "title": "token", "type": "nominal"}]
    tip += [{"field": "count", "title": "occurrences", "type": "quantitative", "format": ",d"}]
    tip += [
        {"field": field, "title": heading, "type": "quantitative", "format": ".3~g"}
        for field, heading in (("scatter", "scatter ↓"), ("duality", "duality ↑"))
    ]
    tip += [{"field": "nearest", "title": "nearest", "type": "nominal"}]
    return [
        {
            "params": [
                {"name": "pointed", "select": {"type": "point", "fields": ["id", "near"], "on": "pointerover",
                                               "clear": "pointerout"}},
                {"name": "zoom", "select": "interval", "bind": "scales"},
            ],
            "mark": {"type": "point", "filled": True, "style": "map-token", "cursor": "pointer"},
            "encoding": {
                **_PLACE,
                "href": {"field": "link"},
                "color": {
                    "field": "shade",
                    "type": "quantitative",
                    "scale": {"scheme": "viridis"},
                    "legend": {"title": {"signal": "colour"}, "labelExpr": level, "orient": "bottom", "tickCount": 4,
                               "gradientLength": 160},
                },
                "shape": {
                    "field": "kind",
                    "type": "nominal",
                    "scale": {"domain": ["begins a word", "within a word", "no letters"],
                              "range": ["circle", "triangle-up", "square"]},
                    "legend": {"title": None, "orient": "top", "symbolFillColor": "#8c8c8c", "symbolStrokeWidth": 0},
                },
                "size": {"value": 55 if count <= _FEW else 28, "condition": [{"test": "datum.found", "value": 160},
                                                    {"test": _IS_POINTED, "value": 130}]},
                "opacity": {"value": 0.85, "condition": {"test": "search != '' && !datum.found", "value": 0.12}},
                "tooltip": tip,
            },
        },
        {
            "transform": [{"filter": "datum.found"}],
            "mark": {"type": "point", "filled": False, "style": "map-found", "size": 190},
            "encoding": _PLACE,
        },
        {
            "data": {"values": [{"x": 0, "y": 0}]},
            "mark": {"type": "point", "shape": "cross", "filled": False, "style": "map-origin", "size": 60,
                     "tooltip": "the mean of all class means"},
            "encoding": _PLACE,
        },
    ]  # fmt: skip


def _arrows() -> list[Spec]:
    """Return the classifier's rows, from the origin, with a head each; which of them is a matter of choice."""
    shown = (
        f"arrows == 'of all' || (arrows == 'of the commonest 30' && datum.rank < {_COMMONEST}) || "
        f"(arrows == 'under the pointer' && ({_IS_POINTED}))"
    )
    origin = {"x2": {"datum": 0}, "y2": {"datum": 0}}
    faint = {"value": 0.9, "condition": {"test": "arrows == 'of all'", "value": 0.3}}
    # Clockwise from upwards; the axes have one scale, so the angle on the plane is that on the paper.
    turn = {"calculate": "90 - atan2(datum.row_y, datum.row_x) * 180 / PI", "as": "turn"}
    return [
        {
            "transform": [{"filter": shown}],
            "mark": {"type": "rule", "style": "map-arrow", "strokeWidth": 1.5},
            "encoding": {**_TIP, **origin, "opacity": faint},
        },
        {
            "transform": [{"filter": shown}, turn],
            "mark": {"type": "point", "shape": "triangle-up", "filled": True, "style": "map-arrow", "size": 45},
            "encoding": {
                **_TIP,
                "angle": {"field": "turn", "type": "quantitative", "scale": None},
                "opacity": faint,
            },
        },
    ]


def _labels() -> list[Spec]:
    """Return the words beside the points that there is room for, more of them the more the map is enlarged."""
    shown = (
        f"(search == '' || datum.found) && ((isValid(datum.label) && datum.label <= {_ENLARGED}) || "
        f"length(search) >= {_SEARCHED}) || ({_IS_POINTED})"
    )
    return [
        {
            "transform": [{"filter": shown}],
            "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 7, "style": style},
            "encoding": {**_PLACE, "text": {"field": "word"}},
        }
        for style in ("map-halo", "map-label")
    ]


def _said(planes: dict[str, PlaneRecord]) -> list[Spec]:
    """Return what the axes are, written where they end: titles of axes do not follow a choice."""
    texts = {name: [f"{share:.1%}".replace("%", " %") for share in plane.means_share] for name, plane in planes.items()}
    *others, last = texts
    layers = []
    for place, (mark, corner) in enumerate(
        (
            ({"align": "right", "baseline": "bottom", "dx": -4, "dy": -4},
             {"x": {"value": {"expr": "width"}}, "y": {"value": {"expr": "height"}}}),
            ({"align": "left", "baseline": "top", "dx": 4, "dy": 4}, {"x": {"value": 0}, "y": {"value": 0}}),
        )
    ):  # fmt: skip
        shares = (
            "".join(f"plane == '{name}' ? '{texts[name][place]}' : " for name in others) + f"'{texts[last][place]}'"
        )
        words = f"'{'→↑'[place]} axis {place + 1}: ' + ({shares}) + ' of variance'"
        layers.append(
            {
                "data": {"values": [{}]},
                "mark": {"type": "text", "style": "map-said", "text": {"expr": words}, **mark},
                "encoding": corner,
            }
        )
    return layers


def _description(report: ReportRecord, table: TokenTable, places: TokenMap) -> str:
    """Return the map for who does not see it."""
    plane = places.planes[0]
    shown, most, least = len(table.columns.ids), table.most_collapsed, table.least_collapsed
    of = f"{shown:,} of {table.classes:,} tokens" if shown < table.classes else f"{shown:,} tokens"
    said = (
        f"Map of {of} of {report.name}: the class means on their two first principal axes, which carry "
        f"{sum(plane.means_share):.0%} of their variance."
    )
    if most and least:
        names = [", ".join(f"{token.text} ({number(token.variability, 2)})" for token in part[:3])
                 for part in (most, least)]  # fmt: skip
        said += f" Most collapsed, by their scatter: {names[0]}. Least collapsed: {names[1]}."
    return said
