"""The page: its tabs, and what happens when something is pressed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from nc_hf.report.html import RESULT_STYLE
from nc_hf.space.access import is_own, visitors_log_in
from nc_hf.space.api import Api
from nc_hf.space.chart import TAG, library_route
from nc_hf.space.compare_tab import CompareTab, marked_headings
from nc_hf.space.course_tab import CourseTab
from nc_hf.space.earlier_tab import EarlierTab
from nc_hf.space.lazy import LazyService
from nc_hf.space.look import STYLE, heading, theme
from nc_hf.space.measure_tab import MeasureTab
from nc_hf.space.settings import Settings
from nc_hf.space.share import share_routes
from nc_hf.space.tools import answer_tools_in_json

FOLDER = Path(__file__).parent
TITLE = "Collapse meter"
OWN = (
    "This page is for this machine alone. Gated models are read with its token of the Hub (HF_TOKEN, or what "
    "<code>hf auth login</code> keeps); their results are kept for nobody."
)


def serve(settings: Settings, **address: Any) -> None:
    """Serve the page until it is interrupted.

    Args:
        settings: of the owner.
        address: for ``gr.Blocks.launch``, such as ``server_port``.
    """
    own = is_own(address.get("server_name"))
    service = LazyService(replace(settings, own=own))
    page = build(service)
    # Our routes come before Gradio's, which answers every other address with the page.
    application = {"title": TITLE, "routes": [library_route(), *share_routes(service)]}
    page.launch(
        prevent_thread_lock=True, app_kwargs=application, share=False if own else None, **launch_options(), **address
    )
    answer_tools_in_json(page)
    service.load()
    page.block_thread()


def build(service: LazyService) -> gr.Blocks:
    """Make the page, with its API."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        with gr.Row(equal_height=True, elem_classes="head"):
            gr.HTML(
                heading(TITLE, "How far have a language model's features collapsed around the next token?"),
                elem_id="title",
            )
            if visitors_log_in():
                gr.LoginButton("Log in for gated models", size="sm", scale=0, min_width=220, elem_id="login")
            elif service.settings.own:
                gr.HTML(f"<p class='legend'>{OWN}</p>", elem_id="own")
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
            with gr.Tab("Measure", id="measure", elem_id="tab-measure"):
                measuring = MeasureTab(service)
            with gr.Tab("Compare", id="compare", elem_id="tab-compare"):
                comparing = CompareTab(service, tabs)
            with gr.Tab("Course", id="course", elem_id="tab-course"):
                course = CourseTab(service, tabs)
            with gr.Tab("Earlier results", id="earlier", elem_id="tab-earlier") as tab:
                EarlierTab(service, tabs, tab, comparing)
            with gr.Tab("Explanation", id="read", elem_id="tab-read"):
                gr.Markdown((FOLDER / "read.md").read_text(encoding="utf-8"), elem_id="read")
        measuring.follow_links(page)
        comparing.follow_links(page)
        course.follow_links(page)
        Api(service).register()
    page.queue(max_size=64, api_open=True)
    return page


def _head() -> str:
    """Return what stands in the page's head: places, so that nothing moves when Gradio has started, and movements."""
    style, script = ((FOLDER / name).read_text(encoding="utf-8") for name in ("frame.css", "page.js"))
    login = "document.documentElement.classList.add('logs-in');" if visitors_log_in() else ""
    return f"<style>{style}\n{marked_headings()}</style><script>{login}{script}</script>{TAG}"


def launch_options() -> dict[str, Any]:
    """Return what ``launch()`` needs beside the address."""
    return {
        "theme": theme(),
        "favicon_path": FOLDER / "icon.png",
        "css_paths": [RESULT_STYLE, STYLE],
        "head": _head(),
        "mcp_server": True,
        "ssr_mode": False,
        "run_history": False,
        "max_file_size": "5mb",
        "max_threads": 40,
        "state_session_capacity": 200,
        "footer_links": ["api", "settings"],
        "show_error": True,
    }
