"""Front matter is edited as text: what was added is read there, and every other line stays as it was written."""

from __future__ import annotations

import pytest
import yaml

from nc_hf.report.front_matter import FrontMatter, pair_of

WRITTEN = """\
license:   mit  # as given
tags: [a,  b]
models:
  - name: one   # the first
    results: []
# the end
"""


def added_item(text: str, name: str, item: dict[str, object], newline: str = "\n") -> str:
    head = FrontMatter(text, newline)
    assert head.outermost is not None
    pair = pair_of(head.outermost, name)
    assert pair is not None
    return head.with_item(head.outermost, pair, item)


def test_a_name_is_added_at_the_end_and_no_line_changes() -> None:
    changed = FrontMatter(WRITTEN, "\n").with_outermost_name({"metrics": [{"x": 1}]})
    assert changed == f"{WRITTEN}metrics:\n- x: 1\n"


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_front_matter_without_a_name_gets_its_first(text: str) -> None:
    assert FrontMatter(text, "\n").outermost is None
    assert FrontMatter(text, "\n").with_outermost_name({"a": 1}) == f"{text}a: 1\n"


@pytest.mark.parametrize(
    ("name", "line", "before"),
    [("tags", "tags: [a,  b, {x: 1}]", "tags: [a,  b]"), ("models", "  - x: 1\n# the end", "# the end")],
)
def test_an_item_is_added_in_the_way_in_which_the_list_is_written(name: str, line: str, before: str) -> None:
    assert added_item(WRITTEN, name, {"x": 1}) == WRITTEN.replace(before, line)


def test_lines_end_as_the_others_do() -> None:
    assert added_item("a:\r\n- 1\r\nb: 2\r\n", "a", {"x": 1}, "\r\n") == "a:\r\n- 1\r\n- x: 1\r\nb: 2\r\n"


def test_an_item_is_exchanged_with_its_comment_and_the_others_stay() -> None:
    head = FrontMatter("a:\n- x: 1  # mine\n- x: 2  # yours\n", "\n")
    assert head.outermost is not None
    pair = pair_of(head.outermost, "a")
    assert pair is not None
    changed = head.with_other(pair[1], 0, {"y": [3]})
    assert changed.endswith("- x: 2  # yours\n")
    assert yaml.safe_load(changed) == {"a": [{"y": [3]}, {"x": 2}]}
