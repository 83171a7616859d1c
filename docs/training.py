"""Write the table of docs/training.md from the situations that tests/situations try the callback in."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the situations in tests

from tests.situations.catalogue import by_area
from tests.situations.registry import Situation

DOCUMENT = Path(__file__).with_suffix(".md")
START, END = "<!-- situations: written by docs/training.py -->", "<!-- situations: end -->"


def outcome(situation: Situation) -> str:
    """Return what comes of a situation, in the words of the table."""
    return "warned, the values stay" if situation.kept else situation.outcome


def table() -> str:
    """Return every situation with its outcome, by area."""
    rows = ["| area | situation | outcome |", "|---|---|---|"]
    for area, situations in by_area().items():
        rows += [f"| {area} | {each.text} | {outcome(each)} |" for each in situations]
    return "\n".join(rows)


def renewed() -> str:
    """Return the text of the document with its table as the situations are now."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    """Renew the document."""
    DOCUMENT.write_text(renewed(), encoding="utf-8")
    print(f"docs/{DOCUMENT.name} is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
