"""What can be done about a fault, by kind, in the words of each front end: the one place where advice is worded.

An error and a caution carry the kind of their remedy, and whoever shows them asks here for the words. So nobody is told
of something that is not there: the command is told options, the page its controls (in double quotes), a program the
arguments of the API (in backticks).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum, auto


class FrontEnd(Enum):
    """Who is told: in Python, at the command line, on a page, or a program that calls the page's API or MCP tools."""

    PYTHON = auto()
    COMMAND = auto()
    PAGE = auto()
    """A page on which nobody can show who they are."""
    PAGE_WITH_LOGIN = auto()
    PAGE_OF_OWNER = auto()
    """On one's own machine and for it alone: the Hub gets the owner's token."""
    API = auto()
    API_WITH_LOGIN = auto()
    API_OF_OWNER = auto()


class Remedy(StrEnum):
    """Kinds of advice; what stands in braces in their words is given with the fault."""

    GATED = auto()  # page, sent
    PRIVATE = auto()  # sent
    GATED_DATA_SET = auto()  # sent
    NEW_TOKEN = auto()  # page
    WRITER = auto()
    PULL_REQUEST = auto()
    RATE = auto()  # pause
    CONNECTION = auto()
    ENDPOINT = auto()
    OFFLINE = auto()
    DISK = auto()
    MEMORY = auto()
    SIZE_LIMIT = auto()
    BATCH_MEMORY = auto()
    STATISTICS_MEMORY = auto()
    FINAL_LAYER = auto()
    UNTRAINED_MEMORY = auto()
    INSTALL = auto()  # package
    UPDATE = auto()
    SAFETENSORS = auto()
    SAVE_ANEW = auto()
    SUB_FOLDER = auto()  # name, folder
    FLOAT32 = auto()
    LEFT_TO_RIGHT = auto()
    MORE_CLASSES = auto()
    TOKENIZER = auto()
    END_OF_TEXT = auto()
    LONGER_TEXT = auto()
    COLUMN = auto()
    CONFIGURATION = auto()  # dataset
    ONE_VERSION = auto()  # dataset, file
    HIDDEN_DATA_SET = auto()
    OWN_TEXT = auto()
    PLAIN_TEXT = auto()
    MORE_TEXT = auto()
    MEDIAN = auto()
    FOREIGN = auto()
    FOREIGN_TEXT = auto()


_GENERAL = {
    FrontEnd.PAGE_WITH_LOGIN: FrontEnd.PAGE,
    FrontEnd.PAGE_OF_OWNER: FrontEnd.PAGE,
    FrontEnd.API_WITH_LOGIN: FrontEnd.API,
    FrontEnd.API_OF_OWNER: FrontEnd.API,
}
_OWN_MACHINE = "measure it with nc-hf on your own machine, with your token"
_WAY_IN = {
    FrontEnd.PYTHON: "set HF_TOKEN or run `hf auth login`, or pass a token",
    FrontEnd.COMMAND: "set HF_TOKEN or run `hf auth login`",
    FrontEnd.PAGE: _OWN_MACHINE,
    FrontEnd.PAGE_WITH_LOGIN: "log in",
    FrontEnd.PAGE_OF_OWNER: "run `hf auth login` on this machine and try again",
    FrontEnd.API: _OWN_MACHINE,
    FrontEnd.API_WITH_LOGIN: "ask on the page, where visitors log in",
    FrontEnd.API_OF_OWNER: "run `hf auth login` on the page's machine and try again",
}
"""For whom no token was sent; whoever sent one needs that of another account."""
_OTHER_ACCOUNT = "use a token of an account with access"
_OTHER_LOGIN = "log in with an account that has access"


def words(remedy: Remedy, front_end: FrontEnd, **named: object) -> str:
    """Return what to do, to be set after the fault and a colon.

    Args:
        remedy: of what kind.
        front_end: who is told.
        **named: what the words take up of the fault; ``sent`` is whether the Hub was shown a token.
    """
    row = _WORDS[remedy]
    text = row[front_end] if front_end in row else row[_GENERAL[front_end]]
    way_in = _WAY_IN[front_end]
    if named.get("sent"):
        way_in = _OTHER_LOGIN if front_end is FrontEnd.PAGE_WITH_LOGIN else _OTHER_ACCOUNT
    return text.format(**{"way_in": way_in, **named})


def _row(python: str, command: str, page: str, api: str, **others: str) -> dict[FrontEnd, str]:
    """Word one remedy; ``others`` by the names of front ends that differ from their general one."""
    general = {FrontEnd.PYTHON: python, FrontEnd.COMMAND: command, FrontEnd.PAGE: page, FrontEnd.API: api}
    return general | {FrontEnd[name.upper()]: text for name, text in others.items()}


def _of_owner(own: str, visitors: str, page_of_owner: str = "") -> dict[FrontEnd, str]:
    """Word a remedy that whoever runs the program has, and visitors of a page have not."""
    of_page = page_of_owner or own
    return _row(own, own, visitors, visitors, page_of_owner=of_page, api_of_owner=of_page)


def _same(text: str) -> dict[FrontEnd, str]:
    return _row(text, text, text, text)


_ACCESS = "accept its conditions on {page}, then {way_in}"
_PRIVATE_ELSEWHERE = "check the id; what is private is read by nc-hf on the machine of whoever may read it"
_LATER = "try again in a few minutes"
_ANOTHER_REVISION = "choose another model or revision"
_SMALLER = "choose a smaller model"
_ONE_LAYER = "measure the final layer alone, not all layers"
_SAVED = "load it where you trust it, save_pretrained() it, which writes safetensors, and name the result"
_CONVERTED = "choose another one, or the revision that https://huggingface.co/spaces/safetensors/convert makes of it"
_PRIVATE = "check the id or, if private, {way_in}"

_WORDS: Mapping[Remedy, Mapping[FrontEnd, str]] = {
    Remedy.GATED: _same(_ACCESS),
    Remedy.PRIVATE: _of_owner(_PRIVATE, _PRIVATE_ELSEWHERE),
    Remedy.GATED_DATA_SET: _of_owner(
        "check its name or, if it is private or gated, accept its conditions and {way_in}",
        "check its name or, if it is gated, accept its conditions and {way_in}",
    ),
    Remedy.NEW_TOKEN: _of_owner("make a new one at {page}", _OWN_MACHINE)
    | {FrontEnd.PAGE_WITH_LOGIN: "log out and log in again"},
    Remedy.WRITER: _of_owner(
        "set HF_TOKEN or run `hf auth login`",
        "run `nc-hf publish` on your own machine",
        "run `hf auth login` on this machine and try again",
    )
    | {FrontEnd.PAGE_WITH_LOGIN: "log in"},
    Remedy.PULL_REQUEST: _of_owner(
        "use a token with write access, or ask the owner to allow pull requests",
        "ask the owner to allow pull requests, or run `nc-hf publish` on your own machine",
    ),
    Remedy.RATE: _of_owner("wait {pause}, or use a token of the Hub for more, and try again", "wait {pause}")
    | {FrontEnd.PAGE_WITH_LOGIN: "wait {pause}, or log in for more, and try again"},
    Remedy.CONNECTION: _of_owner(
        "check the network and HF_ENDPOINT, then try again, or set HF_HUB_OFFLINE=1 to use what is in the cache", _LATER
    ),
    Remedy.ENDPOINT: _of_owner("check HF_ENDPOINT, then try again later", _LATER),
    Remedy.OFFLINE: _of_owner(
        "unset HF_HUB_OFFLINE and try again",
        "choose a model that is in it",
        "start the page without HF_HUB_OFFLINE, or choose a model that is in it",
    ),
    Remedy.DISK: _of_owner("free some, or set HF_HOME to a larger disk", f"{_SMALLER}, or try again later"),
    Remedy.MEMORY: _row(
        "choose a smaller model, a narrower dtype or a larger machine",
        "choose a smaller model, a narrower --dtype or a larger machine",
        _SMALLER,
        _SMALLER,
    ),
    Remedy.SIZE_LIMIT: _row(
        "choose a smaller model or raise max_bytes",
        _SMALLER,
        f"{_SMALLER}, or measure this one with nc-hf on your own machine",
        f"{_SMALLER}, or measure this one with nc-hf on your own machine",
        page_of_owner=f"{_SMALLER}, or start the page with a larger NC_HF_SPACE_MAX_BYTES",
        api_of_owner=f"{_SMALLER}, or start the page with a larger NC_HF_SPACE_MAX_BYTES",
    ),
    Remedy.BATCH_MEMORY: _row(
        "pass a smaller batch_size or block_size", "give a smaller --batch-size or --block-size", _SMALLER, _SMALLER
    ),
    Remedy.STATISTICS_MEMORY: _row(
        "measure the final layer alone, without layer_errors, with fewer agreement_tokens, or on the device cpu",
        "measure the final layer alone, without --layer-errors, with fewer --agreement-tokens, or with --device cpu",
        f"{_ONE_LAYER}, or {_SMALLER}",
        f"{_ONE_LAYER}, or {_SMALLER}",
    ),
    Remedy.FINAL_LAYER: _row("use layers='final'", "leave out --layers all", _ONE_LAYER, _ONE_LAYER),
    Remedy.UNTRAINED_MEMORY: _row(
        "leave untrained out, or use the device cpu", "leave --untrained out, or give --device cpu", _SMALLER, _SMALLER
    ),
    Remedy.INSTALL: _of_owner(
        "pip install {package}",
        "choose another one, since this page was installed without it",
        "pip install {package}, and start the page again",
    ),
    Remedy.UPDATE: _of_owner(
        "update transformers, or name another model",
        "choose another model",
        "update transformers and start the page again, or choose another model",
    ),
    Remedy.SAFETENSORS: _row(_SAVED, _SAVED, _CONVERTED, _CONVERTED),
    Remedy.SAVE_ANEW: _of_owner("fetch it or save it anew, or name another one", _ANOTHER_REVISION, _ANOTHER_REVISION),
    Remedy.SUB_FOLDER: _row(
        "fetch one, as by `hf download {name} --include '{folder}/*' --local-dir .`, and name its path",
        "fetch one, as by `hf download {name} --include '{folder}/*' --local-dir .`, and name its path",
        "choose a repository with one model at its top, or fetch a folder and measure it with nc-hf",
        "choose a repository with one model at its top, or fetch a folder and measure it with nc-hf",
    ),
    Remedy.FLOAT32: _row(
        "load it with dtype='float32', or name another one",
        "give --dtype float32, or name another one",
        _ANOTHER_REVISION,
        _ANOTHER_REVISION,
    ),
    Remedy.LEFT_TO_RIGHT: _row(
        "use a model that reads from left to right, or listen to a Trainer whose batches tell how they are read "
        "(token_type_ids)",
        "name a model that reads from left to right",
        "choose a model that reads from left to right",
        "choose a model that reads from left to right",
    ),
    Remedy.MORE_CLASSES: _row(
        "pass a smaller share as classes, or more text",
        "give a smaller share as --classes, or more text",
        "choose a longer text",
        "pass a longer `text`, or another `corpus`",
    ),
    Remedy.TOKENIZER: _row(
        "pass the one that the model was trained with as tokenizer=... (in a Trainer, its processing_class)",
        "name the one that the model was trained with, by --tokenizer",
        'name the one that the model was trained with under "Tokenizer"',
        "pass the id of the one that the model was trained with as `tokenizer`",
    ),
    Remedy.END_OF_TEXT: _row(
        "set tokenizer.eos_token to the one that its model was trained with, or use packing='paper', which puts none",
        "name one that has it by --tokenizer, or give --packing paper, which puts none",
        'name one that has it under "Tokenizer"',
        "pass the id of one that has it as `tokenizer`",
    ),
    Remedy.LONGER_TEXT: _row(
        "give more text or a smaller block_size",
        "give more text or a smaller --block-size",
        "choose a longer text",
        "pass a longer `text`, or another `corpus`",
    ),
    Remedy.COLUMN: _row(
        "name the one with the text, as in file:PATH::COLUMN or hub:ID:::COLUMN",
        "name the one with the text, as in file:PATH::COLUMN or hub:ID:::COLUMN",
        'write the one with the text behind the name under "Data set", as in OWNER/NAME:::COLUMN',
        "name the one with the text in `corpus`, as in hub:OWNER/NAME:::COLUMN",
    ),
    Remedy.CONFIGURATION: _row(
        "name a configuration that it has, as in hub:{dataset}:CONFIG, or another data set",
        "name a configuration that it has, as in hub:{dataset}:CONFIG, or another data set",
        'write a configuration that it has behind the name under "Data set", as in {dataset}:CONFIG, or choose another',
        "name a configuration that it has in `corpus`, as in hub:{dataset}:CONFIG, or another data set",
    ),
    Remedy.ONE_VERSION: _of_owner(
        "fetch one, as by `hf download --repo-type dataset {dataset} {file} --local-dir .`, and name its path",
        "choose another data set",
        "choose another data set",
    ),
    Remedy.HIDDEN_DATA_SET: _of_owner(
        "work in another folder", "choose another data set", "start the page in another folder"
    ),
    Remedy.OWN_TEXT: _row(
        "name a corpus of the kind that the model was trained on",
        "name a --corpus of the kind that the model was trained on",
        "choose a text of the kind that the model was trained on",
        "name a `corpus` of the kind that the model was trained on",
    ),
    Remedy.PLAIN_TEXT: _row(
        "name a corpus that does not repeat itself",
        "name a --corpus that does not repeat itself",
        "choose a text that does not repeat itself",
        "name a `corpus` that does not repeat itself",
    ),
    Remedy.MORE_TEXT: _row(
        "raise max_tokens, or name a longer corpus",
        "raise --max-tokens, or name a longer --corpus",
        'raise the "Token budget", or choose a longer text',
        "raise `max_tokens`, or name a longer `corpus`",
    ),
    Remedy.MEDIAN: _same("go by nc1_cdnv_median"),
    Remedy.FOREIGN: _row(
        "name another one or, if you trust it, load it yourself and pass the object",
        "name another one or, if you trust it, load it in Python and pass the object to nc_hf.measure()",
        _ANOTHER_REVISION,
        _ANOTHER_REVISION,
    ),
    Remedy.FOREIGN_TEXT: _row(
        "write it anew in shorter rows or documents, or name another corpus",
        "write it anew in shorter rows or documents, or name another --corpus",
        "choose another text",
        "name another `corpus`",
    ),
}
