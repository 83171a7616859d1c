"""What the page gives to pass a result on: a button that copies its link, and the badge for a model card."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from nc_hf.space.share import card_block

if TYPE_CHECKING:
    from nc_hf.space.store import StoredResult


def html_passing_on(kept: StoredResult, root: str) -> str:
    """Return the button, and the badge with its Markdown in a folded part; ``page.js`` copies.

    Args:
        kept: the result.
        root: address of the page, without a slash at its end.
    """
    block = card_block(kept, root).strip()
    return (
        f"<div class='downloads passing-on'>{_copying('Copy link', f'{root}/share/{kept.key}')}</div>"
        "<details class='card'><summary>Badge for a model card</summary>"
        f"<p><img src='{escape(root, quote=True)}/badge/{kept.key}.svg' alt='The badge' height='20'></p>"
        f"<pre><code>{escape(block)}</code></pre>{_copying('Copy Markdown', block)}</details>"
    )


def _copying(label: str, text: str) -> str:
    """Return a button that copies a text, and the place where it is said that it did."""
    return (
        f"<button type='button' class='download' data-copy='{escape(text, quote=True)}'>{label}</button>"
        "<span class='copied' role='status'></span>"
    )
