"""The look of both pages: theme, fonts and the heading; the rest is in ``style.css``."""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr

STYLE = Path(__file__).with_name("style.css")
_SYSTEM = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def heading(title: str, about: str) -> str:
    """Return the head of a page, for an element of the id ``title``."""
    return f"<h1>{escape(title)}</h1><p>{escape(about, quote=False)}</p>"


def theme() -> gr.themes.Base:
    """Return the look: neutral, one accent, fonts of the visitor's system."""
    look = gr.themes.Default(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", font=_SYSTEM, font_mono=_MONO
    )
    # Darker than the defaults, so that small text and the button's label stand out as much as WCAG asks (4.5 to 1).
    return look.set(
        link_text_color="*primary_700",
        link_text_color_dark="*primary_400",
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
