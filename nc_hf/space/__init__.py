"""The collapse meter: a page, a named API and MCP tools around ``nc_hf.measure``."""

from nc_hf.runtime.extras import require

require("the page needs", "space", "gradio", "mcp", "matplotlib", "pandas", "scipy")
