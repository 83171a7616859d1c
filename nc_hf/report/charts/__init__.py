"""Pictures for pages as Vega-Lite specifications: plain data, which a browser draws, or vl-convert as SVG and PNG."""

from nc_hf.report.charts.token_map import token_map as token_map
