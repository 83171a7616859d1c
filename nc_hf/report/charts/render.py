"""Charts as one script for a page, and as static pictures, by vl-convert; it needs no browser and no network."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal

from nc_hf.report.charts import token_map
from nc_hf.report.charts.style import THEMES, VERSION, Chart, Spec
from nc_hf.runtime.extras import require

Theme = Literal["light", "dark"]

_ACROSS = 2
_WIDTH = 300
_SCALE = 2.0


def converter() -> ModuleType:
    """Return vl-convert.

    Raises:
        InputError: it is not installed.
    """
    require("charts on a page need", "html", "vl_convert")
    import vl_convert

    return vl_convert


@cache
def script() -> str:
    """Return Vega, Vega-Lite, Vega-Embed and what mounts every ``<figure data-chart>``, as one script (0.9 MB)."""
    mounting = (Path(__file__).parent / "mount.js").read_text(encoding="utf-8")
    themes = json.dumps({"light": _look("light"), "dark": _look("dark")})
    bundle: str = converter().javascript_bundle(f"const THEMES = {themes};\n{mounting}", vl_version=VERSION)
    # In a scope of its own, for a page may have names of one letter too; once, for a page may load it twice.
    once = f"if (!window.ncCharts) {{ window.ncCharts = true; (() => {{\n{bundle}\n}})(); }}"
    return once.replace("</script", "<\\/script")


def to_svg(chart: Chart, theme: Theme = "light") -> str:
    """Draw a chart with all its panels as SVG, on paper of its own."""
    drawn: str = converter().vegalite_to_svg(whole(chart), vl_version=VERSION, config=_on_paper(theme))
    return drawn


def to_png(chart: Chart, theme: Theme = "light", scale: float = _SCALE) -> bytes:
    """Draw a chart with all its panels as PNG."""
    drawn: bytes = converter().vegalite_to_png(whole(chart), vl_version=VERSION, config=_on_paper(theme), scale=scale)
    return drawn


def whole(chart: Chart) -> Spec:
    """Return one specification of all panels, side by side at a fixed width, for there is no container to follow."""
    if len(chart.panels) == 1:  # by itself: within another, a view's parameters are unknown to its axes
        (only,) = chart.panels
        return {**only, "width": _ACROSS * _WIDTH, "layer": [_unlinked(layer) for layer in only["layer"]]}
    fixed = [
        {**{key: value for key, value in panel.items() if key not in ("$schema", "autosize")}, "width": _WIDTH}
        for panel in chart.panels
    ]
    return {
        "$schema": chart.panels[0]["$schema"],
        "description": chart.description,
        "columns": _ACROSS,
        "concat": fixed,
    }


def _unlinked(layer: Spec) -> Spec:
    """Leave links out: they lead to places of a page, and a picture would have them lead to a server."""
    return {**layer, "encoding": {channel: of for channel, of in layer["encoding"].items() if channel != "href"}}


def _look(theme: Theme) -> Spec:
    """Return the configuration of a theme, with the styles of single charts."""
    return {**THEMES[theme], "style": {**THEMES[theme].get("style", {}), **token_map.STYLES[theme]}}


def _on_paper(theme: Theme) -> Spec:
    from nc_hf.report.palette import DARK, LIGHT

    return {**_look(theme), "background": (DARK if theme == "dark" else LIGHT).paper, "padding": 12}
