"""How a token is shown, and its category."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from nc_hf.corpus.vocabulary import CATEGORIES, categories_of, raw_text, shown_text, visible


class Pieces:
    """A tokenizer as far as texts go: pieces by id, decoded by a function."""

    all_special_ids = (0,)

    def __init__(self, pieces: list[str], decoded: dict[str, str] | None = None) -> None:
        self.pieces, self.decoded = pieces, decoded or {}

    def convert_ids_to_tokens(self, token_id: int) -> str | None:
        return self.pieces[token_id] if token_id < len(self.pieces) else None

    def decode(self, token_ids: list[int], **_: Any) -> str:
        return self.decoded.get(self.pieces[token_ids[0]], self.pieces[token_ids[0]])


class TestText:
    def test_sentencepiece_keeps_its_blanks_and_bytes(self) -> None:
        pieces = Pieces(["</s>", "▁once", "ing", "<0x0A>", "<0xE2>", "▁"])
        assert [shown_text(pieces, i) for i in range(7)] == ["</s>", "␣once", "ing", "\\n", "<0xE2>", "␣", "#6"]

    def test_byte_level_pieces_that_are_no_character_are_bytes(self) -> None:
        decoded = {"Ġonce": " once", "âĢ": "\ufffd", "Ċ": "\n"}
        pieces = Pieces(["<|end|>", "Ġonce", "âĢ", "Ċ"], decoded)
        assert [shown_text(pieces, i) for i in range(4)] == ["<|end|>", "␣once", "<0xE2><0x80>", "\\n"]

    def test_real_byte_level_tokenizer(self) -> None:
        from tokenizers import ByteLevelBPETokenizer
        from transformers import PreTrainedTokenizerFast

        trained = ByteLevelBPETokenizer()
        trained.train_from_iterator(["the cat “sat” on the mat"] * 5, vocab_size=270, show_progress=False)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer)
        for text in ("the cat “sat” on the mat", " the\n\tmat"):
            joined = "".join(str(raw_text(tokenizer, token_id)) for token_id in tokenizer(text)["input_ids"])
            for quote, spelt in {"“": "<0xE2><0x80><0x9C>", "”": "<0xE2><0x80><0x9D>"}.items():
                joined = joined.replace(spelt, quote)
            assert joined == text

    @pytest.mark.parametrize(
        "text", ["\x1b[31mred", "a\u202eb", "\u200b", "\x00", "\ud800", "\ue000", "\u2028", "\u0301"]
    )
    def test_nothing_shown_moves_the_cursor_or_is_invisible(self, text: str) -> None:
        shown = visible(text)
        assert shown
        assert not any(unicodedata.category(character)[0] in "CZ" for character in shown)
        shown.encode("utf-8")

    def test_distinct_texts_look_distinct(self) -> None:
        texts = ["\n", "\\n", " ", "␣a", "\t", "\\t", "\\\\n", "\u00a0"]
        assert len({visible(text) for text in texts}) == len(texts)

    def test_categories(self) -> None:
        pieces = Pieces(["</s>", "▁once", "ing", "42", "▁7", ".", "<0x0A>", "<0xE2>", "▁“", "ß"])
        kinds = {i: CATEGORIES[category] for i, category in categories_of(pieces, range(10)).items()}
        assert kinds == {
            0: "special",
            1: "word start",
            2: "word continuation",
            3: "number",
            4: "number",
            5: "punctuation",
            6: "punctuation",
            7: "special",
            8: "punctuation",
            9: "word continuation",
        }
