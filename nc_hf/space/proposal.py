"""The part of a result that proposes it to the model's repository: what would change first, then the pull request."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from nc_hf.errors import InputError
from nc_hf.space.access import page_front_end, token, visitors_log_in
from nc_hf.space.controls import QUICK
from nc_hf.space.html import message, sentence
from nc_hf.space.lazy import LazyService

if TYPE_CHECKING:
    from nc_hf.report.publishing import Publication


class Proposal:
    """Two buttons, of which the second stands below what it would do."""

    def __init__(self, service: LazyService) -> None:
        """Lay it out, all of it hidden; within the column of a result."""
        self._service = service
        self.ask = gr.Button("Propose to the model's repository", elem_id="propose", size="sm", visible=False, scale=0)
        self.said = gr.HTML(elem_id="proposed", visible=False)
        self.agree = gr.Button(
            "Open this pull request", variant="primary", elem_id="propose-it", visible=False, scale=0
        )

    @property
    def shown(self) -> list[gr.components.Component]:
        """What `offered` changes."""
        return [self.ask, self.said, self.agree]

    def wire(self, report: gr.State) -> None:
        """Let the buttons work on the report that is shown."""
        # What a program should do is `nc-hf publish`; a page has a person who looks at the change before it is made.
        self.ask.click(self._prepare, report, self.shown, **QUICK)
        self.agree.click(self._publish, report, self.shown, **QUICK)

    def offered(self, kept: bool) -> dict[Any, Any]:
        """Begin anew with another result.

        Args:
            kept: whether it is kept for everybody: what only one visitor may read is proposed to nobody.
        """
        may = kept and (visitors_log_in() or self._service.settings.own)
        return {self.ask: gr.update(visible=may), **self._after("", agreeing=False)}

    def _prepare(
        self, report: Any, oauth_token: gr.OAuthToken | None = None, came: gr.Request | None = None
    ) -> dict[Any, Any]:
        """Show what would change.

        Args:
            report: the one that is shown; of no named kind, for Gradio reads these hints when the page is made.
            oauth_token: of a visitor who has logged in.
            came: how the visitor came here.
        """
        try:
            return self._after(html_publication(self._worked_out(report, oauth_token, came)), agreeing=True)
        except Exception as fault:
            return self._failed(fault)

    def _publish(
        self, report: Any, oauth_token: gr.OAuthToken | None = None, came: gr.Request | None = None
    ) -> dict[Any, Any]:
        """Open the pull request, for the repository as it is now."""
        try:
            publication = self._worked_out(report, oauth_token, came)
            from nc_hf.report.publishing import publish

            address = publish(publication, token=token(self._service.settings, oauth_token, came))
        except Exception as fault:
            return self._failed(fault)
        link = escape(address, quote=True)
        done = f"<p class='message note' role='status'>Proposed: <a href='{link}' target='_blank'>{link}</a></p>"
        return {self.ask: gr.update(visible=False), **self._after(done, agreeing=False)}

    def _worked_out(self, report: Any, oauth_token: gr.OAuthToken | None, came: gr.Request | None) -> Publication:
        self._service.get()
        from nc_hf.report.publishing import check_token, prepare

        reader = token(self._service.settings, oauth_token, came)
        check_token(reader)
        if report is None:  # the page was open for so long that the server has forgotten what it shows
            raise InputError("The result is no longer at hand: open its link again.")
        return prepare(report, token=reader)

    def _failed(self, fault: Exception) -> dict[Any, Any]:
        return self._after(message(sentence(fault, page_front_end(self._service.settings))), agreeing=False)

    def _after(self, html: str, *, agreeing: bool) -> dict[Any, Any]:
        return {self.said: gr.update(value=html, visible=bool(html)), self.agree: gr.update(visible=agreeing)}


def html_publication(publication: Publication) -> str:
    """Return what a pull request would change: of the README its lines, of the report, which is long, its size."""
    from nc_hf.report.publishing import REPORT

    parts = [f"<p>A pull request to <b>{escape(publication.repository)}</b>: {escape(publication.title)}.</p>"]
    for change in publication.changes:
        if change.path == REPORT:
            what = "a new file" if change.before is None else "replaced"
            parts.append(f"<p><code>{change.path}</code>: {what}, {len(change.after.encode()):,} bytes</p>")
        else:
            # It comes from the repository; the frame scrolls, by the keyboard too.
            diff = f"<pre tabindex='0' role='region' aria-label='Change of {change.path}'>{escape(change.diff())}</pre>"
            parts.append(f"<details><summary><code>{change.path}</code></summary>{diff}</details>")
    return f"<div class='proposal' role='status'>{''.join(parts)}</div>"
