"""The tab that follows a model over its revisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from nc_hf.report.charts import course_chart
from nc_hf.report.html.charts import html_chart
from nc_hf.report.trajectory import Trajectory
from nc_hf.space.access import page_front_end, token
from nc_hf.space.controls import QUICK, JobControls, text_controls
from nc_hf.space.course_html import course_notes, course_progress, revision_values
from nc_hf.space.exports import course_links
from nc_hf.space.html import message, sentence
from nc_hf.space.lazy import LazyService
from nc_hf.space.links import address_box, asked_in, course_link, text_asked
from nc_hf.space.settings import MAX_REVISIONS, UPLOAD

_LIVE = {**QUICK, "trigger_mode": "always_last"}


class CourseTab:
    """Controls, progress, charts against the step of training, and the values of one revision."""

    def __init__(self, service: LazyService, tabs: gr.Tabs) -> None:
        """Lay the tab out and wire it; within a ``gr.Tab`` of ``tabs``, which a link switches."""
        self._service, self._tabs = service, tabs
        with gr.Row():
            self.model = gr.Textbox(
                label="Model", info="Id on the Hub, or the address of its page", elem_id="course-model",
                placeholder="EleutherAI/pythia-70m", scale=3, min_width=260,
            )  # fmt: skip
            self.revisions = gr.Textbox(
                "step*", label="Revisions", info="all, a pattern, or names with commas between",
                elem_id="course-revisions", scale=2, min_width=200,
            )  # fmt: skip
            self.every = gr.Number(
                1, label="Every", precision=0, minimum=1, elem_id="course-every", min_width=120,
                info=f"n-th of them, {MAX_REVISIONS} at the most",
            )  # fmt: skip
        self.text = text_controls("course", service.settings.max_tokens)
        self.job = JobControls("Follow", prefix="course-", result="course-result")
        with self.job.result:
            self.downloads = gr.HTML(elem_id="course-downloads")
            self.notes = gr.HTML(elem_id="course-notes")
            self.charts = gr.HTML(elem_id="course-charts")
            self.place = gr.Slider(1, 2, 1, step=1, label="Revision", elem_id="course-place", buttons=[])
            self.values = gr.HTML(elem_id="course-values")
        self.course = gr.State(None)
        self.link = address_box()
        self._wire()

    @property
    def _shown(self) -> list[gr.components.Component | gr.Column]:
        return [
            *self.job.outputs, self.downloads, self.notes, self.charts, self.place, self.values, self.course, self.link,
        ]  # fmt: skip

    def _wire(self) -> None:
        asked = {self.model, self.revisions, self.every, *self.text.inputs}
        self.job.when_pressed(self._follow, asked, self._shown)
        self.place.input(self._look, [self.course, self.place], self.values, **_LIVE)

    def follow_links(self, page: gr.Blocks) -> None:
        """Go to the course that a link asks for, and show it if all its results are kept."""
        controls = [self.model, self.revisions, self.every, *self.text.controls]
        page.load(self._open, None, [self._tabs, *controls, *self._shown], **QUICK)

    def _follow(
        self, given: dict[Any, Any], oauth_token: gr.OAuthToken | None = None, came: gr.Request | None = None
    ) -> Iterator[dict[Any, Any]]:
        """Measure one revision after another, and show every step."""
        try:
            service = self._service.get()
            from nc_hf.space.course import course_requests, run_course

            reader = token(service.settings, oauth_token, came)
            asked = service.request(given[self.model] or "", "", *self.text.asked(given))
            revisions, every = given[self.revisions], given[self.every]
            yield self.job.running(message("Asking the Hub for the revisions …", "note"))
            requests = course_requests(asked, revisions, every, reader)
            for step in run_course(service, requests, reader):
                if isinstance(step, Trajectory):
                    link = "" if asked.corpus == UPLOAD else course_link(asked, revisions, int(every or 1))
                    yield self._done(step, link)
                else:
                    number, progress = step
                    name = requests[number - 1].name
                    yield self.job.running(course_progress(number, len(requests), name, progress))
        except Exception as fault:
            yield self.job.failed(sentence(fault, page_front_end(self._service.settings)))

    def _open(self, page: gr.Request, oauth_token: gr.OAuthToken | None = None) -> dict[Any, Any]:
        asked = asked_in(page)
        if "course" not in asked:
            return {self.link: ""}
        service = self._service.get()
        from nc_hf.space.course import course_requests, kept_course

        here: dict[Any, Any] = {self._tabs: gr.Tabs(selected="course")}
        revisions, every = asked.get("revisions", "all"), asked.get("every", "")
        reader = token(service.settings, oauth_token, page)
        step = int(every) if every.isdecimal() else 1
        try:
            request = service.request(asked["course"], "", *text_asked(asked))
            here |= {self.model: request.model, self.revisions: revisions, self.every: step}
            here |= self.text.filled(request)
            found = kept_course(service, course_requests(request, revisions, step, reader), reader)
        except Exception as fault:
            return here | self.job.failed(sentence(fault, page_front_end(service.settings)))
        if found is None:
            return here | {self.job.status: message("Not all of it is measured yet: press Follow to begin.", "note")}
        return here | self._done(found, course_link(request, revisions, step))

    def _done(self, course: Trajectory, link: str) -> dict[Any, Any]:
        last = len(course.points)
        return {
            **self.job.done(),
            self.downloads: course_links(course),
            self.notes: f"<h2>Course</h2>{course_notes(course)}",
            self.charts: html_chart(course_chart(course)),
            self.place: gr.update(maximum=max(2, last), value=last, visible=last > 1),
            self.values: revision_values(course, last - 1),
            self.course: course,
            self.link: link,
        }

    def _look(self, course: Trajectory | None, place: float) -> Any:
        return gr.update() if course is None else revision_values(course, int(place) - 1)
