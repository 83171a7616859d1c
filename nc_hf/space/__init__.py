"""The collapse meter: a page, a named API and MCP tools around ``nc_hf.measure``."""
