"""What a visitor asks to be measured, checked before anything is fetched, and the names to choose from while typing."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from huggingface_hub import HfApi

from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.corpus.spec import CorpusSpec
from nc_hf.errors import CorpusError, InputError, NCError
from nc_hf.hub import list_revisions, parse_reference
from nc_hf.hub.faults import hub_faults
from nc_hf.measurement.options import MeasureOptions
from nc_hf.metrics import PRESETS
from nc_hf.space.settings import ALL, DEFAULT_TOKENS, FINAL, MIN_TOKENS, UPLOAD, check_texts
from nc_hf.space.upload import check_size, documents

_SHOWN_BELOW = 10**15  # a number with more digits says no more to its reader, and may have no end
_DATASET_PAGE = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/([^/?#\s]+/[^/?#\s]+)\S*")
_SUGGESTED = 8
_SHORTEST = 2
_REMEMBERED_SECONDS = 300


@dataclass(frozen=True)
class Request:
    """What shall be measured.

    Attributes:
        model: id on the Hub, never a path.
        revision: branch, tag or commit; None for the default.
        corpus: ``tinystories``, ``builtin``, ``hub:...`` or ``upload``.
        max_tokens: tokens to read at the most.
        preset: ``core``, ``paper`` or ``full``.
        text: of the corpus ``upload``, else empty.
        tokenizer: id on the Hub, ``@`` and a revision where one is meant, never a path; None for the model's own.
        layers: ``final``, or ``all`` for every layer with its errors.
    """

    model: str
    revision: str | None = None
    corpus: str = "tinystories"
    max_tokens: int = DEFAULT_TOKENS
    preset: str = "core"
    text: str = field(default="", repr=False)
    tokenizer: str | None = None
    layers: str = FINAL

    @property
    def name(self) -> str:
        """The model, with its revision where one was named."""
        return f"{self.model}@{self.revision}" if self.revision else self.model

    @property
    def link(self) -> str:
        """The query of a deep link to this request; an upload has none."""
        entries = {"model": self.model, "revision": self.revision, "corpus": self.corpus, "tokens": self.max_tokens}
        entries |= {
            "preset": self.preset,
            "tokenizer": self.tokenizer,
            "layers": "" if self.layers == FINAL else self.layers,
        }
        return "?" + urlencode({key: str(value) for key, value in entries.items() if value})

    @property
    def options(self) -> MeasureOptions:
        """How to measure it, as far as a visitor decides; nothing that came over a network is a path."""
        options: MeasureOptions = {"preset": self.preset, "max_tokens": self.max_tokens, "untrained": True}
        if self.layers == ALL:
            options |= {"layers": ALL, "layer_errors": True}
        return {**options, "tokenizer": self.tokenizer, "allow_local": False}

    @property
    def repositories(self) -> list[tuple[str, str]]:
        """Kind and id of what its analysis fetches: the model, a tokenizer that is named, a data set of the Hub."""
        dataset = None if self.corpus == UPLOAD else CorpusSpec.parse(self.corpus).dataset
        tokenizer = parse_reference(self.tokenizer).id if self.tokenizer else None
        named = (("model", self.model), ("model", tokenizer), ("dataset", dataset))
        return [(kind, name) for kind, name in named if name]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without the text of an upload."""
        return {name: value for name, value in asdict(self).items() if name != "text"}

    def open(self, token: str | bool) -> Corpus:
        """Open the corpus: an upload is the text at hand, everything else has a name that is no path.

        Raises:
            CorpusError: it is missing, closed or holds no text.
            HubError: the Hub is out of reach.
        """
        if self.corpus == UPLOAD:
            return Corpus(UPLOAD, "all", documents(self.text))
        return open_corpus(self.corpus, allow_local=False, token=token)


def parse_request(
    model: str,
    revision: str,
    corpus: str,
    text: str,
    max_tokens: object,
    preset: str,
    tokenizer: str = "",
    *,
    limit: int,
    layers: str = FINAL,
) -> Request:
    """Check everything that can be checked without the Hub.

    Args:
        model: id, ``id@revision`` or a pasted address.
        revision: branch, tag or commit; empty for the default.
        corpus: a name, or the address of a data set's page.
        text: of the corpus ``upload``.
        max_tokens: budget.
        preset: name.
        tokenizer: id, ``id@revision`` or a pasted address; empty for the model's own.
        limit: the largest budget.
        layers: ``final`` or ``all``.

    Raises:
        InputError: the model, revision, budget or preset cannot be meant, or what should be a text is none.
        CorpusError: the corpus cannot be meant, or the text is empty or too long.
    """
    check_texts(
        model=model, revision=revision, corpus=corpus, text=text, preset=preset, tokenizer=tokenizer, layers=layers
    )
    if not model.strip():
        raise InputError("No model is named: write its id, such as EleutherAI/pythia-70m.")
    reference = parse_reference(model, revision.strip() or None, allow_local=False)
    if preset not in PRESETS:
        raise InputError(f"There is no preset {preset[:40]!r}: choose {', '.join(PRESETS)}.")
    if layers not in (FINAL, ALL):
        raise InputError(f"There are no layers {layers[:40]!r}: choose {FINAL} or {ALL}.")
    named = corpus_name(corpus)
    if named == UPLOAD:
        check_size("text", len(text.encode(errors="replace")))
        documents(text)
    elif text:
        raise InputError(
            f"A text comes with the corpus {named[:80]!r}: name the corpus {UPLOAD}, or leave the text out."
        )
    other = str(parse_reference(tokenizer)) if tokenizer.strip() else None
    return Request(reference.id, reference.revision, named, budget(max_tokens, limit), preset, text, other, layers)


def corpus_name(corpus: str) -> str:
    """Read the name of a corpus; a pasted page of a data set becomes ``hub:OWNER/NAME``.

    Raises:
        CorpusError: it names none.

    >>> corpus_name("https://huggingface.co/datasets/roneneldan/TinyStories/viewer")
    'hub:roneneldan/TinyStories'
    """
    corpus = corpus.strip()
    prefix, rest = ("hub:", corpus[4:].strip()) if corpus.startswith("hub:") else ("", corpus)
    if page := _DATASET_PAGE.fullmatch(rest):
        return f"hub:{page[1]}"
    if corpus != UPLOAD and CorpusSpec.parse(prefix + rest).kind == "path":
        raise CorpusError(
            f"{corpus[:80]!r} names no corpus: choose tinystories, builtin, a data set as hub:OWNER/NAME, or {UPLOAD}."
        )
    return prefix + rest


def budget(max_tokens: object, limit: int) -> int:
    """Return a token budget within the limits.

    Raises:
        InputError: it is no number, or beyond them.
    """
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int | float) or max_tokens != max_tokens:
        raise InputError(f"The token budget must be a number: write one from {MIN_TOKENS:,} to {limit:,}.")
    if not MIN_TOKENS <= max_tokens <= limit:
        given = f"A token budget of {max_tokens:,.0f}" if abs(max_tokens) < _SHOWN_BELOW else "That token budget"
        raise InputError(f"{given} is out of range: write one from {MIN_TOKENS:,} to {limit:,}.")
    return int(max_tokens)


def suggest_models(text: str) -> list[str]:
    """Return up to eight public models for what was typed; nothing while the Hub is out of reach."""
    text = text.strip().partition("@")[0]
    if not _SHORTEST <= len(text) <= 96 or "://" in text:
        return []
    try:
        return list(_search(text.lower(), int(monotonic() // _REMEMBERED_SECONDS)))
    except NCError:  # a suggestion is a convenience: what is wrong is said when the model is measured
        return []


def suggest_revisions(model: str) -> list[str]:
    """Return the branches and tags of a public model in the order of training; nothing where the Hub gives none.

    A model with hundreds of checkpoints gives all of them.
    """
    try:
        name = parse_reference(model).id
        return [revision.name for revision in list_revisions(name, token=False)]
    except NCError:
        return []


@lru_cache(maxsize=512)
def _search(text: str, period: int) -> tuple[str, ...]:
    """Ask the Hub; causal language models first, since others cannot be measured."""
    del period  # lets the answer grow old
    with hub_faults(text, token=False):
        found = HfApi(token=False).list_models(search=text, limit=3 * _SUGGESTED, sort="downloads")
        ids = [model.id for model in found if model.pipeline_tag in (None, "text-generation")]
    return tuple(ids[:_SUGGESTED])
