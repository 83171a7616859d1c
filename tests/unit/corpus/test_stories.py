"""The built-in stories: the same everywhere, rich enough in words, and held together; their tokenizer."""

from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from nc_hf.corpus.grammar import SLOT, plots, words
from nc_hf.corpus.stories import END_OF_TEXT, builtin_tokenizer, stories, train_tokenizer
from nc_hf.corpus.tokens import tokenizer_hash
from nc_hf.errors import InputError

# Printed by the program below under Python 3.11, 3.12 and 3.13.
DIGEST_OF_500 = "fbf92a2d38bdf17fb0db0e0afc8ea19474991d3792d9b522eaa2964cbcb7c387"
PRINT_DIGEST = """
import hashlib, sys
from itertools import islice
from nc_hf.corpus.stories import stories
print(hashlib.sha256("\\n".join(islice(stories(0), 500)).encode()).hexdigest())
assert "transformers" not in sys.modules and "tokenizers" not in sys.modules
"""


@pytest.fixture(scope="module")
def sample() -> list[str]:
    return list(islice(stories(0), 5000))


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


@pytest.mark.slow
def test_a_seed_gives_the_same_stories_everywhere_and_needs_no_transformers() -> None:
    for hash_seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == DIGEST_OF_500


def test_the_stream_is_the_same_when_read_again(sample: list[str]) -> None:
    assert list(islice(stories(0), 500)) == sample[:500]
    assert hashlib.sha256("\n".join(sample[:500]).encode()).hexdigest() == DIGEST_OF_500


@pytest.mark.parametrize("seed", [1, -1, 10**20])
def test_other_seeds_tell_other_stories(sample: list[str], seed: int) -> None:
    assert not set(sample) & set(islice(stories(seed), 500))
    assert not set(islice(stories(seed), 20)) & set(islice(stories(-seed), 20))


def test_no_story_is_told_twice(sample: list[str]) -> None:
    assert len(set(sample)) > 0.999 * len(sample)


def test_stories_are_80_to_250_words_long_and_vary(sample: list[str]) -> None:
    lengths = [len(story.split()) for story in sample]
    assert min(lengths) >= 80
    assert max(lengths) <= 250
    assert np.std(lengths) > 20


def test_words_are_many_and_used_as_zipf_has_it(sample: list[str]) -> None:
    counts = Counter(word for story in sample for word in words_of(story))
    assert len(counts) >= 1500
    assert sum(count >= 10 for count in counts.values()) >= 1500
    frequency = np.array(sorted(counts.values(), reverse=True)[:1500])
    slope, _ = np.polyfit(np.log(np.arange(1, 1501)), np.log(frequency), 1)
    assert -1.4 < slope < -0.8


def test_there_is_dialogue_and_more_than_one_form_of_sentence(sample: list[str]) -> None:
    def share(pattern: str) -> float:
        return sum(bool(re.search(pattern, story)) for story in sample) / len(sample)

    assert share(r'"[A-Z][^"]+[,.!?]"') > 0.9  # speech
    assert share(r'\?"') > 0.3  # questions
    assert share(r'!"') > 0.5  # exclamations
    assert share(r"\bBut\b|\bbut\b") > 0.7  # contrast
    assert share(r"\n") > 0.9  # paragraphs


def test_sentences_are_written_properly(sample: list[str]) -> None:
    for story in sample:
        assert not re.search(r"[{}|*>\[\]]|//|  |\bNone\b", story), story
        assert story.count('"') % 2 == 0, story
        assert not re.search(r"\b[Aa] [aeio]|\b[Aa]n [^aeiouh]", story), story
        assert all(re.match(r'"?[A-Z]', paragraph) for paragraph in story.split("\n")), story


def test_the_same_people_stay_from_the_first_to_the_last_paragraph(sample: list[str]) -> None:
    names = {row[""][0] for section in ("girl", "boy", "pet") for row in words()[section]}
    for story in sample[:1000]:
        people = [{word for word in re.findall(r"\w+", part) if word in names} for part in story.split("\n")]
        assert 1 <= len(set.union(*people)) <= 2, story
        assert people[0] & (people[-1] | people[-2]), story


@pytest.mark.slow
def test_what_is_done_has_its_consequence(sample: list[str]) -> None:
    learned = 0
    for row in words()["skill"]:
        skill, did, tip = row[""][0], row["did"][0], row["tip"][0]
        for story in sample:
            if re.search(rf"[Hh]e wanted to {skill}, but", story):
                assert tip in story, story
                assert f"this time {story_pronoun(story, skill)} {did}!" in story, story
                learned += 1
    assert learned > 50


def story_pronoun(story: str, skill: str) -> str:
    found = re.search(rf"(She|He) wanted to {skill}, but", story)
    assert found is not None
    return found[1].lower()


def test_what_is_lost_is_what_is_found(sample: list[str]) -> None:
    found = 0
    for story in sample:
        if lost := re.search(r"went anywhere without \w+ (.+?)\.\n", story):
            assert re.search(rf"The {lost[1].split(' ', 1)[1]} was there!", story), story
            found += 1
    assert found > 50


def test_every_rule_and_every_section_is_used(sample: list[str]) -> None:
    lines = [line for rule in plots().values() for line in rule]
    named = {match["name"].lower() for line in lines for match in SLOT.finditer(line)}
    assert {name[1:] for name in named if name.startswith(">")} == set(plots()) - {"story"}
    roots = {name.split(".")[0].rstrip("23") for name in named if not name.startswith(">")}
    hero = {"hero", "friend", "he", "him", "his", "himself", "hands", "home", "food"}
    assert roots - hero == set(words()) - {"girl", "boy", "pet", "pronoun"}
    counts = Counter(word for story in sample for word in words_of(story))
    unused = [row[""][0] for rows in words().values() for row in rows if not counts[words_of(row[""][0])[0]]]
    assert len(unused) < 10, unused


def test_context_tells_the_next_word(sample: list[str]) -> None:
    """A small model has something to learn: a word pair says far more than a word alone."""
    train = [word for story in sample[:4000] for word in story.split()]
    test = [word for story in sample[4000:] for word in story.split()]
    single, double = Counter(train), Counter(pairwise(train))
    size = len(single)

    def unigram(word: str) -> float:
        return (single[word] + 1) / (len(train) + size)

    def bigram(before: str, word: str) -> float:
        return (double[before, word] + 10 * unigram(word)) / (single[before] + 10)

    alone = -sum(math.log(unigram(word)) for word in test) / len(test)
    paired = -sum(math.log(bigram(*pair)) for pair in pairwise(test)) / (len(test) - 1)
    assert paired < alone - 1.5


@pytest.mark.slow
def test_the_tokenizer_is_the_same_each_time_and_gives_the_text_back(sample: list[str]) -> None:
    first = builtin_tokenizer(600)
    assert tokenizer_hash(first) == tokenizer_hash(builtin_tokenizer(600))
    assert len(first) == 600
    for text in (*sample[:20], "Zoë & 你好\n\ttab"):
        assert first.decode(first(text)["input_ids"]) == text
    assert first.eos_token_id == first.bos_token_id == first.pad_token_id == 0
    assert first(END_OF_TEXT)["input_ids"] == [0]


@pytest.mark.slow
def test_the_tokenizer_makes_words_of_the_stories_single_tokens(sample: list[str]) -> None:
    tokenizer = builtin_tokenizer()
    assert len(tokenizer) == 2048
    words = sum(len(story.split()) for story in sample[:200])
    assert sum(map(len, tokenizer(sample[:200])["input_ids"])) < 1.5 * words


@pytest.mark.parametrize("vocab_size", [-1, 0, 256])
def test_a_vocabulary_without_room_for_the_bytes_is_refused(vocab_size: int) -> None:
    with pytest.raises(InputError, match="257 or more"):
        train_tokenizer(["text"], vocab_size)


def test_texts_with_few_words_give_a_smaller_vocabulary() -> None:
    assert len(train_tokenizer(["so so so"], 1000)) == 259  # and the merges "so" and " so"
