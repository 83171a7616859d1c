"""Which files of a folder are its text, and which of them a split.

A folder often holds more than one text: the splits, of one split two versions, and licences or lists beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from nc_hf.corpus.compression import uncompressed_name
from nc_hf.errors import CorpusError
from nc_hf.errors.remedies import Remedy

ALL = "all"
"""The split of a corpus that is not divided."""

SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
"""What the names of splits mean."""

_SPLIT_NAME = re.compile(r"(?:^|(?<=[^a-z0-9]))(train|validation|valid|val|test)(?=$|[^a-z0-9])")
# A part of a text in several files: -00000-of-00002, with what `datasets` puts behind, or -3, _part2, .shard-1.
_PART = re.compile(r"[-_.](?:part|shard|chunk|split)?[-_.]?(?P<number>\d+)(?P<of>[-_.]of[-_.]\d+)?(?:-[0-9a-f]{8,})?$")
_NOTICE = re.compile(
    r"(licen[cs]e|requirements|readme)s?([-_.].*)?"
    r"|copying|notices?|change_?log|authors|contribut(ing|ors)|citation|manifest|codeowners|dataset_infos?|metadata"
)


def split_of(name: str) -> str | None:
    """Return the split that a file's name says, None if it says none.

    >>> split_of("TinyStoriesV2-GPT4-valid.txt"), split_of("latest.txt")
    ('validation', None)
    """
    found = _SPLIT_NAME.search(_stem(name))
    return SPLITS[found[1]] if found else None


def is_notice(name: str) -> bool:
    """Tell whether a file is about the text rather than of it, such as a licence or a list of requirements.

    >>> [is_notice(name) for name in ("LICENSE.txt", "README-en.txt", "requirements_dev.txt", "the_licence.txt")]
    [True, True, True, False]
    """
    return _NOTICE.fullmatch(_stem(name)) is not None


def choose_split(split: str, names: Iterable[str], where: str) -> str:
    """Return the name among ``names`` that means ``split``: itself, or another spelling (val, valid, validation).

    Raises:
        CorpusError: if there is none.
    """
    offered = list(names)
    for name in offered:
        if name == split or SPLITS.get(name, name) == SPLITS.get(split, split):
            return name
    raise CorpusError(f"{where!r} has no split {split!r}: choose one of {', '.join(sorted(offered))}.")


def check_versions(
    names: Iterable[str], split: str | None, where: str, advice: Callable[[str, str | None], str] | None = None
) -> None:
    """Refuse files of which one is another version of another: two would be read where one is meant.

    The files of one split are its parts if their names differ by the number of the part alone; otherwise, or where two
    have one number, they are versions of it. Where nothing is divided, files are versions that differ by their kind
    alone, such as a.txt and a.txt.gz.

    Args:
        names: of the files, without folders.
        split: which all of them are of; None where nothing is divided.
        where: what an error calls the place.
        advice: says what to do, from the name of one of the files and a pattern that means its version in every split,
            None where nothing is divided; default: what is done about a data set of the Hub, which ``where`` names.

    Raises:
        CorpusError: there are two versions; it names a file of each.
    """
    met: dict[str, tuple[str, str]] = {}  # text and name by the number of the part
    for name in names:
        text, number = _text_and_part(name) if split else ("", _stem(name))
        others = [other for its_number, (its_text, other) in met.items() if its_number == number or its_text != text]
        if others:
            of = f" of the split {split!r}" if split else ""
            fault = f"{where!r} has two versions{of}, {others[0]} and {name}"
            if advice is None:
                raise CorpusError(fault, Remedy.ONE_VERSION, dataset=where.removeprefix("hub:"), file=others[0])
            raise CorpusError(f"{fault}: {advice(others[0], _pattern(others[0]))}.")
        met[number] = text, name


def _text_and_part(name: str) -> tuple[str, str]:
    """Return which text a file is of, and the number of its part, empty if it is all of it.

    >>> _text_and_part("train-00000-of-00002.jsonl"), _text_and_part("train-v2.txt")
    (('train-of-00002', '00000'), ('train-v2', ''))
    """
    stem = _stem(name)
    part = _PART.search(stem)
    return (stem[: part.start()] + (part["of"] or ""), part["number"]) if part else (stem, "")


def _pattern(name: str) -> str | None:
    """Return a pattern for the files of a version, in all its splits and parts.

    >>> _pattern("TinyStories-valid.txt"), _pattern("train-00000-of-00002.jsonl.gz")
    ('TinyStories-*.txt', '*.jsonl.gz')
    """
    stem = name[: len(_stem(name))]
    found = _SPLIT_NAME.search(stem.lower())
    if not found:
        return None
    after = stem[found.end() :]
    part = _PART.search(after)
    return f"{stem[: found.start()]}*{after[: part.start()] if part else after}{name[len(stem) :]}"


def _stem(name: str) -> str:
    """Return a name in small letters, without the suffixes of its kind and compression."""
    return uncompressed_name(name)[0].rpartition(".")[0].lower()
