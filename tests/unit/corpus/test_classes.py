"""Which next tokens count: every form of a rule by brute force, what is refused, and a list that stays the same."""

from __future__ import annotations

import copy
import hashlib
import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

import nc_hf.corpus.corpus
from nc_hf.corpus.classes import SHARE, ClassChoice, checked_rule, choose_classes
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.packing import pack_texts
from nc_hf.corpus.picking import pick_documents
from nc_hf.corpus.stories import stories, train_tokenizer
from nc_hf.errors import InputError
from tests.letters import letters


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(islice(stories(0), 50), 400)


@pytest.fixture(scope="module")
def counts() -> list[int]:
    """Counts as of words, with ties, tokens that nobody saw, and ids in no order; 10,000 in all."""
    order = torch.randperm(300, generator=torch.Generator().manual_seed(4)).tolist()
    drawn = [max(0, 1_500 // (1 + place) - 8) for place in order]
    drawn[order.index(299)] = 10_000 - sum(drawn)
    return drawn


def chosen(rule: Any, counts: Sequence[int], tokenizer: Any = None, **options: bool) -> list[int] | None:
    ids = choose_classes(rule, torch.tensor(counts), tokenizer, **options).ids
    return None if ids is None else ids.tolist()


class TestShare:
    @pytest.mark.parametrize("share", [0.00005, 0.0002, 0.0007, 0.001, 0.01, 0.07, 0.1])
    def test_tokens_with_that_share_of_the_text_count(self, counts: list[int], share: float) -> None:
        reached = [c for c, n in enumerate(counts) if Fraction(n, sum(counts)) >= Fraction(str(share))]
        choice = choose_classes(share, torch.tensor(counts), None)
        assert choice.ids is not None
        assert choice.ids.dtype == torch.int64
        assert choice.ids.tolist() == reached
        assert (choice.rule, choice.census) == (f"{share:g}", 10_000)
        assert chosen(str(share), counts) == reached

    @pytest.mark.parametrize("total", [100, 10_000, 1_000_000])
    @pytest.mark.parametrize("share", ["0.0002", "0.01", "0.03", "0.07", "0.14", "0.29"])
    def test_a_share_that_is_met_exactly_is_enough(self, share: str, total: int) -> None:
        """One token less is too little; 0.07 of 100 is more than 7 in floating point."""
        met = Fraction(share) * total
        if met.denominator == 1:
            assert chosen(float(share), [int(met), int(met) - 1, total - 2 * int(met) + 1]) == [0, 2]

    def test_the_default_is_one_token_of_2_000(self) -> None:
        assert Fraction(str(SHARE)) == Fraction(1, 2_000)


class TestTop:
    @pytest.mark.parametrize("number", [2, 3, 10, 57, 150, 300, 301, 10**6])
    def test_the_commonest_count_and_of_equals_those_with_lower_ids(self, counts: list[int], number: int) -> None:
        order = sorted((c for c, n in enumerate(counts) if n), key=lambda c: (-counts[c], c))
        choice = choose_classes(f"top:{number}", torch.tensor(counts), None)
        assert choice.ids is not None
        assert choice.ids.tolist() == sorted(order[:number])
        assert (choice.rule, choice.census) == (f"top:{number}", 10_000)

    def test_of_many_equals_the_lower_ids_count(self) -> None:
        """As many as a sort that is not stable would mix."""
        assert chosen("top:700", [3] * 5_000) == list(range(700))
        assert chosen("top:3", [1, 2, 2, 0, 2, 2]) == [1, 2, 4]


class TestIds:
    @pytest.mark.parametrize("ids", [[7, 3, 900, 3], (900, 3, 7), [3, 7, 900]], ids=str)
    def test_a_list_is_taken_as_it_is_whatever_the_text_has(self, ids: Sequence[int], counts: list[int]) -> None:
        choice = choose_classes(ids, torch.tensor(counts), None)
        assert choice.ids is not None
        assert choice.ids.tolist() == [3, 7, 900]
        assert choice.ids.dtype == torch.int64
        assert choice.census == 0

    def test_a_range_is_a_list_too(self, counts: list[int]) -> None:
        assert chosen(range(4, 9), counts) == [4, 5, 6, 7, 8]

    def test_every_class_is_no_list(self, counts: list[int]) -> None:
        choice = choose_classes("all", torch.tensor(counts), None)
        assert (choice.rule, choice.ids, choice.hash, choice.census) == ("all", None, "all", 0)


class TestFile:
    @pytest.mark.parametrize("name", ["ids.txt", "all", "top:5", "0.5", "300", "nan", "a b.txt"])
    @pytest.mark.parametrize("content", ["7\n3\n900\n", "900\r\n3\r\n7", "\n3\n\n 7 \n900\n3\n"])
    def test_of_ids_one_a_line(
        self, name: str, content: str, counts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / name).write_text(content, newline="")
        monkeypatch.chdir(tmp_path)
        choice = choose_classes(f"file:{name}", torch.tensor(counts), None)
        assert choice.ids is not None
        assert choice.ids.tolist() == [3, 7, 900]
        assert (choice.rule, choice.census) == ("a given list", 0)
        if name.endswith(".txt"):
            assert chosen(name, counts) == chosen(str(tmp_path / name), counts) == [3, 7, 900]

    def test_of_tokens_as_text_or_as_the_vocabulary_writes_them(
        self, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
    ) -> None:
        """A blank in front belongs to a token: without it the token is another."""
        vocabulary = tokenizer.get_vocab()
        after_blank, bare, spelled = vocabulary["Ġa"], vocabulary["a"], vocabulary["Ġthe"]
        (tmp_path / "tokens.txt").write_text(" a\na\n\nĠthe\n a\n", encoding="utf-8")
        choice = choose_classes(str(tmp_path / "tokens.txt"), torch.tensor([1, 1]), tokenizer)
        assert choice.ids is not None
        assert choice.ids.tolist() == sorted([after_blank, bare, spelled])
        assert choice.rule == "a given list"
        assert chosen([" a", "a", "Ġthe"], [1, 1], tokenizer) == choice.ids.tolist()
        for line, token in ((" a", after_blank), ("a", bare)):
            (tmp_path / "one.txt").write_text(f"{line}\nĠthe", encoding="utf-8")
            assert chosen(str(tmp_path / "one.txt"), [1, 1], tokenizer) == sorted([token, spelled])
        (tmp_path / "mixed.txt").write_text("7\n a\n", encoding="utf-8")
        seven = tokenizer("7", add_special_tokens=False)["input_ids"]
        assert chosen(str(tmp_path / "mixed.txt"), [1, 1], tokenizer) == sorted([*seven, after_blank])

    def test_of_tokens_that_a_tokenizer_puts_marks_around(
        self, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
    ) -> None:
        (tmp_path / "tokens.txt").write_text(" a\n the\n")
        marking, mark = copy.deepcopy(tokenizer), (tokenizer.eos_token, tokenizer.eos_token_id)
        template = processors.TemplateProcessing(single=f"{mark[0]} $A", special_tokens=[mark])
        marking.backend_tokenizer.post_processor = template
        assert len(marking(" a")["input_ids"]) == 2
        assert chosen(str(tmp_path / "tokens.txt"), [1, 1], marking) == sorted(
            tokenizer.get_vocab()[token] for token in ("Ġa", "Ġthe")
        )

    @pytest.mark.parametrize("line", ["the cat", " the cat"])
    def test_a_line_of_several_tokens_is_refused_by_name(
        self, line: str, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
    ) -> None:
        path = tmp_path / "tokens.txt"
        path.write_text(f" the\n{line}\n", encoding="utf-8")
        many = len(tokenizer(line, add_special_tokens=False)["input_ids"])
        assert many > 1
        with pytest.raises(InputError) as refused:
            choose_classes(str(path), torch.tensor([1, 1]), tokenizer)
        assert str(refused.value).startswith(f"{line!r} of classes is {many} tokens: write one token a line")

    def test_tokens_without_a_tokenizer_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "tokens.txt").write_text(" the\n and\n")
        checked_rule(str(tmp_path / "tokens.txt"))
        with pytest.raises(InputError, match="there is no tokenizer to read it with: pass ids"):
            choose_classes(str(tmp_path / "tokens.txt"), torch.tensor([1, 1]), None)


class TestForm:
    """One way to write one rule, so that options that mean the same are the same."""

    @pytest.mark.parametrize(
        ("rules", "form"),
        [
            ([0.0002, "0.0002", "2e-4", ".0002"], 0.0002),
            (["top:300"], "top:300"),
            (["all"], "all"),
            ([[7, 5, 7], (5, 7), range(5, 8, 2)], [5, 7]),
        ],
        ids=str,
    )
    def test_every_way_to_write_a_rule_has_one_form(self, rules: list[Any], form: Any) -> None:
        for rule in rules:
            found = checked_rule(rule)
            assert (found, type(found)) == (form, type(form))
            assert checked_rule(found) == form

    def test_a_file_is_what_it_lists(self, tmp_path: Path) -> None:
        """So that it is read once, and what was measured stays known when the file changes."""
        (tmp_path / "ids.txt").write_text("7\n3\n")
        (tmp_path / "tokens.txt").write_text(" the\nand\n")
        for prefix in ("", "file:"):
            assert checked_rule(f"{prefix}{tmp_path}/ids.txt") == [3, 7]
            assert checked_rule(f"{prefix}{tmp_path}/tokens.txt") == [" the", "and"]


NUMBERS = [0, 1, 300, -1, 1.5, -0.001, math.nan, math.inf, -math.inf, True, False]


class TestRefusals:
    @pytest.mark.parametrize(
        "rule",
        [
            *NUMBERS,
            *(str(number) for number in NUMBERS),
            *("top:1", "top:0", "top:x", "top:", "top:-3", "top:2.5", "top: 3"),
            *("", "no such file.txt", "file:", "file:no such file.txt", "x" * 300 + ".txt", "a\0b.txt"),
            *([1, 2.5], [1.0, 2.0], [1, -1], [True, 3], [3, "4"], [1, None]),
            *(None, {3, 7}, torch.tensor([3, 7]), 1j),
        ],
        ids=lambda rule: repr(rule)[:40],
    )
    def test_what_names_no_classes_is_refused_before_and_with_the_text(self, rule: Any) -> None:
        with pytest.raises(InputError, match=r"^classes "):
            checked_rule(rule)
        with pytest.raises(InputError, match=r"^classes "):
            choose_classes(rule, torch.tensor([5, 1, 4]), letters())

    def test_a_whole_number_is_taken_for_so_many_classes(self) -> None:
        for number in (300, "300", 300.0):
            with pytest.raises(InputError, match=r"between 0 and 1, such as 0\.001, or top:300 for so many classes"):
                checked_rule(number)
        with pytest.raises(InputError, match=r"such as 0\.001\.$"):
            checked_rule(1)

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", None], ids=["no text", "a folder"])
    def test_a_file_that_is_no_text_is_refused(self, content: bytes | None, tmp_path: Path) -> None:
        path = tmp_path
        if content is not None:
            path = tmp_path / "ids.txt"
            path.write_bytes(content)
        with pytest.raises(InputError, match="there is no text file of that name"):
            checked_rule(str(path))

    @pytest.mark.parametrize(
        ("rule", "counts", "left"),
        [
            (0.6, [5, 1, 4], 0),
            (0.5, [5, 1, 4], 1),
            ("top:5", [0, 7, 0], 1),
            ([4], [5, 1, 4], 1),
            ([4, 4], [5, 1, 4], 1),
            ([], [5, 1, 4], 0),
            ("empty", [5, 1, 4], 0),
        ],
        ids=str,
    )
    def test_fewer_than_two_classes_are_refused(
        self, rule: Any, counts: list[int], left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").write_text("")
        with pytest.raises(InputError, match=f"which leaves {left}, and collapse is a property of two or more"):
            choose_classes(rule, torch.tensor(counts), None)


class TestHash:
    def test_it_is_of_the_ids_and_nothing_else(self) -> None:
        ids = [3, 7, 900]
        digest = hashlib.sha256(struct.pack("<3q", *ids)).hexdigest()
        mine = ClassChoice("0.001", torch.tensor(ids), 1_000_000)
        assert mine.hash == digest[:16]
        assert ClassChoice("words.txt", torch.tensor(ids)).hash == mine.hash
        for other in ([3, 7, 901], [3, 7], [7, 3, 900], [0, 3, 7, 900]):
            assert ClassChoice("0.001", torch.tensor(other), 1_000_000).hash != mine.hash

    def test_every_way_to_one_list_has_its_hash(self, tmp_path: Path) -> None:
        """However long the counts are, and however the list was written down."""
        (tmp_path / "ids.txt").write_text("2\n0\n")
        counts = torch.tensor([5, 1, 4])
        rules: list[Any] = [0.2, "0.3", "top:2", [2, 0], (0, 2), range(0, 3, 2), str(tmp_path / "ids.txt")]
        found = {choose_classes(rule, census, None).hash for rule in rules for census in (counts, counts.new_tensor(
            [50, 10, 40, *[0] * 100]))}  # fmt: skip
        assert len(found) == 1
        assert found == {ClassChoice("", torch.tensor([0, 2])).hash}


class TestOfAText:
    """Chosen from the counts of documents all over a text, the same is chosen whatever is then measured."""

    TEXTS = tuple(islice(stories(3), 400))
    RULES = (0.0002, 0.001, 0.01, "top:20", "top:150")
    CHARACTERS = 30_000

    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nc_hf.corpus.corpus, "CENSUS_CHARACTERS", self.CHARACTERS)

    def lists(self, tokenizer: PreTrainedTokenizerFast, block_size: int, **options: int | None) -> list[str]:
        blocks = Corpus("stories", "all", self.TEXTS).sample(tokenizer, block_size, **options)  # type: ignore[arg-type]
        assert blocks.census is not None
        return [choose_classes(rule, blocks.census, tokenizer).hash for rule in self.RULES]

    @pytest.mark.parametrize("budget", [1, 500, 5_000, 9_000, 9_100, 20_000, None])
    def test_of_any_budget_and_seed(self, tokenizer: PreTrainedTokenizerFast, budget: int | None) -> None:
        expected = self.lists(tokenizer, 64, max_tokens=2_000)
        assert self.lists(tokenizer, 64, max_tokens=budget) == expected
        assert self.lists(tokenizer, 64, max_tokens=budget, seed=5) == expected
        assert len(set(expected)) == len(self.RULES)

    @pytest.mark.parametrize("block_size", [2, 16, 100])
    def test_of_any_block_size_but_for_the_last_of_its_tokens(
        self, tokenizer: PreTrainedTokenizerFast, block_size: int
    ) -> None:
        picked = pick_documents(self.TEXTS, self.CHARACTERS)
        sequence: list[int] = []
        for text in picked:
            sequence += [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
        whole = len(sequence[:-1]) // block_size * block_size
        blocks = Corpus("stories", "all", self.TEXTS).sample(tokenizer, block_size, max_tokens=300)
        assert blocks.census is not None
        assert len(sequence) > 5_000
        assert blocks.census.tolist() == torch.bincount(torch.tensor(sequence[:whole])).tolist()

    @pytest.mark.parametrize("block_size", [3, 8, 50])
    def test_documents_that_begin_with_a_mark_are_counted_the_same_way(self, block_size: int) -> None:
        """Neither a mark nor what is read again counts, so that where a block ends makes no difference."""
        rng = torch.Generator().manual_seed(0)
        texts = [" ".join("abcdefghij"[i] for i in torch.randint(10, (7 + n % 90,), generator=rng)) for n in range(300)]
        tokenizer = letters(bos_first=True)
        blocks = pack_texts(texts, tokenizer, block_size)
        spelled = [2 + "abcdefghij".index(word) for text in texts for word in text.split()]
        assert len(spelled) > 9_000 + 50
        assert blocks.token_counts(9_000).tolist() == torch.bincount(torch.tensor(spelled[:9_000])).tolist()
