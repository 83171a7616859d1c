"""The MCP tools: how their answers are written."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr


def answer_tools_in_json(page: gr.Blocks) -> None:
    """Let MCP tools answer in JSON; Gradio writes an answer as Python does, with None and single quotes.

    Args:
        page: launched.
    """
    server = page.mcp_server_obj
    if server is None:
        return
    written = server.postprocess_output_data

    def in_json(data: Any, root_url: str) -> Any:
        said = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in data]
        return written(said, root_url)

    vars(server)["postprocess_output_data"] = in_json
