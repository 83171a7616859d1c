"""The packed text in a study's folder: tokenized once, mapped and not held, and never another text than the study's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

import nc_hf.corpus.tokens
from nc_hf.corpus.blocks import TokenBlocks, fingerprint
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.stories import builtin_tokenizer, stories
from nc_hf.corpus.tokens import tokenizer_hash
from nc_hf.errors import StudyError
from nc_hf.runtime.tensors import save_tensors
from nc_hf.study.packed import NOTED, Packing, _Hashed, _origin, keep_packed, note_texts
from nc_hf.study.preset import load_study

PACKING = Packing(block_size=32, packing="documents", max_tokens=None)
BOUNDED = Packing(block_size=32, packing="documents", max_tokens=310)
STUDY = load_study("smoke")
STORIES = list(islice(stories(0), 300))

WRITTEN_BEFORE = ("fingerprint", "packing", "source", "split", "tokenizer_hash", "eot_id")
"""What was kept of blocks besides their tensors before marks were."""

Keep = Callable[..., TokenBlocks]

tokenizer = cache(builtin_tokenizer)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a text, in that of its study."""
    path = tmp_path / "texts" / "some"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def keep(folder: Path) -> Keep:
    def call(texts: list[str] = STORIES, packing: Packing = PACKING, vocab_size: int = 400) -> TokenBlocks:
        corpus = Corpus("some", "all", texts)
        return keep_packed(folder, "train", corpus, tokenizer(vocab_size), packing)

    return call


@pytest.fixture
def tokenized(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each call of a tokenizer got, from now on."""
    sizes, real = [], nc_hf.corpus.tokens.token_ids

    def counting(texts: list[str], tokenizer: object) -> list[list[int]]:
        sizes.append(len(texts))
        time.sleep(0.05)
        return real(texts, tokenizer)  # type: ignore[arg-type]

    monkeypatch.setattr(nc_hf.corpus.tokens, "token_ids", counting)
    return sizes


def packed_file(folder: Path) -> Path:
    return folder / "train.safetensors"


def equal(one: TokenBlocks, other: TokenBlocks) -> bool:
    """Whether the ids are the same, in whatever integers, and all else that is kept."""
    ids = torch.equal(one.input_ids.long(), other.input_ids.long())
    return ids and all(getattr(one, name) == getattr(other, name) for name in WRITTEN_BEFORE)


@pytest.mark.slow
@pytest.mark.parametrize("packing", [PACKING, BOUNDED, Packing(32, "paper", None)])
def test_a_second_start_has_the_same_blocks_and_tokenizes_nothing(
    keep: Keep, tokenized: list[int], packing: Packing
) -> None:
    first = keep(packing=packing)
    assert sum(tokenized) > 0
    before = list(tokenized)
    assert equal(keep(packing=packing), first)
    assert tokenized == before
    assert equal(packing.pack(Corpus("some", "all", STORIES), tokenizer(400)), first)


def test_processes_that_come_at_once_tokenize_once(keep: Keep, tokenized: list[int]) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: keep(), range(4)))
    assert sum(tokenized) == len(STORIES)
    assert all(equal(blocks, found[0]) for blocks in found)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux tells what is mapped")
def test_the_blocks_are_mapped_from_the_file(keep: Keep, folder: Path) -> None:
    blocks = keep()
    assert str(packed_file(folder)) in Path("/proc/self/maps").read_text()
    assert blocks.input_ids.dtype == torch.uint16


def test_a_token_takes_two_bytes(keep: Keep, folder: Path) -> None:
    blocks = keep()
    assert packed_file(folder).stat().st_size == pytest.approx(2 * blocks.input_ids.numel(), abs=2000)
    assert len(list(folder.iterdir())) == 2, "nothing else is left there than the file and the lock"


@pytest.mark.slow
def test_a_vocabulary_beyond_that_takes_four(folder: Path) -> None:
    words = builtin_tokenizer(400)
    words.add_tokens([f"<{number}>" for number in range(1 << 16)])
    corpus = Corpus("some", "all", [f"{STORIES[0]} <{(1 << 16) - 1}> <0>", *STORIES[:9]])
    kept = keep_packed(folder, "train", corpus, words, PACKING)
    assert kept.input_ids.dtype == torch.int32
    assert kept.highest_id == len(words) - 1 > 1 << 16
    assert equal(kept, PACKING.pack(corpus, words))


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("harm", ["cut", "token", "header", "foreign"])
def test_a_damaged_file_is_made_anew(keep: Keep, folder: Path, harm: str, begun: bool) -> None:
    first, path = keep(), packed_file(folder)
    wanted = first.input_ids.clone()
    data = bytearray(path.read_bytes())
    if begun:
        note_texts(folder, STUDY, {"train": first})
    header = 8 + int.from_bytes(data[:8], "little")
    if harm == "token":
        data[data.index(first.input_ids.numpy().tobytes(), header)] ^= 1
    spoilt = {"cut": data[: len(data) // 2], "foreign": b"no tensors", "header": data.replace(b"origin", b"0rigin")}
    spoilt = bytes(spoilt.get(harm, data))
    path.unlink()  # what is mapped stays as it is
    path.write_bytes(spoilt)
    again = keep()
    assert torch.equal(again.input_ids, wanted)
    assert path.read_bytes() != spoilt


@pytest.mark.slow
def test_another_text_is_refused_once_the_study_has_begun(keep: Keep, folder: Path) -> None:
    first = keep()
    note_texts(folder, STUDY, {"train": first})
    kept = packed_file(folder).read_bytes()
    for other in (STORIES[1:], [*STORIES, "One more."], [*STORIES[:-1], STORIES[-1] + " "]):
        with pytest.raises(StudyError, match="give the same corpus"):
            keep(other)
    with pytest.raises(StudyError, match="give the same corpus and tokenizer"):
        keep(vocab_size=500)
    assert packed_file(folder).read_bytes() == kept
    assert equal(keep(), first)


def test_before_that_it_takes_the_place_of_the_old(keep: Keep) -> None:
    first = keep()
    other = keep(STORIES[1:])
    assert other.fingerprint != first.fingerprint
    assert equal(other, PACKING.pack(Corpus("some", "all", STORIES[1:]), tokenizer(400)))
    assert keep(STORIES[1:], BOUNDED).num_labels == 310


def test_with_a_bound_only_what_is_read_counts(keep: Keep, folder: Path, tokenized: list[int]) -> None:
    first = keep(packing=BOUNDED)
    note_texts(folder, STUDY, {"train": first})
    read = sum(tokenized)
    assert read < len(STORIES)
    assert equal(keep([*STORIES[:read], "Something else."], BOUNDED), first)
    with pytest.raises(StudyError, match="not the one"):
        keep([*STORIES[: read - 1], "Something else."], BOUNDED)
    with pytest.raises(StudyError, match="not the one"):
        keep(STORIES[: read - 1], BOUNDED)


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["removed", "cut"])
def test_a_text_that_was_refused_does_not_stay(keep: Keep, folder: Path, harm: str) -> None:
    first, path = keep(), packed_file(folder)
    note_texts(folder, STUDY, {"train": first})
    data = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(data[:100])
    with pytest.raises(StudyError, match="give the same corpus"):
        keep(STORIES[1:])
    assert not path.exists()
    assert equal(keep(), first)


def test_what_a_killed_process_left_is_removed(keep: Keep, folder: Path) -> None:
    (folder / ".train.safetensors.x7.safetensors").write_bytes(b"half")
    keep()
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "train.safetensors"]


@pytest.mark.slow
def test_two_roles_of_one_corpus_are_kept_apart(folder: Path) -> None:
    corpus, words = Corpus("some", "all", STORIES), tokenizer(400)
    for _ in range(2):
        train = keep_packed(folder, "train", corpus, words, PACKING)
        validation = keep_packed(folder, "validation", corpus, words, BOUNDED)
        note_texts(folder, STUDY, {"train": train, "validation": validation})
        assert len(train) > len(validation) == 10


def test_a_note_that_was_edited_is_refused(keep: Keep, folder: Path) -> None:
    keep()
    for note in ('{"train": 3}', '["train"]', '{"other": {}}', '{"train": {}}'):
        (folder / NOTED).write_text(note)
        with pytest.raises(StudyError, match="not the one"):
            note_texts(folder, STUDY, {"train": keep()})
    (folder / NOTED).write_text('{"tra')
    with pytest.raises(StudyError, match="edited or cut short"):
        keep()


def marked() -> PreTrainedTokenizerFast:
    """A tokenizer that puts a beginning in front of a text."""
    words = builtin_tokenizer(400)
    words.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", words.eos_token_id)]
    )
    return words


@pytest.mark.slow
def test_blocks_that_begin_with_a_mark_come_back_with_their_labels(folder: Path) -> None:
    corpus = Corpus("some", "all", STORIES)
    made = PACKING.pack(corpus, marked())
    for _ in range(2):
        kept = keep_packed(folder, "train", corpus, marked(), PACKING)
        assert equal(kept, made)
        assert kept.marks == made.marks
        assert torch.equal(kept.labels(slice(None)), made.labels(slice(None)))


@pytest.mark.slow
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("harm", [None, "token", "document"])
def test_a_folder_of_an_older_version_goes_on_with_the_blocks_that_it_has(
    folder: Path, begun: bool, harm: str | None
) -> None:
    """Marks were not known then: a text that begins with one was cut like any other, and each token was a label.

    Ids and documents had four bytes each, and both are held to their hashes.
    """
    corpus, words = Corpus("some", "all", STORIES), marked()
    texts = _Hashed(corpus.texts).read_through()
    ids = torch.tensor([token for row in words(STORIES)["input_ids"] for token in row], dtype=torch.int32)
    ids = ids[: len(ids) // 32 * 32].view(-1, 32)
    belongs = tokenizer_hash(words)
    old = TokenBlocks(ids, ids * 0, fingerprint(ids, "documents", belongs), "documents", "some", "all", belongs, None)
    rest = {name: getattr(old, name) for name in WRITTEN_BEFORE}
    hashes = [fingerprint(part, "documents", belongs) for part in (ids, ids * 0)]
    spoilt = [ids ^ (harm == "token"), ids * 0 ^ (harm == "document")]
    made = {"blocks": rest, "origin": _origin(texts, words, PACKING), "hashes": hashes}
    tensors = dict(zip(("input_ids", "document_ids"), spoilt, strict=True))
    save_tensors(packed_file(folder), tensors, {"format": "nc_hf.blocks", "made": json.dumps(made)})
    if begun:
        note_texts(folder, STUDY, {"train": old})
    if harm:  # this version would cut the text otherwise
        with pytest.raises(StudyError, match="not the one") if begun else nullcontext():
            assert keep_packed(folder, "train", corpus, words, PACKING).marks.begin
        return
    kept = keep_packed(folder, "train", corpus, words, PACKING)
    assert equal(kept, old)
    assert kept.num_labels == 31 * len(ids)
