"""Settings of a data set: which files they name, and that they lead no stranger out of the repository."""

from __future__ import annotations

import json

import pytest

from nc_hf.corpus.corpus import open_corpus
from nc_hf.corpus.settings import file_names
from nc_hf.errors import CorpusError
from tests.hub.server import StandIn


def jsonl(text: str) -> str:
    return json.dumps({"text": text}) + "\n"


def test_files_are_named_by_each_configuration(hub: StandIn) -> None:
    readme = (
        "---\nconfigs:\n- config_name: en\n  data_files: [{split: train, path: [a.txt, 'b*.txt']}]\n"
        "- config_name: fr\n  data_dir: fr\n---\n"
    )
    hub.add("a/b", {"README.md": readme}, kind="dataset")
    named = {name for name in file_names("a/b", None) if name != "train"}
    assert named == {"a.txt", "b*.txt", "fr"}
    hub.add("a/none", {"README.md": "---\nlicense: mit\n---\n"}, kind="dataset")
    assert list(file_names("a/none", None)) == []


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "/tmp/**/*.txt", "../*.txt", "file:///etc/hostname", "https://127.0.0.1/x.txt", "~/x.txt"]
)
@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
@pytest.mark.parametrize("form", ["[{{split: validation, path: '{}'}}]", "'{}'", "{{validation: ['{}']}}"])
def test_a_data_set_leads_no_stranger_out_of_its_repository(hub: StandIn, path: str, file: str, form: str) -> None:
    settings = f"note: 'a --- b'\nconfigs:\n- config_name: default\n  data_files: {form.format(path)}\n"
    text = f"---\n{settings}---\n" if file == "README.md" else settings
    hub.add("a/b", {file: text, "validation.jsonl": jsonl("x")}, kind="dataset")
    with pytest.raises(CorpusError, match=r"^The data set a/b names files outside its repository: "):
        open_corpus("hub:a/b", allow_local=False)


@pytest.mark.slow
def test_a_data_set_that_keeps_to_itself_is_open_to_strangers(hub: StandIn) -> None:
    readme = "---\nconfigs:\n- config_name: default\n  data_files: [{split: validation, path: 'data/v*.jsonl'}]\n---\n"
    hub.add("a/b", {"README.md": readme, "data/v.jsonl": jsonl("x")}, kind="dataset")
    assert list(open_corpus("hub:a/b", allow_local=False).texts) == ["x"]


def _unfolding(lines: int) -> str:
    """Settings of few bytes that unfold to nine to the power of so many names."""
    return "x0: &a0 [a]\n" + "".join(f"x{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]\n" for n in range(1, lines))


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "settings",
    [
        _unfolding(12) + "configs:\n- data_files: *a11\n",
        _unfolding(12).replace("[a]", "{b: c}").replace("[", "{<<: [").replace("]", "]}"),
        "configs:\n- data_files: &a [*a]\n",
        f"configs: {50_000 * '['}",
    ],
    ids=["aliases", "merged", "recursive", "deep"],
)
@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
def test_settings_that_unfold_without_end_are_refused(hub: StandIn, settings: str, file: str) -> None:
    text = f"---\n{settings}\n---\n" if file == "README.md" else settings
    hub.add("a/b", {file: text, "validation.jsonl": jsonl("x")}, kind="dataset")
    with pytest.raises(CorpusError, match=rf"^The settings in {file} of a/b cannot be read.*: name another data set"):
        open_corpus("hub:a/b", allow_local=False)


@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
def test_settings_that_are_too_long_are_not_even_fetched(hub: StandIn, file: str) -> None:
    hub.add("a/b", {file: "x" * 1_000_001, "validation.jsonl": jsonl("x")}, kind="dataset")
    with pytest.raises(CorpusError, match=rf"^{file} of the data set a/b has 1,000,001 bytes, of 1,000,000 .* name"):
        open_corpus("hub:a/b", allow_local=False)
    assert not hub.asked(r"GET .*/resolve/")
