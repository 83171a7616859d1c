"""The tab that measures one model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from nc_hf.errors import NCError
from nc_hf.report.html import html_circumstances, html_tokens
from nc_hf.report.token_card import html_token
from nc_hf.runtime.progress import Progress
from nc_hf.space.access import page_front_end, token
from nc_hf.space.controls import QUICK, QUIET, JobControls, text_controls
from nc_hf.space.exports import download_links
from nc_hf.space.html import message, metric_table, pictures, preview_line, progress, sentence, verdict_card
from nc_hf.space.lazy import LazyService
from nc_hf.space.links import address_box, asked_in, text_asked
from nc_hf.space.passing_on import html_passing_on
from nc_hf.space.proposal import Proposal
from nc_hf.space.queue import Waiting
from nc_hf.space.settings import ALL, FINAL, UPLOAD
from nc_hf.space.share import root_of
from nc_hf.space.start import chips, invitation

if TYPE_CHECKING:
    from nc_hf.report import Report
    from nc_hf.space.request import Request
    from nc_hf.space.service import Result, Service
    from nc_hf.space.store import StoredResult

# What stands behind # in the address, when it changes and when a result is shown.
_ASK_TOKEN = """const ask = () => { const asked = /^#token-(\\d+)$/.exec(location.hash);
  if (asked) { props.value = asked[1]; trigger('input'); window.nc_hf.card(asked[0].slice(1)); } };
window.addEventListener('hashchange', ask); window.addEventListener('nc-result', ask);"""
_TYPED = "() => document.querySelector('#model input').value"
_MOST_REVISIONS = 200


class MeasureTab:
    """Controls, progress and result."""

    def __init__(self, service: LazyService) -> None:
        """Lay the tab out and wire it; within a ``gr.Tab``."""
        self._service = service
        self._lay_out_controls()
        self._lay_out_result()
        self._wire()

    def _lay_out_controls(self) -> None:
        self.chips = gr.HTML(chips(), elem_id="chips")
        with gr.Accordion("Model and text", open=True, elem_id="form") as self.form:
            self._lay_out_form()
        self.about = gr.HTML(elem_id="about")
        self.job = JobControls("Measure", prefix="", result="result")
        # Filled once all above it stands, which it would show moving; its style hides it when something is asked.
        self.invitation = gr.HTML(elem_id="invitation")

    def _lay_out_form(self) -> None:
        with gr.Row(elem_classes=["asked", "model"]):
            self.model = gr.Dropdown(
                [],
                value=None,
                allow_custom_value=True,
                label="Model",
                elem_id="model",
                scale=3,
                min_width=260,
                info="Id on the Hub, or the address of its page",
            )
            self.revision = gr.Dropdown(
                [],
                value=None,
                allow_custom_value=True,
                label="Revision",
                elem_id="revision",
                scale=1,
                min_width=200,
                info="Branch, tag, commit; or empty",
            )
        self.text = text_controls("measure", self._service.settings.max_tokens)
        self.layers = gr.Checkbox(
            label="All layers (more time and memory)",
            container=False,
            elem_id="layers",
        )

    def _lay_out_result(self) -> None:
        with self.job.result:
            self.verdict = gr.HTML(elem_id="verdict")
            self.downloads = gr.HTML(elem_id="downloads")
            self.passing_on = gr.HTML(elem_id="passing-on")
            self.proposal = Proposal(self._service)
            self.pictures = gr.HTML(elem_id="pictures")
            self.token = gr.HTML(elem_id="token")
            self.metrics = gr.HTML(elem_id="metrics")
            self.tokens = gr.HTML(elem_id="tokens")
            self.circumstances = gr.HTML(elem_id="circumstances")
        self.link, self.typed = address_box(), gr.Textbox(visible=False)
        self.asked_token = gr.HTML(elem_id="asked-token", html_template="", js_on_load=_ASK_TOKEN)
        self.report = gr.State(None)

    @property
    def _shown(self) -> list[gr.components.Component | gr.Column]:
        return [
            *self.job.outputs, self.verdict, self.downloads, self.passing_on, *self.proposal.shown, self.pictures,
            self.token, self.metrics, self.tokens, self.circumstances, self.link, self.report,
        ]  # fmt: skip

    def _wire(self) -> None:
        # The key's own event would carry what had been typed when it was pressed; the box says what is typed now.
        self.model.key_up(self._suggest, self.typed, self.model, js=_TYPED, trigger_mode="always_last", **QUICK)
        self.revision.focus(self._revisions, self.model, self.revision, **QUICK)
        asked = {self.model, self.revision, self.layers, *self.text.inputs}
        changed = [self.model.change, self.revision.change, self.text.corpus.change, self.text.budget.change]
        gr.on(changed, self._preview, asked, self.about, trigger_mode="always_last", **QUICK)
        started = self.job.when_pressed(self._measure, asked, self._shown)
        started.then(self._figure, self.report, self.downloads, **QUICK)
        self.proposal.wire(self.report)
        self.asked_token.input(self._card, [self.report, self.asked_token], self.token, **QUICK)
        self.verdict.change(None, None, None, js="() => window.dispatchEvent(new Event('nc-result'))", **QUIET)

    def follow_links(self, page: gr.Blocks) -> None:
        """Fill the controls from a deep link, and show the result if it is kept."""
        controls = [self.model, self.revision, self.layers, *self.text.controls]
        page.load(self._invite, None, [self.chips, self.invitation], **QUICK)
        followed = page.load(self._follow, None, [*controls, self.form, *self._shown], **QUICK)
        followed.then(self._figure, self.report, self.downloads, **QUICK)

    def _invite(self) -> tuple[str, str]:
        kept = self._service.get().store.all()
        return chips(kept), invitation(kept)

    def _suggest(self, typed: str) -> Any:
        self._service.get()
        from nc_hf.space.request import suggest_models

        return gr.update(choices=suggest_models(typed))

    def _revisions(self, model: str | None) -> Any:
        self._service.get()
        from nc_hf.space.request import suggest_revisions

        return gr.update(choices=suggest_revisions(model or "")[-_MOST_REVISIONS:])

    def _preview(
        self, given: dict[Any, Any], oauth_token: gr.OAuthToken | None = None, came: gr.Request | None = None
    ) -> str:
        """Say what is known of the model before it is measured, or why it cannot be."""
        if not (given[self.model] or "").strip():
            return ""
        if given[self.text.corpus] == UPLOAD and not given[self.text.text]:
            given = {**given, self.text.corpus: "builtin"}  # still to be chosen; the model's size does not depend on it
        try:
            service = self._service.get()
            from nc_hf.space.preview import preview

            request = self._asked(service, given)
            return preview_line(preview(service, request, token(service.settings, oauth_token, came)))
        except NCError as fault:
            return message(sentence(fault, page_front_end(self._service.settings)), "note")

    def _measure(
        self, given: dict[Any, Any], oauth_token: gr.OAuthToken | None = None, came: gr.Request | None = None
    ) -> Iterator[dict[Any, Any]]:
        """Measure, and show every step."""
        try:
            service = self._service.get()
            request = self._asked(service, given)
            yield self.job.running(message("Asking the Hub which commit is meant …", "note"))
            for step in service.run(request, token(service.settings, oauth_token, came)):
                if isinstance(step, Waiting | Progress):
                    yield self.job.running(progress(step))
                else:
                    yield self._done(step, came)
        except Exception as fault:
            yield self._failed(sentence(fault, page_front_end(self._service.settings)))

    def _asked(self, service: Service, given: dict[Any, Any]) -> Request:
        """Check what the controls ask."""
        model, revision = given[self.model] or "", given[self.revision] or ""
        return service.request(model, revision, *self.text.asked(given), layers=ALL if given[self.layers] else FINAL)

    def _follow(self, page: gr.Request, oauth_token: gr.OAuthToken | None = None) -> dict[Any, Any]:
        asked = asked_in(page)
        if key := asked.get("result"):
            return self._open(key, page)
        if "model" not in asked:
            return {self.job.status: ""}
        try:
            request = self._service.get().request(
                asked["model"], asked.get("revision", ""), *text_asked(asked), layers=asked.get("layers", FINAL)
            )
            controls = self._filled(request)
        except NCError as fault:
            return self._failed(sentence(fault, page_front_end(self._service.settings)))
        try:
            result = self._service.get().find(request, token(self._service.settings, oauth_token, page))
        except Exception as fault:
            return controls | self._failed(sentence(fault, page_front_end(self._service.settings)))
        if result is not None:
            return controls | self._done(result, page) | {self.form: gr.update(open=False)}
        return controls | {self.job.status: message("This has not been measured yet: press Measure to begin.", "note")}

    def _open(self, key: str, page: gr.Request) -> dict[Any, Any]:
        """Show what is kept under a key, whatever its branch names by now; the address stays."""
        service = self._service.get()
        kept = service.store.find(key)
        if kept is None:
            return self._failed("No result is kept under this link: measure the model again.")
        return self._filled(kept.request) | self._done(service.read(kept, kept.request), page) | {self.link: ""}

    def _filled(self, request: Request) -> dict[Any, Any]:
        named = {self.model: request.model, self.revision: request.revision, self.layers: request.layers == ALL}
        return named | self.text.filled(request)

    def _failed(self, why: str) -> dict[Any, Any]:
        return {**self.job.failed(why), self.report: None}

    def _done(self, result: Result, came: gr.Request | None) -> dict[Any, Any]:
        report, kept = result.report, _as_kept(result)
        return {
            **self.job.done(),
            self.verdict: verdict_card(result),
            self.downloads: download_links(report, figure=False),
            self.passing_on: html_passing_on(kept, root_of(came.request)) if result.key and came else "",
            **self.proposal.offered(bool(result.key)),
            self.pictures: pictures(report, iter(self._service.get().store.like(kept))),
            self.token: "",
            self.metrics: metric_table(result),
            self.tokens: html_tokens(report),
            self.circumstances: html_circumstances(report),
            self.link: "" if result.request.corpus == UPLOAD else result.request.link,
            self.report: report,
        }

    def _card(self, report: Report | None, asked: str) -> str:
        """Return the card of a token, by the number that a click or a link names."""
        if report is None or not asked.isdecimal():
            return ""
        try:
            return html_token(report, int(asked))
        except NCError as fault:
            return message(sentence(fault, page_front_end(self._service.settings)), "note")

    def _figure(self, report: Any) -> str:
        return "" if report is None else download_links(report, figure=True)


def _as_kept(result: Result) -> StoredResult:
    from nc_hf.space.store import StoredResult

    return StoredResult(result.key, result.request, result.report)
