"""Which files are of a split, which are about the text, and which are versions of each other."""

from __future__ import annotations

import pytest

from nc_hf.corpus.folders import check_versions, choose_split, is_notice, split_of
from nc_hf.errors import CorpusError


def check(*names: str, split: str | None = "train") -> None:
    check_versions(names, split, "here", lambda name, pattern: f"take {name} or {pattern}")


def test_splits_are_chosen_by_meaning() -> None:
    assert choose_split("valid", ["train", "validation"], "x") == "validation"
    assert choose_split("validation", ["train", "val"], "x") == "val"
    assert choose_split("odd", ["train", "odd"], "x") == "odd"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.jsonl.gz", "train"),
        ("VAL_2.TXT", "validation"),
        ("wiki.test.tokens.txt", "test"),
        ("validation-00000-of-00002.parquet", "validation"),
        ("training.txt", None),
        ("retrain.txt", None),
        ("train", None),
    ],
)
def test_the_split_that_a_name_says(name: str, split: str | None) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize("name", ["COPYING.txt", "changelog.txt", "LICENCE-MIT.txt.gz", "dataset_infos.json"])
def test_what_is_about_the_text(name: str) -> None:
    assert is_notice(name)
    assert not is_notice(f"the {name}")


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt",),
        ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet"),
        ("train-00000-of-00002-2d5a1467fff1081b.parquet", "train-00001-of-00002-5852b56a2bd28fd9.parquet"),
        ("train-1.txt", "train-2.txt", "train-10.txt"),
        ("c4-train.part1.jsonl.gz", "c4-train.part2.jsonl.gz"),
        ("train_shard-01.csv", "train_shard-02.csv"),
        ("train-2021.jsonl", "train-2022.jsonl"),
    ],
)
def test_parts_of_one_text_are_no_versions(names: tuple[str, ...]) -> None:
    check(*names)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("train.jsonl", "train.jsonl.gz"), r"\*\.jsonl"),
        (("a-train-v1.txt", "a-train-v2.txt"), r"a-\*-v1\.txt"),
        (("train-0.txt", "train-0.csv"), r"\*\.txt"),
        (("Train-1-of-2.txt", "Train-1-of-3.txt"), r"\*\.txt"),
        (("train-1-of-2-00000000.txt", "train-1-of-2-11111111.txt"), r"\*\.txt"),
        (("news.train.txt", "train.txt"), r"news\.\*\.txt"),
    ],
)
def test_versions_of_a_split_are_named_with_a_pattern_that_chooses_one(names: tuple[str, str], pattern: str) -> None:
    with pytest.raises(
        CorpusError, match=rf"^'here' has two versions of the split 'train', {' and '.join(names)}: "
    ) as e:
        check(*names)
    assert str(e.value).endswith(f": take {names[0]} or {pattern}.".replace("\\", ""))


def test_where_nothing_is_divided_only_another_kind_is_another_version() -> None:
    check("a.txt", "b.txt", "a-1.txt", "a-v2.txt", split=None)
    with pytest.raises(CorpusError, match=r"^'here' has two versions, a\.csv and a\.txt\.gz: take a\.csv or None\.$"):
        check("a.csv", "a.txt.gz", "b.txt", split=None)
