"""The page: its tabs, and what happens when something is pressed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr

from nc_hf.space.api import Api
from nc_hf.space.chart import library_route
from nc_hf.space.compare_tab import CompareTab
from nc_hf.space.course_tab import CourseTab
from nc_hf.space.earlier_tab import EarlierTab
from nc_hf.space.lazy import LazyService
from nc_hf.space.measure_tab import MeasureTab
from nc_hf.space.settings import Settings
from nc_hf.space.share import share_routes

FOLDER = Path(__file__).parent
TITLE = "Collapse meter"
_SYSTEM = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def serve(settings: Settings, **address: Any) -> None:
    """Serve the page until it is interrupted.

    Args:
        settings: of the owner.
        address: for ``gr.Blocks.launch``, such as ``server_port``.
    """
    service = LazyService(settings)
    page = build(service)
    # Our routes come before Gradio's, which answers every other address with the page.
    application = {"title": TITLE, "routes": [library_route(), *share_routes(service)]}
    page.launch(prevent_thread_lock=True, app_kwargs=application, **launch_options(), **address)
    service.load()
    page.block_thread()


def build(service: LazyService) -> gr.Blocks:
    """Make the page, with its API."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        with gr.Row(equal_height=True):
            gr.HTML(
                f"<h1>{TITLE}</h1><p>How far have a language model's features collapsed around the next token?</p>",
                elem_id="title",
            )
            if os.environ.get("OAUTH_CLIENT_ID"):  # as on a Space with hf_oauth
                gr.LoginButton("Log in for gated models", size="sm", scale=0, min_width=220, elem_id="login")
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
            with gr.Tab("Measure", id="measure", elem_id="tab-measure"):
                measuring = MeasureTab(service)
            with gr.Tab("Compare", id="compare", elem_id="tab-compare"):
                comparing = CompareTab(service, tabs)
            with gr.Tab("Course", id="course", elem_id="tab-course"):
                course = CourseTab(service, tabs)
            with gr.Tab("Earlier results", id="earlier", elem_id="tab-earlier") as tab:
                EarlierTab(service, tabs, tab, comparing)
            with gr.Tab("Read", id="read", elem_id="tab-read"):
                gr.Markdown((FOLDER / "read.md").read_text(encoding="utf-8"), elem_id="read")
        measuring.follow_links(page)
        comparing.follow_links(page)
        course.follow_links(page)
        Api(service).register()
    page.queue(max_size=64, api_open=True)
    return page


def theme() -> gr.themes.Base:
    """Return the look: neutral, one accent, fonts of the visitor's system."""
    look = gr.themes.Default(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", font=_SYSTEM, font_mono=_MONO
    )
    # Darker than the defaults, so that small text and the button's label stand out as much as WCAG asks (4.5 to 1).
    return look.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        color_accent="*primary_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
    )


def launch_options() -> dict[str, Any]:
    """Return what ``launch()`` needs beside the address."""
    return {
        "theme": theme(),
        "favicon_path": FOLDER / "icon.png",
        "css_paths": [FOLDER / "style.css"],
        "mcp_server": True,
        "ssr_mode": False,
        "run_history": False,
        "max_file_size": "5mb",
        "max_threads": 40,
        "state_session_capacity": 200,
        "footer_links": ["api", "settings"],
        "show_error": True,
    }
