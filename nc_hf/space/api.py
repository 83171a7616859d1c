"""The actions by name, for ``gradio_client`` and as MCP tools: typed arguments, JSON answers.

What measures is imported when it is first needed (see `LazyService`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr

from nc_hf.errors import InputError
from nc_hf.report import Report, compare
from nc_hf.runtime.progress import Progress
from nc_hf.space.access import api_front_end, token
from nc_hf.space.exports import Figure, Form, as_png, as_text
from nc_hf.space.html import sentence
from nc_hf.space.lazy import LazyService
from nc_hf.space.queue import Jobs, Waiting
from nc_hf.space.settings import DEFAULT_TOKENS, check_texts
from nc_hf.space.upload import check_size

if TYPE_CHECKING:
    from nc_hf.space.store import StoredResult


class Api:
    """The named functions; each raises ``gr.Error`` with a sentence on what to do."""

    def __init__(self, service: LazyService) -> None:
        """Begin without a job."""
        self._service = service
        self._jobs = Jobs()

    def register(self) -> None:
        """Give every action its name, within a ``gr.Blocks``."""
        quick = {"concurrency_limit": 8, "concurrency_id": "quick"}
        slow = {"concurrency_limit": 16, "concurrency_id": "slow"}
        gr.api(self.suggest_models, api_name="suggest_models", **quick)
        gr.api(self.suggest_revisions, api_name="suggest_revisions", **quick)
        gr.api(self.measure, api_name="measure", **slow)
        gr.api(self.cancel, api_name="cancel", queue=False)
        gr.api(self.compare, api_name="compare", **slow)
        gr.api(self.results, api_name="results", **quick)
        gr.api(self.open_result, api_name="open_result", **quick)
        gr.api(self.figure, api_name="figure", **quick)
        gr.api(self.export, api_name="export", **quick)

    def suggest_models(self, text: str) -> list[str]:
        """Find causal language models on the Hub by a part of their name.

        Args:
            text: two or more letters of the name, such as "pythia".

        Returns:
            Up to eight ids.
        """
        with self._told_to_visitors(text=text):
            self._service.get()
            from nc_hf.space.request import suggest_models

            return suggest_models(text)

    def suggest_revisions(self, model: str) -> list[str]:
        """List the branches and tags of a model on the Hub, in the order of training.

        Args:
            model: id on the Hub, such as "EleutherAI/pythia-70m".

        Returns:
            Names of revisions.
        """
        with self._told_to_visitors(model=model):
            self._service.get()
            from nc_hf.space.request import suggest_revisions

            return suggest_revisions(model)

    def measure(
        self,
        model: str,
        revision: str = "",
        corpus: str = "tinystories",
        text: str = "",
        max_tokens: int = DEFAULT_TOKENS,
        preset: str = "core",
        tokenizer: str = "",
        job: str = "",
        whole: bool = False,
        layers: Literal["final", "all"] = "final",
        oauth_token: gr.OAuthToken | None = None,
        request: gr.Request | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Measure the neural collapse of a causal language model on a text.

        What was measured before is answered at once.

        Args:
            model: id on the Hub, such as "EleutherAI/pythia-70m", or the address of its page.
            revision: branch, tag or commit; empty for the default.
            corpus: "tinystories", "builtin", "hub:OWNER/NAME[:config][:split][:column]", or "upload" for a text.
            text: what to measure on where the corpus is "upload"; texts are parted by <|endoftext|>. It is not kept.
            max_tokens: tokens to read at the most, 1,000 or more.
            preset: "core", "paper" or "full".
            tokenizer: id on the Hub of the one to read the text with; empty for the model's own.
            job: an id of 16 or more random characters, by which `cancel` can end this; may stay empty.
            whole: answer as `open_result` does, also where nothing is kept to be opened.
            layers: "all" measures every layer with its errors, which `open_result` then has.
            oauth_token: the visitor's own, which Gradio adds.
            request: as it came, which Gradio adds.

        Returns:
            First progress, with stage, done, total, rate and seconds_left; at the end key, model, commit, corpus,
            tokens, classes, loss, verdict, and metrics with value and stderr.
        """
        with self._told_to_visitors(job=job), self._jobs.running(job) as running:
            service = self._service.get()
            asked = service.request(model, revision, corpus, text, max_tokens, preset, tokenizer, layers=layers)
            for step in service.run(asked, token(self._service.settings, oauth_token, request)):
                running.check()
                if isinstance(step, Waiting | Progress):
                    yield _step(step)
                else:
                    yield step.to_dict() if whole else step.summary()

    def cancel(self, job: str) -> bool:
        """Cancel a running measurement or comparison.

        Args:
            job: the id that `measure` or `compare` was called with.

        Returns:
            Whether a job with this id was under way.
        """
        with self._told_to_visitors(job=job):
            return self._jobs.cancel(job)

    def compare(
        self,
        models: list[str],
        corpus: str = "tinystories",
        max_tokens: int = DEFAULT_TOKENS,
        preset: str = "core",
        text: str = "",
        tokenizer: str = "",
        job: str = "",
        oauth_token: gr.OAuthToken | None = None,
        request: gr.Request | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Compare two to six models or revisions on the same text.

        Args:
            models: ids, each with its revision after an @ where one is meant, such as "EleutherAI/pythia-70m@step1000".
            corpus: "tinystories", "builtin", "hub:OWNER/NAME[:config][:split][:column]", or "upload" for a text.
            max_tokens: tokens to read at the most, 1,000 or more.
            preset: "core", "paper" or "full".
            text: what to measure on where the corpus is "upload"; texts are parted by <|endoftext|>. It is not kept.
            tokenizer: id on the Hub of the one to read the text with; empty for each model's own.
            job: an id of 16 or more random characters, by which `cancel` can end this; may stay empty.
            oauth_token: the visitor's own, which Gradio adds.
            request: as it came, which Gradio adds.

        Returns:
            First progress; at the end names, losses, bits_per_byte, metrics with values, differences and a foremost
            one, warnings of what makes them not comparable, and notes: which are of one model or leave no verdict.
        """
        with self._told_to_visitors(job=job), self._jobs.running(job) as running:
            reports = []
            service = self._service.get()
            for asked in service.requests(models, corpus, text, max_tokens, preset, tokenizer):
                for step in service.run(asked, token(self._service.settings, oauth_token, request)):
                    running.check()
                    if isinstance(step, Waiting | Progress):
                        yield {"model": asked.name, **_step(step)}
                    else:
                        reports.append(step.report)
            yield compare(reports).to_dict()

    def results(self, model: str = "") -> list[dict[str, Any]]:
        """List the results that are kept.

        Args:
            model: a part of the model's id; empty for all.

        Returns:
            The newest first: key, model, revision, commit, corpus, max_tokens, preset, tokenizer, loss, created.
        """
        with self._told_to_visitors(model=model):
            stored = self._service.get().store.all()
            found = [kept for kept in stored if model.lower() in kept.request.model.lower()]
            return [kept.summary() for kept in found]

    def open_result(self, key: str) -> dict[str, Any]:
        """Return a result that is kept.

        Args:
            key: as `results` or `measure` gave it.

        Returns:
            key, verdict and report.
        """
        with self._told_to_visitors(key=key):
            kept = self._kept(key)
            return self._service.get().read(kept, kept.request).to_dict()

    def figure(self, key: str, name: Figure = "variability") -> str:
        """Draw a result that is kept.

        Args:
            key: as `results` or `measure` gave it.
            name: "variability", "agreement" or "norms" and duality by token frequency, or "cosines" among tokens.

        Returns:
            A PNG as a data URL.
        """
        with self._told_to_visitors(key=key, name=name):
            drawn = as_png(self._kept(key).report, [name])
        return "data:image/png;base64," + base64.b64encode(drawn).decode()

    def export(self, key: str = "", form: Form = "markdown", report: str = "") -> str:
        """Return a result as a file to keep: what the page's download buttons give.

        Args:
            key: as `results` or `measure` gave it; empty where a report is passed.
            form: "markdown" for a model card, "csv" for one row of a table, or "json" as `nc-hf measure` writes it.
            report: a report as JSON text, for a result that is not kept.

        Returns:
            The content of the file.
        """
        with self._told_to_visitors(key=key, form=form, report=report):
            if bool(key) == bool(report):
                raise InputError("One result is exported: pass the key of a kept one, or a report.")
            return as_text(_read_report(report) if report else self._kept(key).report, form)

    @contextmanager
    def _told_to_visitors(self, **texts: object) -> Iterator[None]:
        """Turn whatever goes wrong into Gradio's error, with a sentence on what to do.

        Args:
            texts: arguments that must be texts; an annotation alone refuses no number or list.
        """
        try:
            check_texts(**texts)
            yield
        except Exception as fault:
            raise gr.Error(sentence(fault, api_front_end(self._service.settings)), print_exception=False) from fault

    def _kept(self, key: str) -> StoredResult:
        """Return a result.

        Raises:
            InputError: none is kept under this key.
        """
        kept = self._service.get().store.find(key)
        if kept is None:
            raise InputError("No result is kept under this key: ask `results` for the keys.")
        return kept


def _read_report(text: str) -> Report:
    """Read a report that a visitor passes.

    Raises:
        CorpusError: it is too long.
        FileError: it is none.
    """
    check_size("report", len(text.encode(errors="replace")))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    return Report.from_dict(document)


def _step(step: Waiting | Progress) -> dict[str, Any]:
    """Return how far a job is, as JSON."""
    if isinstance(step, Waiting):
        return {"stage": "waiting", "ahead": step.ahead, "seconds_left": step.seconds}
    counted = {"stage": step.stage, "done": step.done, "total": step.total}
    return {**counted, "rate": round(step.rate, 1), "seconds_left": step.remaining}
