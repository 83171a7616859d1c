"""What is read of a corpus: the texts, and a record of what was met on the way to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

REMEMBERED = 500_000
"""Different texts that are remembered to count repeated ones, some 50 MB; later ones are compared to these alone."""

MANY_REPEATED = 0.1


@dataclass
class ReadRecord:
    """What was read of a corpus; filled while it is.

    Attributes:
        files: that the split has, 0 where it is not kept in files.
        rows: rows, or parts of text files, that were met.
        documents: texts with words.
        unit: what a document is: a ``row``, a ``part`` of a text file between end-of-text marks, a ``file``, a
            ``story``; several with commas between.
        skipped: rows that have no text in the column where others do.
        empty: rows that are null or have no words.
        repeated: documents that had been met before, character by character.
        left_out: files beside the text that are not read: licences, read-mes, files of no split beside some of one.
        complete: whether all of the split was read; False where enough was found before its end.
        spread: True where less was measured than was read, in blocks spread over all of that; None where nothing had
            to be chosen, False in a report from before there was a choice.
    """

    files: int = 0
    rows: int = 0
    documents: int = 0
    unit: str = ""
    skipped: int = 0
    empty: int = 0
    repeated: int = 0
    left_out: list[str] = field(default_factory=list)
    complete: bool = False
    spread: bool | None = None

    def note_unit(self, unit: str) -> None:
        """Say that a document may be this, besides what was said before."""
        units = self.unit.split(", ") if self.unit else []
        if unit not in units:
            self.unit = ", ".join([*units, unit])

    @property
    def notable(self) -> bool:
        """Whether there is something that who measures has to know."""
        repeats = self.repeated > MANY_REPEATED * self.documents
        return bool(self.skipped or self.left_out or repeats)

    def __str__(self) -> str:
        """Tell it in one line.

        >>> print(ReadRecord(files=1, rows=9, documents=7, unit="row", empty=2, complete=True))
        7 documents (row) of 9 rows in 1 file: 2 empty
        """
        met = f" of {self.rows:,} row{'s' * (self.rows != 1)}" if self.rows != self.documents else ""
        files = f" in {self.files:,} file{'s' * (self.files != 1)}" if self.files else ""
        counts = {"without text, skipped": self.skipped, "empty": self.empty, "repeated": self.repeated}
        notes = [f"{count:,} {what}" for what, count in counts.items() if count]
        if not self.complete:
            notes.append("the rest was not read")
        notes += [f"left out {_some(self.left_out)}"] if self.left_out else []
        told = f"{self.documents:,} document{'s' * (self.documents != 1)} ({self.unit or 'text'}){met}{files}"
        return f"{told}: {', '.join(notes)}" if notes else told


@dataclass(frozen=True)
class Source:
    """Where the texts of a corpus come from.

    Attributes:
        split: that is read; "all" where the corpus is not divided.
        read: begins to read, and fills the record that it is given.
        files: as in `ReadRecord`.
        left_out: as in `ReadRecord`.
        streamed: whether it comes over a network, so that what is read is fetched.
    """

    split: str
    read: Callable[[ReadRecord], Iterator[str]]
    files: int = 0
    left_out: tuple[str, ...] = ()
    streamed: bool = False


class Texts:
    """The documents of a corpus: each iteration begins anew, with a record of its own.

    Attributes:
        record: of the last iteration, as far as it has come.
    """

    def __init__(self, source: Source, limit: int | None = None) -> None:
        """Read ``source``, of which ``limit`` documents at the most."""
        self.source, self.limit = source, limit
        self.record = ReadRecord()

    def __iter__(self) -> Iterator[str]:
        """Read from the beginning; texts without words are given too, since they count in a group of the paper."""
        record = self.record = ReadRecord(files=self.source.files, left_out=list(self.source.left_out))
        met: set[int] = set()
        given = 0
        for text in islice(self.source.read(record), self.limit):
            given += 1
            if not text or text.isspace():
                record.empty += 1
            else:
                record.documents += 1
                digest = hash(text)  # 64 bits, of this process
                record.repeated += digest in met
                if len(met) < REMEMBERED:
                    met.add(digest)
            yield text
        record.complete = self.limit is None or given < self.limit


def _some(names: list[str], most: int = 4) -> str:
    """Name the first of a list.

    >>> _some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
