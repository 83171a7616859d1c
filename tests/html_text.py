"""What a reader sees of HTML: its text, and the cells of its tables."""

from __future__ import annotations

import re
from html import unescape


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def rows(html: str) -> list[list[str]]:
    found = (re.findall(r"<t[hd].*?</t[hd]>", row) for row in re.findall(r"<tr.*?</tr>", html))
    return [[text_of(cell) for cell in row] for row in found]
