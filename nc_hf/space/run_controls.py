"""The buttons and the status line of a tab's work, and what they show while it runs and when it has ended."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from nc_hf.space.html import message

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
QUICK: dict[str, Any] = {**QUIET, "concurrency_id": "quick", "concurrency_limit": 8}
# The button is disabled while it works; "once" would also ignore the first press after a cancel.
SLOW: dict[str, Any] = {**QUIET, "concurrency_id": "slow", "concurrency_limit": 16, "trigger_mode": "multiple"}
_SETTLED_SECONDS = 1.5
_IDLE = (gr.update(interactive=True), gr.update(visible=False))
"""Of the buttons that start and cancel."""


class RunControls:
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
        self.status = gr.HTML(elem_id=f"{prefix}status")
        self.result = gr.Column(visible=False, elem_id=result)

    @property
    def outputs(self) -> list[gr.components.Component | gr.Column]:
        """What the updates below change."""
        return [self.status, self.start, self.stop, self.result]

    def cancel(self, work: Any) -> None:
        """Let the second button call off the work that an event started."""
        called_off = self.stop.click(
            lambda: (message("Cancelled.", "note"), *_IDLE),
            None,
            [self.status, self.start, self.stop],
            cancels=[work],
            queue=False,
            **QUIET,
        )
        # A last step of the work that was on its way to the page may come after this, and disable the button for good.
        called_off.then(_after_the_last_step, None, [self.start, self.stop], queue=False, **QUIET)

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
    return _IDLE
