"""Names, pasted addresses and folders: what they mean, and what is no reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.errors import InputError, NCError
from nc_hf.hub import parse_reference, resolve
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn


@pytest.mark.parametrize(
    ("text", "kind"),
    [("./nowhere", InputError), ("/no/where", InputError), ("~/no/where", InputError), ("", InputError)],
)
def test_a_path_that_leads_nowhere_says_so(text: str, kind: type[NCError]) -> None:
    with pytest.raises(kind):
        resolve(text, allow_local=True)


def test_a_folder_has_no_revision(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no revisions"):
        resolve(str(tmp_path), "main", allow_local=True)


@pytest.mark.parametrize(
    ("text", "model", "revision"),
    [
        ("gpt2", "gpt2", None),
        (" EleutherAI/pythia-70m \n", "EleutherAI/pythia-70m", None),
        ("EleutherAI/pythia-70m@step1000", "EleutherAI/pythia-70m", "step1000"),
        ("a/b@refs/pr/3", "a/b", "refs/pr/3"),
        ("https://huggingface.co/a/b", "a/b", None),
        ("https://huggingface.co/a/b/", "a/b", None),
        ("http://hf.co/gpt2", "gpt2", None),
        ("huggingface.co/a/b", "a/b", None),
        ("https://huggingface.co/a/b/tree/step1000", "a/b", "step1000"),
        ("https://huggingface.co/gpt2/tree/v1.0", "gpt2", "v1.0"),
        ("https://huggingface.co/a/b/blob/main/config.json?x=1#L3", "a/b", "main"),
        ("https://huggingface.co/a/b/resolve/main/model.safetensors", "a/b", "main"),
        ("https://huggingface.co/a/b/tree/refs%2Fpr%2F3", "a/b", "refs/pr/3"),
        ("https://huggingface.co/a/b/tree/refs/pr/3", "a/b", "refs/pr/3"),
        ("https://huggingface.co/a/b/discussions/3", "a/b", None),
        ("hf://a/b@v1", "a/b", "v1"),
        ("hf://models/a/b", "a/b", None),
    ],
)
def test_names_and_pasted_addresses_are_understood(text: str, model: str, revision: str | None) -> None:
    read = parse_reference(text)
    assert (read.id, read.revision, read.folder) == (model, revision, None)


def test_two_revisions_must_agree() -> None:
    assert parse_reference("a/b@v1", "v1").revision == "v1"
    with pytest.raises(InputError, match="Two revisions"):
        parse_reference("a/b@v1", "v2")


def test_a_path_that_is_no_folder_is_refused_by_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "report.json").touch()
    refusals = {
        tmp_path / "none": "There is no folder .*: check the path",
        tmp_path / "report.json": "is a file: name the folder",
        f"{tmp_path}@main": "A folder has no revisions: give .* without '@main'",
    }
    for path, said in refusals.items():
        with pytest.raises(InputError, match=said):
            parse_reference(str(path), allow_local=True)


NO_IDS = [
    "",
    " ",
    "/",
    "a/b/c",
    "../../etc/passwd",
    "..",
    "a/..",
    "../a",
    "a//b",
    "/a/b",
    "a/b.git",
    "a--b/c",
    "a\\b",
    "a/b\nc",
    "a/b\0",
    "a b",
    "-a/b",
    "<script>alert(1)</script>",
    "a/<b>",
    "a/b?x=1",
    "a/b#c",
    "a/%2e%2e",
    "x" * 200,
    "a" * 100_000,
    "http://[",
    "https://",
    "https://huggingface.co",
    "https://huggingface.co/",
    "https://huggingface.co/datasets/a/b",
    "https://huggingface.co/spaces/a/b",
    "https://evil.example/a/b",
    "https://huggingface.co.evil.example/a/b",
    "https://huggingface.co@evil.example/a/b",
    "https://huggingface.co/a/b/c",
    "https://huggingface.co/../../etc/passwd",
    "file:///etc/passwd",
    "javascript://huggingface.co/a/b",
    "ftp://huggingface.co/a/b",
    "hf://datasets/a/b",
    "a/b@",
    "a/b@../../x",
    "a/b@..",
    "a/b@/etc",
    "a/b@x/../y",
    "a/b@.hidden",
    "a/b@a b",
    "a/b@a\nb",
    "a/b@" + "x" * 300,
    "a/b@c@d",
    "https://huggingface.co/a/b/tree/..%2F..%2Fx",
]


@pytest.mark.parametrize(
    ("text", "allow_local"),
    [(text, False) for text in NO_IDS] + [(text, True) for text in NO_IDS if text not in ("/", "..")],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_id_is_refused_in_one_short_sentence(hub: StandIn, text: str, allow_local: bool) -> None:
    with pytest.raises(InputError) as caught:
        parse_reference(text, allow_local=allow_local)
    message = str(caught.value)
    assert len(message) < 300
    assert message.endswith(".")
    assert "\n" not in message
    assert not hub.requests


@pytest.mark.parametrize("revision", ["../../x", "..", "/etc", "a b", "x" * 300, "", "-x", "a//b", "a\0"])
def test_a_revision_cannot_step_out_of_the_cache(hub: StandIn, hub_home: Path, revision: str) -> None:
    hub.add("someone/tiny", gpt2_files())
    if revision == "":
        assert parse_reference("someone/tiny", revision).revision is None
        return
    with pytest.raises(InputError, match="cannot be a revision"):
        resolve("someone/tiny", revision)
    assert not hub.requests
    assert not list(hub_home.iterdir())
