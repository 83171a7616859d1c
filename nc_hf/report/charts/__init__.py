"""Pictures as Vega-Lite specifications: plain dicts, which a page draws and a reader may hover."""
