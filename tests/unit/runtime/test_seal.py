"""The seal of a document: any change of content breaks it, and none of form does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nc_hf.runtime.seal import BrokenSealError, opened, sealed

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | NUMBERS | st.text()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
DOCUMENTS = st.dictionaries(st.text().filter(lambda name: name != "seal"), VALUES)


@pytest.mark.slow
@given(DOCUMENTS)
def test_a_document_opens_as_it_was_through_any_file(document: dict[str, object]) -> None:
    for text in (json.dumps(sealed(document)), json.dumps(sealed(document), sort_keys=True, indent=1)):
        assert opened(json.loads(text)) == document
    assert opened(document) == document, "one without a seal is taken as it is"


@pytest.mark.slow
@given(DOCUMENTS, DOCUMENTS)
def test_another_content_under_the_same_seal_is_refused(one: dict[str, object], other: dict[str, object]) -> None:
    told = {**other, "seal": sealed(one)["seal"]}
    if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True):
        assert opened(told) == other
    elif one != other:
        with pytest.raises(BrokenSealError, match="not that of its seal"):
            opened(told)


@pytest.mark.parametrize(
    ("old", "new"), [(1, 1.5), (0.1, 0.2), ("1", 1), (None, 0), ([1, 2], [2, 1]), ([], {}), (True, False)]
)
def test_each_kind_of_change_is_seen(old: object, new: object) -> None:
    with pytest.raises(BrokenSealError):
        opened({**sealed({"a": {"b": old}}), "a": {"b": new}})


@pytest.mark.parametrize("seal", [None, "", "sha256:", 3, {"a": 1}])
def test_a_seal_that_is_none_is_broken(seal: object) -> None:
    with pytest.raises(BrokenSealError):
        opened({"a": 1, "seal": seal})


def test_one_and_one_point_nought_are_one_number() -> None:
    assert opened({**sealed({"a": [1.0, 2.5]}), "a": [1, 2.5]}) == {"a": [1, 2.5]}
