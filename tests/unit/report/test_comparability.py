"""What makes the numbers of reports not comparable, and which reports are of one model."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from nc_hf.report import AgreementRecord, Report, compare
from nc_hf.report.comparability import differing_circumstances, one_model
from nc_hf.report.text_record import MarkRecord
from tests.reports import REFERENCE, SCHEMA_4, SCHEMA_6, printed

MARKS = [MarkRecord("begin", 1, "<s>", 9, 0, None), MarkRecord("end", 2, "</s>", 9, 9, 1.0)]


def of_text(report: Report, **changes: Any) -> Report:
    return replace(report, corpus=replace(report.corpus, **{"fingerprint": "f" * 64, **changes}))


def of_classes(report: Report, **changes: Any) -> Report:
    return replace(report, classes=replace(report.classes, **changes))


def of_model(report: Report, **changes: Any) -> Report:
    return replace(report, model=replace(report.model, **changes))


class TestCompare:
    def test_same_circumstances_give_no_warning(self, report: Report) -> None:
        assert compare([report, replace(report, loss=1.0)]).warnings == ()

    @pytest.mark.parametrize(
        ("said", "change"),
        [
            (
                "the text differs though it is called the same (fingerprints 0f358f7223d5fdcf / ffffffffffffffff)",
                of_text,
            ),
            ("the text differs (../shared/data/tinystories/validation.jsonl, validation / builtin, validation)",
             lambda r: of_text(r, source="builtin")),
            ("the text differs", lambda r: of_text(r, split="train")),
            ("the tokenizer differs (of 512 tokens)", lambda r: of_text(r, tokenizer_hash="other")),
            ("the block size differs (512 tokens / 128 tokens)", lambda r: of_text(r, block_size=128)),
            ("the packing differs (documents / paper)", lambda r: of_text(r, packing="paper")),
            ("what marks documents differs (nothing known / <s> before, </s> after)",
             lambda r: of_text(r, marks=MARKS)),
            ("the budget differs (59,787 tokens / 1,000 tokens)", lambda r: replace(of_text(r), tokens=1000)),
            ("the part of the text differs (all of it / shard 1/4)", lambda r: of_text(r, shard="1/4")),
            ("what the values speak of differs (202 tokens that came up 10 times or more / every token that was seen)",
             lambda r: of_classes(r, rule="all")),
            ("what the values speak of differs (202 tokens that came up 10 times or more / "
             "the 202 tokens that are commonest (list abcdef01))",
             lambda r: of_classes(r, rule="top:202", hash="abcdef0123456789")),
            ("what NC4 decides among differs (every class / the classes that count)",
             lambda r: replace(r, agreement=AgreementRecord(10, leave_one_out=True, classes="listed"))),
            ("the dtype differs (float32 / bfloat16)", lambda r: of_model(r, dtype="bfloat16")),
            ("the definition of nc1_cdnv differs",
             lambda r: replace(r, definitions={**r.definitions, "nc1_cdnv": "x"})),
            ("NC4 differs in kind",
             lambda r: replace(r, agreement=AgreementRecord(10, leave_one_out=False, classes="seen"))),
        ],
    )  # fmt: skip
    def test_what_differs_is_named_and_no_report_is_marked(self, report: Report, said: str, change: Any) -> None:
        other = of_model(change(report), id="other", weights="w")
        other = replace(other, metrics={name: replace(each, value=0.01) for name, each in other.metrics.items()})
        comparison = compare([report, report, other])
        (warning,) = comparison.warnings
        assert warning.startswith(said)
        text, card = re.sub(r"\s+", " ", printed(comparison.to_table(), 300)), comparison.to_markdown()
        assert warning in text
        assert f"Not comparable as they are**: {said[:12]}" in card
        assert comparison.to_dict()["warnings"] == [warning]
        assert all(metric.most_collapsed is None is metric.clear for metric in comparison.metrics)
        assert not re.search("[●○]|most collapsed", text + card)
        assert any(
            metric.most_collapsed == 1 for metric in compare([report, replace(other, **unchanged(report))]).metrics
        )

    def test_two_differences_are_named_apart(self, report: Report) -> None:
        other = of_text(report, source="builtin", block_size=64, tokenizer_hash="other")
        other = replace(other, classes=replace(other.classes, vocab_size=50_257))
        found = list(differing_circumstances([report, other]))
        assert [sentence.partition(" differs")[0] for sentence in found] == [
            "the tokenizer",
            "the text",
            "the block size",
        ]
        assert "(of 512 tokens / of 50,257 tokens)" in found[0]

    def test_the_same_tokens_are_one_text_whatever_it_is_called(self, report: Report) -> None:
        called = replace(report, corpus=replace(report.corpus, source="a/copy.jsonl", split="all"))
        assert list(differing_circumstances([report, called])) == []

    def test_presets_of_one_kind_may_be_compared(self, report: Report) -> None:
        assert list(differing_circumstances([report, replace(report, preset="full")])) == []


class TestBudgets:
    """Of one text, of which one report has read more than another."""

    LISTED = Report.load(SCHEMA_6)

    @staticmethod
    def less(report: Report, **changes: Any) -> Report:
        return replace(of_text(report, blocks=10, documents=9, **changes), tokens=1_000)

    @staticmethod
    def of_all(report: Report) -> Report:
        """The report with every class that was seen."""
        assert report.agreement is not None
        counting = of_classes(report, rule="all", hash="all", ids=[], census=0)
        return replace(counting, agreement=replace(report.agreement, classes="seen"))

    def test_with_a_list_they_may_be_compared(self) -> None:
        assert self.LISTED.classes.census > self.LISTED.tokens
        assert self.LISTED.corpus.text_hash
        comparison = compare([self.LISTED, self.less(self.LISTED)])
        assert comparison.warnings == ()

    def test_with_every_class_they_may_not(self) -> None:
        every = self.of_all(self.LISTED)
        (warning,) = differing_circumstances([every, self.less(every)])
        assert warning.startswith(f"the budget differs ({every.tokens:,} tokens / 1,000 tokens): ")

    def test_with_a_list_that_owes_nothing_to_the_text_they_may(self) -> None:
        """It has one hash, so that both speak of the same classes."""
        given = of_classes(self.LISTED, rule="a given list", census=0)
        assert list(differing_circumstances([given, self.less(given)])) == []

    def test_two_lists_of_one_rule_are_told_apart_by_their_hash(self) -> None:
        other = of_classes(self.less(self.LISTED), hash="f" * 16)
        (warning,) = differing_circumstances([self.LISTED, other])
        assert warning.startswith("what the values speak of differs (")
        assert f"(list {self.LISTED.classes.hash[:8]})" in warning
        assert "(list ffffffff)" in warning

    def test_the_preset_paper_is_told_apart_from_others(self) -> None:
        said = [sentence.partition(" differs")[0] for sentence in differing_circumstances([self.LISTED, self.paper()])]
        assert said == ["what the values speak of", "what NC4 decides among"]

    def paper(self) -> Report:
        return replace(self.of_all(self.LISTED), preset="paper")

    @pytest.mark.parametrize("tokens", [1_000, None], ids=["less was read", "as much was read"])
    def test_another_text_of_one_name_is_named(self, tokens: int | None) -> None:
        other = of_text(self.LISTED, text_hash="0" * 16)
        (warning,) = differing_circumstances([self.LISTED, replace(other, tokens=tokens or self.LISTED.tokens)])
        assert warning.startswith("the text differs though it is called the same (fingerprints ")

    def test_another_part_of_one_text_is_none_of_another_text(self) -> None:
        """As another seed takes it: as many tokens, with another fingerprint."""
        assert list(differing_circumstances([self.LISTED, of_text(self.LISTED)])) == []
        unknown = [of_text(self.LISTED, text_hash=None), self.LISTED]
        assert [sentence.partition(" though")[0] for sentence in differing_circumstances(unknown)] == [
            "the text differs"
        ]

    def test_a_list_and_one_that_nobody_wrote_down_are_not_the_same(self) -> None:
        """An older report has another rule; its budget, unlike that of the list, is no second difference."""
        old = Report.load(SCHEMA_4)
        said = [sentence.partition(" differs")[0] for sentence in differing_circumstances([old, self.LISTED])]
        assert said == ["what the values speak of", "the correction for few tokens", "what NC4 decides among"]


def unchanged(report: Report) -> dict[str, Any]:
    """The circumstances as they were, for a report with other values."""
    names = ("corpus", "tokens", "classes", "preset", "definitions", "agreement")
    circumstances = {name: getattr(report, name) for name in names}
    return {**circumstances, "model": replace(report.model, id="other", weights="w")}


class TestOneModel:
    REPORT = Report.load(REFERENCE)

    def model(self, name: str, commit: str | None, weights: str | None) -> Report:
        return of_model(self.REPORT, id=name, commit=commit, weights=weights)

    @pytest.mark.parametrize(
        ("first", "second", "same"),
        [
            (("a/old", "1", "w"), ("a/new", "2", "w"), True),
            (("a/old", "1", "w"), ("a/old", "1", "v"), False),
            (("a/b", "1", None), ("a/b", "1", None), True),
            (("a/b", "1", None), ("a/b", "2", None), False),
            (("a/b", "1", None), ("a/b", "1", "w"), True),
            (("GPT2", None, None), ("GPT2", None, None), False),
        ],
    )
    def test_one_model_is_known_by_its_weights_else_by_its_commit(
        self, first: tuple[str, str | None, str | None], second: tuple[str, str | None, str | None], same: bool
    ) -> None:
        found = list(one_model([self.model(*first), self.model(*second)], ["A", "B"]))
        assert found == (["A and B have the same weights: they are one model."] if same else [])

    def test_every_form_says_so_and_stays_comparable(self) -> None:
        old, new, copy = (self.model(name, name, "w") for name in ("a/old", "a/new", "a/copy"))
        comparison = compare([old, self.model("a/other", "3", "v"), new, copy])
        (note,) = comparison.notes
        assert note == "a/old, a/new and a/copy have the same weights: they are one model."
        assert comparison.warnings == ()
        assert note in comparison.to_markdown()
        assert note in re.sub(r"\s+", " ", printed(comparison.to_table(), 300))
        assert comparison.to_dict()["notes"] == [note]
