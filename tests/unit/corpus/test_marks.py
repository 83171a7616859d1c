"""The tokens around a text, however they come there, and texts that spell them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import processors
from transformers import AutoTokenizer, ByT5Tokenizer

from nc_hf.corpus.marks import Marks, Spelled, document_marks, own_marks
from nc_hf.corpus.packing import pack_texts
from nc_hf.errors import TokenizerError
from nc_hf.hub import open_tokenizer
from tests.letters import BOS, EOT, letters, tokens

BOTH, FIRST, LAST, NONE = (
    {"bos_first": True, "eos_last": True},
    {"bos_first": True},
    {"eos_last": True},
    dict[str, bool](),
)


@pytest.mark.parametrize(
    ("kind", "marks"),
    [(NONE, Marks()), (FIRST, Marks((BOS,))), (LAST, Marks(end=(EOT,))), (BOTH, Marks((BOS,), (EOT,)))],
)
def test_marks_are_what_the_tokenizer_puts(kind: dict[str, bool], marks: Marks) -> None:
    assert own_marks(letters(**kind)) == document_marks(letters(**kind)) == marks


def test_marks_of_several_tokens_and_of_tokenizers_in_python() -> None:
    tokenizer = letters()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> <eot> $A <eot>", special_tokens=[("<bos>", BOS), ("<eot>", EOT)]
    )
    assert own_marks(tokenizer) == Marks((BOS, EOT), (EOT,))
    assert own_marks(ByT5Tokenizer()) == Marks(end=(1,))


def test_a_tokenizer_that_changes_the_text_itself_is_refused() -> None:
    class Reversing:
        def num_special_tokens_to_add(self) -> int:
            return 1

        def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
            return {"input_ids": [3, 2, BOS] if add_special_tokens else [2, 3]}

    with pytest.raises(TokenizerError, match="does more to a text"):
        own_marks(Reversing())  # type: ignore[arg-type]


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("acts", [True, False])
def test_a_beginning_that_settings_declare_is_put_and_said_where_nothing_acts_on_it(
    tmp_path: Path, declared: bool, acts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Beside a tokenizer.json transformers drops ``add_bos_token``: the post-processor has the last word, if any."""
    letters(bos_first=acts).save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "add_bos_token": declared}))
    assert AutoTokenizer.from_pretrained(tmp_path)("a")["input_ids"] == ([BOS, 2] if acts else [2])
    marks = document_marks(open_tokenizer(str(tmp_path), allow_local=True))
    assert marks.begin == ((BOS,) if acts or declared else ())
    assert bool(marks.note) == (declared and not acts)
    blocks = pack_texts(["a b", "c d"], open_tokenizer(str(tmp_path), allow_local=True), 5)
    assert tokens(blocks) == ([BOS, 2, 3, BOS, 4] if marks.begin else [2, 3, EOT, 4, 5])
    assert ("add_bos_token is set but nothing" in caplog.text) == (declared and not acts)


def documents(text: str, kind: dict[str, bool]) -> list[str]:
    tokenizer = letters(**kind)
    marks = document_marks(tokenizer)
    between = None if marks.begin or marks.end else EOT
    return list(Spelled(tokenizer, marks, between).documents(text))


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("a b", NONE, ["a b"]),
        ("a b<eot>", NONE, ["a b"]),
        ("<eot>a b", NONE, ["a b"]),
        ("<eot> a b \n<eot>\n", NONE, [" a b \n"]),
        ("<eot><eot>a<eot>\n<eot> <eot>", NONE, ["a"]),
        ("a<eot>b", NONE, ["a<eot>b"]),
        ("a<eot><eot>\n<eot>b", NONE, ["a<eot>b"]),
        ("<bos>a<eot>", NONE, ["<bos>a"]),  # nothing puts a beginning, so it is the text's own
        ("<eot>", NONE, []),
        (" \n<eot> <eot>\n", NONE, []),
        ("", NONE, []),
        ("<bos>a b", FIRST, ["a b"]),
        ("<bos><bos>\n<bos>a b", FIRST, ["a b"]),
        ("a<bos>b<bos>", FIRST, ["a", "b"]),
        ("<bos>a<eot><bos>b<eot>", FIRST, ["a<eot>", "b<eot>"]),
        ("a<eot><eot>b", FIRST, ["a<eot>b"]),
        ("<bos>a<eot><bos>b<eot>", BOTH, ["a", "b"]),
        ("<bos>a<eot>b<eot>\n<eot>", BOTH, ["a<eot>b"]),
        ("a<eot>", LAST, ["a"]),
        ("<eot>a<eot>b<eot>", LAST, ["a<eot>b"]),
    ],
)
def test_a_mark_that_is_spelled_is_taken_out_where_it_will_be_put(text: str, kind: dict[str, bool], found: list[str]):
    assert documents(text, kind) == found


@pytest.mark.parametrize(
    ("kind", "spelled"),
    [
        *((kind, spelled) for kind in (NONE, LAST) for spelled in ("{}<eot>", "<eot>{}<eot><eot>\n")),
        *((kind, spelled) for kind in (FIRST, BOTH) for spelled in ("<bos>{}", "<bos> <bos>{}<bos>")),
        (BOTH, "<bos>{}<eot>"),
        (BOTH, "{}<eot>\n<bos>"),
    ],
)
def test_texts_give_the_tokens_that_they_give_without_their_marks(kind: dict[str, bool], spelled: str) -> None:
    texts = ["a b c", "d e", "f g h i", "j a"]
    plain = pack_texts(texts, letters(**kind), 4)
    marked = pack_texts([spelled.format(text) for text in texts], letters(**kind), 4)
    assert tokens(marked) == tokens(plain)
    assert marked.fingerprint == plain.fingerprint
