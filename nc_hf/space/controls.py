"""The controls that the tabs share: which text, how many tokens, which metrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from nc_hf.errors import CorpusError
from nc_hf.space.html import message
from nc_hf.space.limits import DEFAULT_TOKENS, MAX_TEXT_BYTES, MIN_TOKENS, UPLOAD

DATASET = "dataset"
CORPORA = [
    ("TinyStories", "tinystories"),
    ("Built-in", "builtin"),
    ("Data set", DATASET),
    ("Own text", UPLOAD),
]
PRESETS = [("Core", "core"), ("As published", "paper"), ("Everything", "full")]
_UPLOAD_SECONDS = 3600


@dataclass(frozen=True)
class TextControls:
    """Components that together name a text, a budget and a preset."""

    corpus: gr.Radio
    dataset: gr.Textbox
    text: gr.State
    budget: gr.Number
    preset: gr.Dropdown

    @property
    def inputs(self) -> list[gr.components.Component]:
        """In the order that `chosen` takes them."""
        return [self.corpus, self.dataset, self.text, self.budget, self.preset]


def text_controls(prefix: str, limit: int) -> TextControls:
    """Lay the controls out.

    Args:
        prefix: of the elements' ids.
        limit: the largest budget.
    """
    with gr.Row():
        corpus = gr.Radio(
            CORPORA, value="tinystories", label="Text", elem_id=f"{prefix}-corpus", scale=4, info="What the model reads"
        )
        budget = gr.Number(
            DEFAULT_TOKENS,
            label="Token budget",
            precision=0,
            elem_id=f"{prefix}-budget",
            min_width=140,
            info=f"{MIN_TOKENS:,} to {limit:,}",
        )
        preset = gr.Dropdown(
            PRESETS, value="core", label="Metrics", info="Which values", elem_id=f"{prefix}-preset", min_width=140
        )
    dataset = gr.Textbox(
        label="Data set",
        placeholder="owner/name, or owner/name:config:split:column",
        visible=False,
        elem_id=f"{prefix}-dataset",
    )
    with gr.Row(visible=False) as own:
        upload = gr.UploadButton(
            "Choose a text file",
            file_types=[".txt", ".md", ".text"],
            elem_id=f"{prefix}-upload",
            scale=0,
            min_width=200,
        )
        noted = gr.HTML(
            f"<p class='legend'>Plain text in UTF-8, {MAX_TEXT_BYTES // 1_000_000} MB at the most. It is read once, "
            "used for your analysis, and kept for nobody.</p>",
            elem_id=f"{prefix}-upload-note",
        )
    text = gr.State("", time_to_live=_UPLOAD_SECONDS)
    corpus.change(
        lambda kind: (gr.update(visible=kind == DATASET), gr.update(visible=kind == UPLOAD)),
        corpus,
        [dataset, own],
        show_progress="hidden",
        api_visibility="private",
        queue=False,
    )
    upload.upload(take_upload, upload, [text, noted], show_progress="hidden", api_visibility="private", queue=False)
    return TextControls(corpus, dataset, text, budget, preset)


def take_upload(path: str) -> tuple[str, str]:
    """Read an uploaded file into the visitor's session and remove it from the disk at once."""
    from nc_hf.space.request import documents, read_upload

    file = Path(path)
    try:
        text = read_upload(file.read_bytes())
    except CorpusError as fault:
        return "", message(str(fault))
    finally:
        file.unlink(missing_ok=True)
    count = len(documents(text))
    return text, message(f"{file.name}: {len(text):,} characters, {count:,} document{'s' * (count != 1)}.", "note")


def chosen(corpus: str, dataset: str, text: str) -> tuple[str, str]:
    """Return the name of the corpus and, for an upload, its text."""
    if corpus == DATASET:
        return f"hub:{(dataset or '').strip()}", ""
    return corpus, text if corpus == UPLOAD else ""
