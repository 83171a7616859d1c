"""The texts of files and data sets, which are not ours, read in the cage: some at a time, with what was met on the way.

A small file may hold a text larger than memory, rows without end, or bytes that no reader was made for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from nc_hf.corpus.reading import ReadRecord
from nc_hf.errors import CorpusError
from nc_hf.errors.remedies import Remedy

if TYPE_CHECKING:
    from nc_hf.runtime.cage.frames import Answer

Read = Callable[[ReadRecord], Iterator[str]]

LONGEST_ROW = 1 << 24
"""Characters of a row, which may be a long book."""
LONGEST_DOCUMENT = 1 << 27
"""Characters of a document of a plain text file of this machine, where all between two marks is one: text8 has 10^8."""
_MOST_TEXTS, _MOST_CHARACTERS = 512, 1 << 20  # of what is read at once
_BYTES_OF_A_CHARACTER = 4
_SECONDS, _SECONDS_OF_A_NETWORK = 120.0, 600.0


@dataclass
class _Reading:
    """Texts on their way, in the cage."""

    texts: Iterator[str]
    record: ReadRecord
    where: str
    longest: int
    fault: BaseException | None = None  # to be raised when all that came before it was handed on
    done: bool = False


def caged(
    read: Read, where: str, *, longest: int = LONGEST_ROW, needs: Sequence[str] = (), network: bool = False
) -> Read:
    """Return a way to read the same texts, and to fill a record with the same counts, in the cage.

    Args:
        read: a function of a module, with arguments that can be pickled.
        where: what an error calls what is read.
        longest: characters of the longest text that is taken.
        needs: modules that reading imports.
        network: whether it comes over one.
    """
    return partial(_texts, read, where, longest, tuple(needs), network)


def _texts(
    read: Read, where: str, longest: int, needs: Sequence[str], network: bool, record: ReadRecord
) -> Iterator[str]:
    """Hand on the texts of an inmate.

    Raises:
        CorpusError: a text is too long, or they take more than the cage allows.
        NCError: as ``read`` raises it.
    """
    from nc_hf.runtime.cage import Inmate, Limits

    limits = Limits(
        wall_seconds=_SECONDS_OF_A_NETWORK if network else _SECONDS,
        answer_bytes=_BYTES_OF_A_CHARACTER * (longest + _MOST_CHARACTERS),
        network=network,
    )
    most = 1  # who reads the first text alone shall not wait for more
    with cage_faults(where), Inmate(limits, needs) as inmate:
        inmate.keep(begin, read, where, longest)
        while True:
            answer = inmate.ask(next_texts, most)
            yield from _handed_on(answer, record)
            if answer.value["done"]:
                return
            most = min(8 * most, _MOST_TEXTS)


@contextmanager
def cage_faults(where: str) -> Iterator[None]:
    """Say of what is read in the cage why it could not be.

    Raises:
        CorpusError: it could not.
    """
    from nc_hf.runtime.cage import CageError

    try:
        yield
    except CageError as error:
        raise CorpusError(f"{where} {error.happened}", Remedy.FOREIGN_TEXT) from error


def begin(read: Read, where: str, longest: int) -> _Reading:
    """Begin to read; for the cage."""
    record = ReadRecord()
    return _Reading(read(record), record, where, longest)


def next_texts(reading: _Reading, most: int) -> Answer:
    """Read some texts, and after each what was counted until then; for the cage.

    Raises:
        CorpusError: a text is too long.
        BaseException: as reading raises it, when all texts before were handed on.
    """
    import numpy as np

    from nc_hf.runtime.cage.frames import Answer

    if reading.fault is not None:
        raise reading.fault
    parts: list[bytes] = []
    counts, units = [_counts(reading.record)], []
    characters = 0
    try:
        while len(parts) < most and characters < _MOST_CHARACTERS and not reading.done:
            text = next(reading.texts, None)
            reading.done = text is None
            if text is not None:
                parts.append(_checked(text, reading).encode("utf-8", "surrogatepass"))
                characters += len(text)
            counts.append(_counts(reading.record))
            units.append(reading.record.unit)
    except BaseException as fault:
        if not parts:
            raise
        reading.fault = fault
    arrays = {
        "texts": np.frombuffer(b"".join(parts), np.uint8),
        "lengths": np.array([len(part) for part in parts], "<i8"),
        "counts": np.diff(np.array(counts, "<i8"), axis=0),
    }
    return Answer({"done": reading.done, "units": units}, arrays)


def _handed_on(answer: Answer, record: ReadRecord) -> Iterator[str]:
    """Yield the texts, counting before each what was met on the way to it."""
    content = answer.arrays["texts"].data
    places = pairwise(accumulate(answer.arrays["lengths"].tolist(), initial=0))
    for (rows, empty, skipped), unit in zip(answer.arrays["counts"].tolist(), answer.value["units"], strict=True):
        record.rows, record.empty, record.skipped = record.rows + rows, record.empty + empty, record.skipped + skipped
        record.unit = str(unit)
        place = next(places, None)
        if place is not None:
            yield str(content[place[0] : place[1]], "utf-8", "surrogatepass")


def _counts(record: ReadRecord) -> tuple[int, int, int]:
    return record.rows, record.empty, record.skipped


def _checked(text: Any, reading: _Reading) -> str:
    """Return a text that is none too long.

    Raises:
        CorpusError: it is.
    """
    if len(text) > reading.longest:
        raise CorpusError(
            f"{reading.where} has a text of {len(text):,} characters, of {reading.longest:,} that are read",
            Remedy.FOREIGN_TEXT,
        )
    return str(text)
