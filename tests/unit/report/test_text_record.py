"""What a report tells of its text, in words."""

from __future__ import annotations

import pytest

from nc_hf.report.text_record import ClassRecord


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("0.0002", "1,200 tokens with a share of 0.0002 or more of the text (list 01234567)"),
        ("1e-05", "1,200 tokens with a share of 1e-05 or more of the text (list 01234567)"),
        ("top:1200", "the 1,200 tokens that are commonest (list 01234567)"),
        ("words.txt", "1,200 tokens of words.txt (list 01234567)"),
        ("a given list", "1,200 tokens of a given list (list 01234567)"),
        ("all", "every token that was seen"),
        ("min_count:10", "1,200 tokens that came up 10 times or more"),
    ],
)
def test_the_classes_that_count_are_said_in_the_words_of_their_rule(rule: str, said: str) -> None:
    classes = ClassRecord(
        seen=2_000,
        rule=rule,
        listed=1_200,
        used=1_100,
        fewest=2,
        hash="0123456789abcdef",
        census=10_000,
        coverage=0.9,
        vocab_size=5_000,
    )
    assert classes.description == said
