"""One token of a report as a card of HTML: what is known of it, its neighbours, and the text before it."""

from __future__ import annotations

from html import escape

from nc_hf.errors import InputError
from nc_hf.report.detail import TokenTable
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import number

_FACTS = {
    "occurrences": "how often it was to be predicted",
    "scatter ↓": "how widely the contexts before it scatter, over the distance of the classes; 0: one point",
    "norm": "how far its class mean is from the centre of all, over the root mean square",
    "duality ↑": "cosine of its class mean and its row of the classifier, both centred",
}

CARD_STYLE = ".token-cards .token-card { display: none } .token-cards .token-card:target { display: block }"
"""Of a page that holds every card: only the one that its address names is shown."""


def html_token(report: ReportRecord, token_id: int) -> str:
    """Return the card of one token, with the anchor ``token-ID``; its neighbours link to theirs.

    All that comes from the tokenizer or the text is escaped.

    Raises:
        InputError: the report does not speak of this token by itself.
    """
    table = report.token_table
    if table is None or token_id not in table.columns.ids:
        raise InputError(f"the report of {report.name} says nothing of the token {token_id}: name one of its columns.")
    place = table.columns.ids.index(token_id)
    columns = table.columns
    values = (
        f"{columns.counts[place]:,}",
        number(columns.variability[place], 3),
        number(columns.norm[place], 3),
        number(columns.duality[place], 3),
    )
    facts = "".join(
        f"<div><dt title='{escape(meaning, quote=True)}'>{name}</dt><dd>{value}</dd></div>"
        for (name, meaning), value in zip(_FACTS.items(), values, strict=True)
    )
    if columns.sampled[place]:
        share = f"{columns.agreed[place]:,} of {columns.sampled[place]:,}"
        facts += f"<div><dt title='sampled tokens on which both classifiers agree'>NC4</dt><dd>{share}</dd></div>"
    return (
        f"<article class='token-card' id='token-{token_id}' aria-label='Token {token_id}' tabindex='-1'>"
        f"<h3><code>{escape(columns.texts[place])}</code> <a href='#token-{token_id}'>token {token_id}</a></h3>"
        f"<dl class='facts'>{facts}</dl>{_neighbours(table, place)}{_contexts(table, place)}</article>"
    )


def html_token_cards(report: ReportRecord) -> str:
    """Return the cards of all tokens, for a page with ``CARD_STYLE``; nothing where the report has no single tokens."""
    table = report.token_table
    if table is None:
        return ""
    return f"<div class='token-cards'>{''.join(html_token(report, token_id) for token_id in table.columns.ids)}</div>"


def _neighbours(table: TokenTable, place: int) -> str:
    if table.map is None:
        return ""
    spelled, linked = table.spelled, table.columns.ids
    items = []
    for token_id, distance in zip(table.map.nearest[place], table.map.distances[place], strict=True):
        word = f"<code>{escape(spelled[token_id])}</code>"
        word = f"<a href='#token-{token_id}'>{word}</a>" if token_id in linked else word
        items.append(f"<li>{word} <span class='number'>{number(distance, 3)}</span></li>")
    return f"<h4>Nearest, with the distance of the class means</h4><ol class='nearest'>{''.join(items)}</ol>"


def _contexts(table: TokenTable, place: int) -> str:
    """Return what stands before the token in the text, with the token itself marked."""
    quoted = [] if table.map is None else table.map.contexts[place]
    if not quoted:
        return ""
    token = f"<mark>{escape(table.columns.texts[place])}</mark>"
    items = "".join(f"<li><q dir='auto'>{escape(text)}{token}</q></li>" for text in quoted)
    return f"<h4>In the text</h4><ul class='contexts'>{items}</ul>"
