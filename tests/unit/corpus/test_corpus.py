"""A corpus by its name: what a name means, the built-in stories, and how a corpus is read and packed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

import nc_hf.corpus.corpus
from nc_hf.corpus.blocks import hash_counts
from nc_hf.corpus.corpus import BUILTIN_DOCUMENTS, Corpus, open_corpus
from nc_hf.corpus.picking import pick_documents
from nc_hf.corpus.reading import ReadRecord, Source, Texts
from nc_hf.corpus.stories import stories, train_tokenizer
from nc_hf.errors import CorpusError, InputError
from tests.letters import letters
from tests.training import tiny_model


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(islice(stories(0), 50), 300)


@pytest.mark.parametrize("name", ["~no such user/x.txt", "x" * 300 + ".txt"])
def test_a_path_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match=r"^There is no .*: name "):
        open_corpus(name)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CorpusError, match="no file or folder 'wikitext': name one, or builtin, tinystories or hub:"):
        open_corpus("wikitext")


def test_a_local_folder_never_passes_for_a_data_set_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "train.txt").write_text("secret")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match="hides the data set of that name"):
        open_corpus("hub:a/b", "train")


@pytest.mark.slow
def test_the_builtin_splits_are_disjoint_streams_of_a_stated_length() -> None:
    train, validation = open_corpus("builtin", "train"), open_corpus("builtin", "val")
    assert (train.split, validation.split) == ("train", "validation")
    assert list(islice(train.texts, 10)) == list(islice(stories(0), 10))
    first, second = set(islice(train.texts, 1000)), list(validation.texts)
    assert len(second) == BUILTIN_DOCUMENTS["validation"] == 5000
    assert not first & set(second)
    with pytest.raises(CorpusError, match="no split 'test': choose one of train, validation"):
        open_corpus("builtin", "test")


def test_documents_can_be_bounded_and_read_again(tmp_path: Path) -> None:
    corpus = open_corpus("builtin", max_documents=3)
    assert list(corpus.texts) == list(corpus.texts) == list(islice(stories(1), 3))
    (tmp_path / "a.txt").write_text("a<|endoftext|>b<|endoftext|>c")
    assert list(open_corpus(str(tmp_path / "a.txt"), max_documents=2).texts) == ["a", "b"]
    for wrong in (0, -1):
        with pytest.raises(InputError, match="positive number"):
            open_corpus("builtin", max_documents=wrong)


def test_packing_names_the_corpus_and_its_split(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "Once upon a time there was a bear."}\n')
    blocks = open_corpus(str(tmp_path), "train").pack(tokenizer, 8)
    assert (blocks.source, blocks.split, blocks.packing) == (str(tmp_path), "train", "documents")
    own = Corpus("mine", "train", ["Once upon a time there was a bear."]).pack(tokenizer, 8)
    assert own.source == "mine"
    assert own.fingerprint == blocks.fingerprint


def test_errors_of_packing_name_the_corpus(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(CorpusError, match=r"a\.jsonl' \(all\) has no text"):
        open_corpus(str(tmp_path / "a.jsonl")).pack(tokenizer, 8)


def test_a_jsonl_text_with_the_end_of_text_mark_stays_one_document(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    rows = [{"text": "One bear<|endoftext|>and another"}, {"text": "Two mice"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = open_corpus(str(tmp_path / "a.jsonl"))
    assert len(list(corpus.texts)) == 2
    length = len(tokenizer(rows[0]["text"])["input_ids"]) + 1
    blocks = corpus.pack(tokenizer, length + 1)
    assert blocks.document_ids.tolist() == [[*[0] * length, 1]]
    assert blocks.input_ids.eq(tokenizer.eos_token_id).sum() == 2


@pytest.mark.slow
def test_the_fingerprint_is_the_same_in_another_process(tokenizer: PreTrainedTokenizerFast) -> None:
    program = (
        "from itertools import islice; from nc_hf.corpus.corpus import open_corpus;"
        "from nc_hf.corpus.stories import stories, train_tokenizer;"
        "tokenizer = train_tokenizer(islice(stories(0), 50), 300);"
        "print(open_corpus('builtin').pack(tokenizer, 64, max_tokens=5000).fingerprint)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "5", "TOKENIZERS_PARALLELISM": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = open_corpus("builtin").pack(tokenizer, 64, max_tokens=5000)
    assert printed.stdout.strip() == here.fingerprint


@pytest.mark.slow
def test_naming_a_corpus_needs_no_data_set_library() -> None:
    program = (
        "import sys, nc_hf.corpus.corpus;"
        "assert not {'datasets', 'transformers', 'pyarrow', 'pandas', 'accelerate'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_read_is_counted_and_logged_once_it_is_packed(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.txt").write_text("One bear and a mouse.<|endoftext|>Two bears and no mouse.")
    corpus = open_corpus(str(tmp_path))
    with caplog.at_level("INFO", "nc_hf.corpus"):
        corpus.pack(tokenizer, 8)
    assert corpus.reading == ReadRecord(1, 2, 2, "part", complete=True)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("INFO", f"read {tmp_path} (all): 2 documents (part) in 1 file")
    ]
    assert Corpus("mine", "all", ["a"]).reading is None


@pytest.mark.slow
def test_packing_takes_the_first_documents_and_says_so(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in islice(stories(1), 2000)))
    corpus = open_corpus(str(tmp_path / "a.jsonl"))
    with caplog.at_level("INFO", "nc_hf.corpus"):
        blocks = corpus.pack(tokenizer, 64, max_tokens=1000)
    reading = corpus.reading
    assert reading is not None
    assert (reading.complete, reading.spread, blocks.census) == (False, None, None)
    assert 1 < reading.documents < 2000
    assert blocks.document_ids.flatten().unique().tolist() == list(range(blocks.num_documents))
    assert caplog.messages[0].endswith("1 file: the rest was not read")
    corpus.pack(tokenizer, 64, max_tokens=10**9)
    assert corpus.reading is not None
    assert (corpus.reading.complete, corpus.reading.spread) == (True, None)


class TestSample:
    """A census of 20,000 characters, whatever is measured."""

    CENSUS = 20_000

    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nc_hf.corpus.corpus, "CENSUS_CHARACTERS", self.CENSUS)

    @pytest.fixture
    def corpus(self, tmp_path: Path) -> Corpus:
        rows = [json.dumps({"text": text}) + "\n" for text in islice(stories(1), 600)]
        (tmp_path / "a.jsonl").write_text("".join(rows))
        return open_corpus(str(tmp_path / "a.jsonl"))

    def picked(self, corpus: Corpus) -> Corpus:
        return Corpus(corpus.name, corpus.split, pick_documents(corpus.texts, self.CENSUS))

    def test_a_budget_below_the_text_is_spread_over_all_of_it_and_says_so(
        self, corpus: Corpus, tokenizer: PreTrainedTokenizerFast
    ) -> None:
        read = self.picked(corpus).pack(tokenizer, 64)
        blocks = corpus.sample(tokenizer, 64, max_tokens=1000, seed=7)
        reading = corpus.reading
        assert reading is not None
        assert (reading.complete, reading.spread, reading.documents) == (True, True, 600)
        assert torch.equal(blocks.input_ids, read.spread(1000, 7).input_ids)
        assert blocks.fingerprint == read.spread(1000, 7).fingerprint
        assert 900 < blocks.num_labels <= 1000
        assert blocks.seed == 7
        assert blocks.fingerprint != corpus.sample(tokenizer, 64, max_tokens=1000, seed=8).fingerprint

    @pytest.mark.slow
    def test_nothing_is_chosen_where_all_is_measured(self, corpus: Corpus, tokenizer: PreTrainedTokenizerFast) -> None:
        whole = corpus.pack(tokenizer, 64)
        assert whole.num_labels > 4 * 5_000
        for budget in (10**9, None):
            corpus.sample(tokenizer, 64, max_tokens=100)
            blocks = corpus.sample(tokenizer, 64, max_tokens=budget, seed=7)
            assert (blocks.fingerprint, blocks.seed) == (whole.fingerprint, None)
            assert corpus.reading is not None
            assert (corpus.reading.complete, corpus.reading.spread) == (True, None)

    def test_a_budget_above_the_census_picks_more(self, corpus: Corpus, tokenizer: PreTrainedTokenizerFast) -> None:
        picked = self.picked(corpus)
        budget = 2 * picked.pack(tokenizer, 64).num_labels
        blocks = corpus.sample(tokenizer, 64, max_tokens=budget)
        assert budget - 64 < blocks.num_labels <= budget
        assert blocks.num_documents > 1.5 * len(list(picked.texts))
        assert corpus.reading is not None
        assert (corpus.reading.complete, corpus.reading.spread) == (True, True)

    @pytest.mark.slow
    @pytest.mark.parametrize("packing", ["documents", "paper"])
    def test_the_census_is_the_same_for_every_budget(
        self, corpus: Corpus, tokenizer: PreTrainedTokenizerFast, packing: str
    ) -> None:
        read = self.picked(corpus).pack(tokenizer, 64, packing=packing)
        expected = torch.bincount(read.input_ids.flatten().long())
        for budget in (1, 64, 1000, read.num_labels, 2 * read.num_labels, None):
            census = corpus.sample(tokenizer, 64, packing=packing, max_tokens=budget, seed=3).census
            assert census is not None
            assert census.tolist() == expected.tolist()

    @pytest.mark.slow
    def test_the_text_is_known_by_its_census_whatever_the_budget(self) -> None:
        """Though a larger one reads tokens, with higher ids, that the census does not reach."""
        corpus = Corpus("letters", "all", [*["a b c d e"] * 3_000, *["i j"] * 3, *["a b c d e"] * 3_000])
        found = []
        for budget in (100, 5_000, 12_000, None):
            blocks = corpus.sample(letters(), 8, max_tokens=budget)
            assert blocks.census is not None
            found.append(hash_counts(blocks.census))
        assert len(set(found)) == 1
        other = Corpus("letters", "all", [*["a b c d e"] * 1_400, *["i j"] * 3_000]).sample(letters(), 8)
        assert other.census is not None
        assert hash_counts(other.census) not in found

    def test_a_text_shorter_than_the_census_is_counted_as_far_as_it_goes(
        self, tokenizer: PreTrainedTokenizerFast
    ) -> None:
        corpus = Corpus("few", "all", list(islice(stories(1), 5)))
        whole = corpus.pack(tokenizer, 64)
        for budget in (1, 500, None):
            census = corpus.sample(tokenizer, 64, max_tokens=budget).census
            assert census is not None
            assert census.tolist() == torch.bincount(whole.input_ids.flatten().long()).tolist()

    def test_of_a_stream_the_first_documents_are_taken_and_no_more_is_fetched(
        self, tokenizer: PreTrainedTokenizerFast
    ) -> None:
        asked: list[int] = []

        def read(record: ReadRecord) -> Iterator[str]:
            for number, text in enumerate(stories(1)):
                asked.append(number)
                record.rows += 1
                yield text

        corpus = Corpus("stream", "train", Texts(Source("train", read, streamed=True)))
        blocks = corpus.sample(tokenizer, 64, max_tokens=1_000)
        assert sum(len(text) for text, _ in zip(stories(1), asked[:-1], strict=False)) < self.CENSUS
        assert 900 < blocks.num_labels <= 1_000
        assert corpus.reading is not None
        assert (corpus.reading.complete, corpus.reading.spread) == (False, True)

    def test_a_model_reads_a_sample_of_its_seed(self, corpus: Corpus, tokenizer: PreTrainedTokenizerFast) -> None:
        model = tiny_model(vocab_size=len(tokenizer))
        for seed in (0, 5):
            mine = corpus.pack_for(model, tokenizer, 32, max_tokens=700, seed=seed)
            assert mine.fingerprint == corpus.sample(tokenizer, 32, max_tokens=700, seed=seed).fingerprint
        assert mine.fingerprint != corpus.pack_for(model, tokenizer, 32, max_tokens=700).fingerprint
        assert mine.census is not None


def test_a_text_without_words_is_refused_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": ""}\n{"text": null}\n{"text": " "}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl' \(all\) has no text: name one that does"):
        open_corpus(str(tmp_path / "a.jsonl")).check()
    (tmp_path / "b.jsonl").write_text('{"text": ""}\n{"text": "a"}\nno JSON, which is not read yet')
    open_corpus(str(tmp_path / "b.jsonl")).check()
    once = Corpus("mine", "all", iter(["a", "b"]))
    once.check()
    assert list(once.texts) == ["a", "b"], "a document was taken from texts at hand"


def test_a_path_may_name_the_split_and_the_column(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps({"doc": {"story": split}}))
    corpus = open_corpus(f"file:{tmp_path}:test:doc.story", "train")
    assert (corpus.split, list(corpus.texts)) == ("test", ["test"])
    assert list(open_corpus(f"file:{tmp_path}/train.jsonl::doc.story").texts) == ["train"]
    with pytest.raises(CorpusError, match="names no corpus: write builtin"):
        open_corpus(f"file:{tmp_path}::doc.story", allow_local=False)


def test_the_builtin_stories_are_read_to_their_end(tmp_path: Path) -> None:
    corpus = open_corpus("builtin", max_documents=20)
    assert len(list(corpus.texts)) == 20
    assert corpus.reading == ReadRecord(0, 20, 20, "story", complete=False)
