"""The controls that the tabs share: which text, how many tokens, which metrics; and a job's buttons and status line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from nc_hf.errors import CorpusError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.space.html import message
from nc_hf.space.settings import DEFAULT_TOKENS, MAX_TEXT_BYTES, MIN_TOKENS, UPLOAD
from nc_hf.space.upload import documents, read_upload

if TYPE_CHECKING:
    from nc_hf.space.request import Request

DATASET = "dataset"
CORPORA = [
    ("TinyStories", "tinystories"),
    ("Built-in", "builtin"),
    ("Data set", DATASET),
    ("Own text", UPLOAD),
]
PRESETS = [("Core", "core"), ("As published", "paper"), ("Everything", "full")]
_UPLOAD_SECONDS = 3600

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
QUICK: dict[str, Any] = {**QUIET, "concurrency_id": "quick", "concurrency_limit": 8}
# The button is disabled while it works; "once" would also ignore the first press after a cancel.
SLOW: dict[str, Any] = {**QUIET, "concurrency_id": "slow", "concurrency_limit": 16, "trigger_mode": "multiple"}
_SETTLED_SECONDS = 1.5
_IDLE = (gr.update(interactive=True), gr.update(visible=False))
"""Of the buttons that start and cancel."""
_CANCELLED = (message("Cancelled.", "note"), *_IDLE)


@dataclass(frozen=True)
class TextControls:
    """Components that together name a text, a budget and a preset."""

    corpus: gr.Radio
    dataset: gr.Textbox
    text: gr.State
    budget: gr.Number
    preset: gr.Dropdown
    tokenizer: gr.Textbox

    @property
    def inputs(self) -> set[gr.components.Component]:
        """What `asked` reads."""
        return {*self.controls, self.text}

    @property
    def controls(self) -> list[gr.components.Component]:
        """What `filled` changes."""
        return [self.corpus, self.dataset, self.budget, self.preset, self.tokenizer]

    def asked(self, given: Mapping[Any, Any]) -> tuple[str, str, float | None, str, str]:
        """Return what a visitor asks, in the order of a request: corpus, text of an upload, budget, preset, tokenizer.

        Args:
            given: values by component, as Gradio passes them where the inputs of an event are a set.
        """
        kind = given[self.corpus]
        corpus = f"hub:{(given[self.dataset] or '').strip()}" if kind == DATASET else kind
        text = given[self.text] if kind == UPLOAD else ""
        return corpus, text, given[self.budget], given[self.preset], given[self.tokenizer] or ""

    def filled(self, request: Request) -> dict[Any, Any]:
        """Fill them with what was asked; a text of one's own is nowhere any more."""
        kind = DATASET if request.corpus.startswith("hub:") else request.corpus
        dataset = request.corpus.removeprefix("hub:") if kind == DATASET else ""
        return {
            self.corpus: kind,
            self.dataset: gr.update(value=dataset, visible=kind == DATASET),
            self.budget: request.max_tokens,
            self.preset: request.preset,
            self.tokenizer: request.tokenizer or "",
        }


def text_controls(prefix: str, limit: int) -> TextControls:
    """Lay the controls out.

    Args:
        prefix: of the elements' ids.
        limit: the largest budget.
    """
    with gr.Row(elem_classes=["asked", "text"]):
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
    with gr.Accordion("A model without its own tokenizer", open=False, elem_id=f"{prefix}-other-tokenizer"):
        tokenizer = gr.Textbox(
            label="Tokenizer",
            info="Id on the Hub of the one that the model was trained with; empty for the model's own",
            placeholder="owner/name",
            elem_id=f"{prefix}-tokenizer",
        )
    text = gr.State("", time_to_live=_UPLOAD_SECONDS)
    corpus.change(
        lambda kind: (gr.update(visible=kind == DATASET), gr.update(visible=kind == UPLOAD)),
        corpus,
        [dataset, own],
        queue=False,
        **QUIET,
    )
    upload.upload(take_upload, upload, [text, noted], queue=False, **QUIET)
    return TextControls(corpus, dataset, text, budget, preset, tokenizer)


def take_upload(path: str) -> tuple[str, str]:
    """Read an uploaded file into the visitor's session and remove it from the disk at once."""
    file = Path(path)
    try:
        text = read_upload(file.read_bytes())
    except CorpusError as fault:
        return "", message(fault.told(FrontEnd.PAGE))
    finally:
        file.unlink(missing_ok=True)
    count = len(documents(text))
    return text, message(f"{file.name}: {len(text):,} characters, {count:,} document{'s' * (count != 1)}.", "note")


class JobControls:
    """A button that starts, one that cancels, a status line, and below them the column of results.

    Args:
        verb: on the button that starts.
        prefix: of the elements' ids.
        result: id of the column, which the tab fills: ``with controls.result:``.
    """

    def __init__(self, verb: str, prefix: str, result: str) -> None:
        """Lay them out, the column hidden; within a ``gr.Tab``."""
        with gr.Row():
            self.start = gr.Button(verb, variant="primary", elem_id=f"{prefix}start", scale=0, min_width=160)
            self.stop = gr.Button(
                "Cancel", variant="stop", elem_id=f"{prefix}stop", scale=0, min_width=120, visible=False
            )
        self.status = gr.HTML(elem_id=f"{prefix}status", elem_classes="status")
        self.result = gr.Column(visible=False, elem_id=result)

    @property
    def outputs(self) -> list[gr.components.Component | gr.Column]:
        """What the updates below change."""
        return [self.status, self.start, self.stop, self.result]

    def when_pressed(self, work: Callable[..., Any], inputs: set[Any], outputs: Sequence[Any]) -> Any:
        """Let the first button start the work, and the second cancel it; return the event.

        The status comes into view when the work starts and what came of it when it ends, and the focus goes with them:
        the button cannot be pressed while it works, and would lose the focus to nothing.
        """
        status, result = self.status.elem_id, self.result.elem_id
        watch = f"(...inputs) => {{ window.nc_hf.watch('{status}'); return inputs; }}"
        started = self.start.click(work, inputs, [*outputs], js=watch, **SLOW)
        started.then(None, None, None, js=f"() => window.nc_hf.attend('{status}', '{result}')", **QUIET)
        self._cancel(started)
        return started

    def _cancel(self, job: Any) -> None:
        """Let the second button cancel the job that an event started."""
        cancelled = self.stop.click(
            lambda: _CANCELLED,
            None,
            [self.status, self.start, self.stop],
            cancels=[job],
            queue=False,
            **QUIET,
        )
        # A last step of the job that was on its way to the page may come after this: it would be shown, and disable the
        # button, for good.
        cancelled.then(_after_the_last_step, None, [self.status, self.start, self.stop], queue=False, **QUIET)

    def running(self, status: str) -> dict[Any, Any]:
        """Show how far it is, as HTML."""
        return self._shown(status, running=True, result=False)

    def done(self) -> dict[Any, Any]:
        """Show the result."""
        return self._shown("", running=False, result=True)

    def failed(self, why: str) -> dict[Any, Any]:
        """Show why there is no result."""
        return self._shown(message(why), running=False, result=False)

    def _shown(self, status: str, *, running: bool, result: bool) -> dict[Any, Any]:
        return {
            self.status: status,
            self.start: gr.update(interactive=not running),
            self.stop: gr.update(visible=running),
            self.result: gr.update(visible=result),
        }


async def _after_the_last_step() -> tuple[Any, ...]:
    await asyncio.sleep(_SETTLED_SECONDS)
    return _CANCELLED
