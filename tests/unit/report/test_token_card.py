"""The card of a token: what the report says of it, links that lead somewhere, and nothing of the text as markup."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from nc_hf.errors import InputError
from nc_hf.report import Report
from nc_hf.report.token_card import html_token, html_token_cards
from nc_hf.report.words import UNDEFINED
from tests.reports import BARE, SCHEMA_6, SCHEMA_8

REPORT = Report.load(SCHEMA_8)
TABLE = REPORT.token_table
assert TABLE is not None
assert TABLE.map is not None
MAP = TABLE.map


class Tags(HTMLParser):
    """The tags of a page, and whether each that opens is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.met.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_says_what_the_report_says() -> None:
    assert TABLE is not None
    for place, token_id in enumerate(TABLE.columns.ids):
        card = html_token(REPORT, token_id)
        text = unescape(re.sub(r"<[^>]*>", " ", card))
        assert f"id='token-{token_id}'" in card
        assert f"{TABLE.columns.counts[place]:,}" in text
        for values in (TABLE.columns.variability, TABLE.columns.duality, TABLE.columns.norm):
            assert f"{values[place]:.3g}".lstrip("0") in text
        assert f"{TABLE.columns.agreed[place]:,} of {TABLE.columns.sampled[place]:,}" in text
        assert all(f"{quoted} {TABLE.columns.texts[place]}" in text for quoted in MAP.contexts[place])
        assert len(re.findall("<li><q", card)) == 3
        said = re.findall(r"<li>(?:<a href='#token-(\d+)'>)?<code>([^<]*)</code>", card)
        spelled = TABLE.spelled
        assert [unescape(word) for _, word in said] == [spelled[other] for other in MAP.nearest[place]]
        assert [int(link) for link, _ in said if link] == [i for i in MAP.nearest[place] if i in TABLE.columns.ids]


def test_every_link_of_the_cards_leads_to_one() -> None:
    page = html_token_cards(REPORT)
    anchors = re.findall(r"id='(token-\d+)'", page)
    assert TABLE is not None
    assert anchors == [f"token-{token_id}" for token_id in TABLE.columns.ids]
    assert {link for link in re.findall(r"href='#([^']*)'", page)} == set(anchors)
    assert Tags(page).open == []


def test_nothing_of_a_tokenizer_or_a_text_is_markup() -> None:
    assert TABLE is not None
    hostile = "<script>alert(1)</script>'\"&lt;<img src=x onerror=y>"
    texts = [hostile, *TABLE.columns.texts[1:]]
    contexts = [[hostile], *MAP.contexts[1:]]
    others = dict.fromkeys(MAP.others, hostile)
    places = replace(MAP, contexts=contexts, others=others)
    table = replace(TABLE, columns=replace(TABLE.columns, texts=texts), map=places)
    page = html_token_cards(replace(REPORT, token_table=table))
    tags = Tags(page)
    assert tags.open == []
    assert not tags.met & {"script", "img"}
    assert unescape(re.sub(r"<[^>]*>", "", page)).count(hostile) > 3


def test_what_an_older_report_does_not_know_is_left_out() -> None:
    older = Report.load(SCHEMA_6)
    assert older.token_table is not None
    card = html_token(older, older.token_table.columns.ids[0])
    assert "Nearest" not in card
    assert "In the text" not in card
    assert "occurrences" in card
    assert html_token_cards(BARE) == ""


def test_a_value_that_is_not_defined_is_said_to_be_so() -> None:
    assert TABLE is not None
    columns = replace(TABLE.columns, variability=[math.nan] * len(TABLE.columns.ids))
    assert UNDEFINED in html_token(replace(REPORT, token_table=replace(TABLE, columns=columns)), columns.ids[0])


@pytest.mark.parametrize("report", [REPORT, BARE])
def test_another_token_is_refused(report: Report) -> None:
    with pytest.raises(InputError, match="says nothing of the token 100000"):
        html_token(report, 100_000)
