"""YAML front matter as text: a name or an item added in its place, every other character as it was."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import yaml

AS_GIVEN: dict[str, Any] = {"sort_keys": False, "allow_unicode": True}
"""How values are written, for ``yaml.safe_dump``."""

Pair = tuple[yaml.Node, yaml.Node]


@dataclass(frozen=True)
class FrontMatter:
    """The YAML at the head of a Markdown file, edited as text, so that all but the edit stays to the character.

    A result may be another document than was meant, where YAML is written in unusual ways: the caller reads it back.

    Attributes:
        text: the lines between the two of three hyphens, the end of the last line included.
        newline: how its lines end.
    """

    text: str
    newline: str

    @property
    def outermost(self) -> yaml.MappingNode | None:
        """The mapping of everything; None if there is nothing yet."""
        root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        return root if isinstance(root, yaml.MappingNode) else None

    def with_outermost_name(self, added: dict[str, Any]) -> str:
        """Add a name and its value at the end."""
        mapping = self.outermost
        if mapping is None:
            return self.text + self._lines(added, 0)
        return self._with_name(mapping, added, len(self.text.splitlines()))

    def with_name(self, mapping: yaml.MappingNode, added: dict[str, Any]) -> str:
        """Add a name and its value at the end of a mapping."""
        return self._with_name(mapping, added, None)

    def with_item(self, owner: yaml.MappingNode, pair: Pair, item: dict[str, Any]) -> str:
        """Add an item at the end of the list that stands under a name."""
        key, items = pair
        start, end = items.start_mark, items.end_mark
        if items.value and isinstance(items, yaml.SequenceNode):
            if items.flow_style:
                return self._within(items, _in_one_line(item))
            return self._exchanged(None, self._end(items, start.column), self._lines([item], start.column))
        if owner.flow_style:
            return f"{self.text[: start.index].rstrip()} {_in_one_line([item])}{self.text[end.index :]}"
        # What stands for an empty list goes, a comment behind it stays, and the items follow on lines of their own.
        rest, ending, below = self.text[end.index :].partition(self.newline)
        line = (self.text[: start.index] + rest).rstrip()
        return line + ending + self._lines([item], key.start_mark.column) + below

    def with_other(self, items: Any, place: int, item: dict[str, Any]) -> str:
        """Exchange an item of a list."""
        old, column = items.value[place], items.start_mark.column
        if items.flow_style:
            return self.text[: old.start_mark.index] + _in_one_line(item) + self.text[old.end_mark.index :]
        start, lines = old.start_mark.line, self.text.splitlines()
        while start and lines[start][: column + 1].strip() != "-":
            start -= 1
        return self._exchanged(start, self._end(old, len(self.text)), self._lines([item], column))

    def _with_name(self, mapping: yaml.MappingNode, added: dict[str, Any], end: int | None) -> str:
        if mapping.flow_style:
            return self._within(mapping, _in_one_line(added)[1:-1])
        column = mapping.value[0][0].start_mark.column
        return self._exchanged(None, end or self._end(mapping, column - 1), self._lines(added, column))

    def _end(self, node: Any, column: int) -> int:
        """Return the line after a node's last; blank lines, and comments up to a column, belong to what follows."""
        lines, end = self.text.splitlines(), int(node.end_mark.line)
        if node.end_mark.column and (isinstance(node, yaml.ScalarNode) or node.flow_style):
            end += 1  # a block, unlike these, ends where the next thing begins
        while end > node.start_mark.line + 1:
            words = lines[end - 1].lstrip()
            if words and not (words.startswith("#") and len(lines[end - 1]) - len(words) <= column):
                break
            end -= 1
        return end

    def _within(self, node: yaml.CollectionNode, added: str) -> str:
        """Add something before the bracket that closes a collection."""
        before, after = self.text[: node.end_mark.index - 1], self.text[node.end_mark.index - 1 :]
        comma = "" if not node.value else " " if before.rstrip().endswith(",") else ", "
        return before + comma + added + after

    def _exchanged(self, start: int | None, end: int, lines: str) -> str:
        """Put lines in the place of those from start to end; without a start, before the end."""
        kept = self.text.splitlines(keepends=True)
        return "".join([*kept[: end if start is None else start], lines, *kept[end:]])

    def _lines(self, value: object, column: int) -> str:
        """Write a value in lines that begin at a column."""
        return indent(str(yaml.safe_dump(value, **AS_GIVEN)), " " * column).replace("\n", self.newline)


def pair_of(mapping: yaml.MappingNode, name: str) -> Pair | None:
    """Find a name and its value; the last one counts, as in what is read."""
    return next((pair for pair in reversed(mapping.value) if pair[0].value == name), None)


def _in_one_line(value: object) -> str:
    """Write a value in brackets, for a place within others."""
    return str(yaml.safe_dump(value, **AS_GIVEN, default_flow_style=True, width=sys.maxsize)).rstrip("\n")
