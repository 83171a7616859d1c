"""`nc-hf publish`: one pull request with the real client, the README's other lines as they were, refusals in a line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from typer.testing import CliRunner, Result

from nc_hf import Report, measure
from nc_hf.cli import app
from nc_hf.corpus.corpus import Corpus
from nc_hf.errors import FileError, HubError, InputError
from nc_hf.report import MetricValue
from nc_hf.report.model_index import eval_results, with_results
from nc_hf.report.publishing import prepare, publish
from tests.hub.models import gpt2_files
from tests.hub.repository import Repository, as_bytes
from tests.hub.server import Fault, StandIn
from tests.paths import REFERENCES

NAME = "someone/tiny"
STORIES = Corpus("tinystories", "validation", ["One day a cat sat by the sea and saw a fish. " * 4] * 40)
REFERENCE = Report.load(REFERENCES / "report_2.json")

README = """---
# kept by hand
license: apache-2.0   # of the weights
tags: [text-generation, "été"]
model-index:
- name: tiny
  results:
  - task:
      type: text-generation
    dataset:
      type: wikitext
      name: WikiText   # the small one
    metrics:
    - type: perplexity
      value: 21.50
      oddity: kept

# what follows is of the owner
datasets:
  - roneneldan/TinyStories
---

# Tiny

Text with --- and *markup*.
"""


@pytest.fixture
def repository(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    return hub.add(NAME, {**gpt2_files(), "README.md": README})


@pytest.fixture
def report(repository: Repository) -> Report:
    return measure(NAME, STORIES, max_tokens=4_000, block_size=32, min_count=2, progress=False)


@pytest.fixture
def path(report: Report, tmp_path: Path) -> Path:
    report.save(tmp_path / "report.json")
    return tmp_path / "report.json"


def run(*arguments: object, answer: str | None = None) -> Result:
    strings = ["publish", *map(str, arguments)]
    result = CliRunner().invoke(app, strings, input=answer, prog_name="nc-hf", env={"COLUMNS": "100"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def files_of_pull(repository: Repository, number: int = 1) -> dict[str, str]:
    """What a pull request changes."""
    main, pull = repository.at("main").files, repository.at(f"refs/pr/{number}").files
    return {name: as_bytes(content).decode() for name, content in pull.items() if main.get(name) != content}


def writes(hub: StandIn) -> list[str]:
    return hub.asked("POST .*/(commit|preupload)/")


def test_one_pull_request_that_reads_back(hub: StandIn, repository: Repository, report: Report, path: Path) -> None:
    before, history = repository.branches["main"], len(repository.commits)
    result = run(path, "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == f"{hub.url}/{NAME}/discussions/1"
    assert repository.branches["main"] == before
    assert list(repository.pulls) == ["refs/pr/1"]
    assert len(repository.commits) == history + 1
    assert repository.at("refs/pr/1").parent == before
    changed = files_of_pull(repository)
    assert set(changed) == {"README.md", "nc_report.json"}
    assert changed["nc_report.json"] == report.to_json()

    card = ModelCard(changed["README.md"])
    assert card.data.model_name == "tiny"
    old, *ours = card.data.eval_results
    assert (old.dataset_type, old.metric_type, old.metric_value) == ("wikitext", "perplexity", 21.5)
    measured = {"perplexity": report.perplexity, "accuracy": report.accuracy}
    measured |= {name: metric.value for name, metric in report.metrics.items()}
    assert {each.metric_type: each.metric_value for each in ours} == {
        name: pytest.approx(value, rel=1e-5) for name, value in measured.items()
    }
    for each in ours:
        assert (each.task_type, each.dataset_type, each.dataset_split) == (
            "text-generation",
            "roneneldan/TinyStories",
            "validation",
        )
        assert each.dataset_args["fingerprint"] == report.corpus.fingerprint
        assert each.dataset_args["model_commit"] == before
        assert each.verified is False
        assert each.source_url == f"{hub.url}/{NAME}/blob/main/nc_report.json"
    cdnv = next(each for each in ours if each.metric_type == "nc1_cdnv")
    assert cdnv.metric_name == "NC1 CDNV (lower is more collapsed)"
    assert cdnv.metric_args == {"stderr": pytest.approx(report.metrics["nc1_cdnv"].stderr, rel=1e-5)}


def test_everything_else_in_the_readme_stays_byte_for_byte(repository: Repository, path: Path, tmp_path: Path) -> None:
    run(path, "--yes")
    readme = files_of_pull(repository)["README.md"]
    head, _, rest = README.partition("model-index:")
    _, blank, rest = rest.partition("\n\n# what follows")
    assert readme.startswith(head)
    assert readme.endswith(blank + rest)
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    metadata = metadata_load(tmp_path / "README.md")
    assert metadata is not None
    assert metadata["model-index"][0]["results"][0]["metrics"][0] == {
        "type": "perplexity",
        "value": 21.5,
        "oddity": "kept",
    }
    assert {**metadata, "model-index": None} == {
        **yaml.safe_load(REGEX_YAML_BLOCK.search(README)[2]),  # type: ignore[index]
        "model-index": None,
    }


def test_what_would_be_written_is_shown_and_asked_for(hub: StandIn, repository: Repository, path: Path) -> None:
    dry = run(path, "--dry-run")
    assert dry.exit_code == 0
    assert "+    - type: nc1_cdnv" in dry.stdout
    assert "-license" not in dry.stdout
    assert "nc_report.json: a new file" in dry.stdout
    for answer in ("n\n", "", "\n"):
        declined = run(path, answer=answer)
        assert declined.exit_code == 130
        assert "+    - type: nc1_cdnv" in declined.stdout
        assert declined.stderr.endswith("nc-hf: Nothing was published: run it again and answer y, or pass --yes.\n")
    assert not writes(hub)
    assert not repository.pulls
    agreed = run(path, answer="y\n")
    assert agreed.exit_code == 0
    assert f"Open this pull request on {NAME}?" in agreed.stderr
    assert list(repository.pulls) == ["refs/pr/1"]


def test_lines_of_the_diff_are_neither_wrapped_nor_obeyed(repository: Repository, path: Path) -> None:
    repository.commit({"README.md": f"---\nlicense: mit\n---\n\x1b[2J[bold]{'long ' * 60}\n"})
    dry = run(path, "--dry-run")
    assert dry.exit_code == 0
    lines = dry.stdout.splitlines()
    assert f" \N{REPLACEMENT CHARACTER}[2J[bold]{'long ' * 60}" in lines
    assert "+    source:" in lines
    assert "\x1b" not in dry.stdout


def test_json_says_what_was_done(hub: StandIn, repository: Repository, path: Path) -> None:
    asked = run(path, "--json")
    assert asked.exit_code == 2
    assert "add --yes or --dry-run" in asked.stderr
    dry = json.loads(run(path, "--json", "--dry-run").stdout)
    assert (dry["repository"], dry["pull_request"]) == (NAME, None)
    assert not repository.pulls
    done = json.loads(run(path, "--json", "--yes").stdout)
    assert done["pull_request"] == f"{hub.url}/{NAME}/discussions/1"
    assert done["files"]["README.md"]["new"] is False
    assert done["files"]["nc_report.json"]["new"] is True
    assert done["files"] == dry["files"]


def test_a_repository_without_a_readme_gets_one(repository: Repository, report: Report) -> None:
    repository.commit(delete=("README.md",))
    publish(prepare(report))
    readme = files_of_pull(repository)["README.md"]
    assert ModelCard(readme).data.model_name == "tiny"
    assert readme.startswith("---\nmodel-index:\n")
    assert readme.endswith("\n---\n")


def test_a_later_report_takes_the_place_of_the_earlier(repository: Repository, report: Report) -> None:
    publish(prepare(report))
    repository.commit(files_of_pull(repository))  # the pull request is merged
    with pytest.raises(InputError, match="has this report already"):
        prepare(report)
    better = replace(report, metrics={**report.metrics, "nc1_cdnv": MetricValue(0.125)})
    publish(prepare(better))
    results = ModelCard(files_of_pull(repository, 2)["README.md"]).data.eval_results
    assert [each.metric_value for each in results if each.metric_type == "nc1_cdnv"] == [0.125]
    assert len(results) == 1 + 2 + len(report.metrics)
    elsewhere = replace(report, corpus=replace(report.corpus, source="builtin", fingerprint="0" * 64))
    publish(prepare(elsewhere))
    results = ModelCard(files_of_pull(repository, 3)["README.md"]).data.eval_results
    assert len(results) == 1 + 2 * (2 + len(report.metrics))


def test_paths_of_this_machine_are_not_published(repository: Repository, report: Report, tmp_path: Path) -> None:
    file = tmp_path / "secret folder" / "stories.jsonl"
    publish(prepare(replace(report, corpus=replace(report.corpus, source=str(file)))))
    changed = files_of_pull(repository)
    assert all("secret folder" not in text for text in changed.values())
    assert Report.from_dict(json.loads(changed["nc_report.json"])).corpus.source == "stories.jsonl"
    assert ModelCard(changed["README.md"]).data.eval_results[-1].dataset_name == "stories.jsonl"


def test_a_copy_with_the_commit_is_published_to_by_name(hub: StandIn, repository: Repository, report: Report) -> None:
    copy = hub.add("writer/copy", {"README.md": "# Copy\n"})
    with pytest.raises(HubError, match=r"writer/copy has no commit [0-9a-f]{7}, of which the report is: name"):
        prepare(report, "writer/copy")
    copy.commits[repository.branches["main"]] = repository.at("main")
    assert publish(prepare(report, "writer/copy")).endswith("/writer/copy/discussions/1")
    assert ModelCard(files_of_pull(copy)["README.md"]).text.strip() == "# Copy"
    assert not repository.pulls


# --- what is refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"commit": "sha256:" + "0" * 64}, "is not on the Hub: upload the model"),
        ({"commit": None}, "is not on the Hub: upload the model"),
    ],
)
def test_a_local_model_is_not_published(report: Report, change: dict[str, str | None], said: str) -> None:
    with pytest.raises(InputError, match=said):
        prepare(replace(report, model=replace(report.model, **change)))


def test_a_report_that_cannot_be_published_is_refused_before_a_token_is_asked_for(
    hub: StandIn, report: Report, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    replace(report, model=replace(report.model, commit=None)).save(path)
    hub.requests.clear()
    result = run(path, "--yes")
    assert result.exit_code == 2
    assert "is not on the Hub: upload the model" in result.stderr
    assert "token" not in result.stderr
    assert not hub.requests


def test_a_part_of_a_corpus_and_a_revision_are_refused(report: Report) -> None:
    with pytest.raises(InputError, match="of the shard 0/2"):
        prepare(replace(report, corpus=replace(report.corpus, shard="0/2")))
    with pytest.raises(InputError, match="give the id alone"):
        prepare(report, f"{NAME}@main")


@pytest.mark.parametrize(
    ("readme", "said"),
    [
        ("---\nlicense: [mit\n---\n", r"not valid YAML \(line 2\): repair it"),
        ("---\ndate: 2024-13-45\n---\n", r"not valid YAML: repair it"),
        ("---\n- mit\n---\n", "not a list of names and values"),
        ("---\nmodel-index: tiny\n---\n", "not a list of models with their results"),
        ("---\nmodel-index:\n- name: a\n  results: [none]\n---\n", "not a list of models with their results"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_a_readme_that_cannot_be_read_is_left_alone(
    hub: StandIn, repository: Repository, report: Report, readme: str | bytes, said: str
) -> None:
    repository.commit({"README.md": readme})
    with pytest.raises(FileError, match=said):
        prepare(report)
    assert not writes(hub)


def test_refusals_of_the_hub_are_one_sentence_each(
    hub: StandIn, repository: Repository, report: Report, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(said: str, code: int = 7) -> None:
        result = run(path, "--yes")
        assert result.exit_code == code, result.output
        assert said in result.stderr
        assert result.stderr.startswith("nc-hf: ")
        assert result.stderr.count("\n") == 1
        assert "hf_" not in result.stderr
        assert not repository.pulls

    hub.faults.append(Fault("POST .*/commit/", status=403, headers={"X-Error-Message": "Pull requests are disabled"}))
    refused("does not take a pull request to someone/tiny from you (Pull requests are disabled): use a token with")
    hub.faults[:] = [Fault("POST .*/commit/", status=500)]
    refused("answered 500")
    hub.faults[:] = [Fault("POST .*/validate-yaml", status=400)]
    refused("refuses the metadata that README.md of someone/tiny would have", code=6)
    hub.faults.clear()
    repository.gated = True
    repository.commit({"README.md": f"{README}\nMore.\n"})  # so that it is not in the cache
    refused("someone/tiny is gated")
    repository.gated, repository.private = False, True
    refused("There is no someone/tiny")
    repository.private = False
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    refused("refuses the token")
    monkeypatch.delenv("HF_TOKEN")
    hub.requests.clear()
    refused("takes a token with write access: set HF_TOKEN or run `hf auth login`")
    assert not hub.requests


def test_a_report_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    result = run(tmp_path / "report.json", "--yes")
    assert result.exit_code == 6
    assert "not a report" in result.stderr


# --- the head of a README by itself


RESULTS = eval_results(
    replace(REFERENCE, corpus=replace(REFERENCE.corpus, source="builtin")), "https://hub/nc_report.json"
)


@pytest.mark.parametrize(
    "readme",
    [
        "",
        "# Only text\n",
        "---\nlicense: mit\n---\n",
        "---\r\nlicense: mit # why\r\ntags:\r\n- a\r\n---\r\n\r\n# Windows\r\n",
        "---\n{license: mit, tags: [a, b]}\n---\ntext\n",
        "---\nmodel-index: []\nlicense: mit\n---\n",
        "---\nmodel-index:\nlicense: mit\n---\n",
        "---\nmodel-index: [{name: tiny, results: []}]\nlicense: mit\n---\n",
        "---\na: &shared {x: 1}\nmodel-index:\n- name: tiny\n  results: []\n  extra: *shared\nb: *shared\n---\n",
        "---\nmodel-index:\n- name: tiny\n  results:\n  - &one {task: {type: a}}\nb: *one\n---\n",
        "---\nmodel-index:\n- name: one\n  results: []\n- name: two\n  results: []\n---\n",
        "---\nlicense: mit\n# the end\nmodel-index:\n- name: tiny\n  results: []\n# after\n\n---\ntext",
    ],
)
def test_only_the_model_index_changes(readme: str) -> None:
    changed = with_results(readme, "tiny", RESULTS)
    found, before = REGEX_YAML_BLOCK.search(changed), REGEX_YAML_BLOCK.search(readme)
    assert found is not None
    metadata = yaml.safe_load(found[2])
    old = (yaml.safe_load(before[2]) or {}) if before else {}
    assert {name: value for name, value in metadata.items() if name != "model-index"} == {
        name: value for name, value in old.items() if name != "model-index"
    }
    assert changed[found.end() :] == (readme[before.end() :] if before else readme)
    assert ("\r\n" in changed) == ("\r\n" in readme)
    assert "\n" not in changed.replace("\r\n", "") if "\r\n" in readme else True
    entries = {entry["name"]: entry for entry in metadata["model-index"]}
    assert {entry["name"] for entry in old.get("model-index") or []} <= set(entries)
    metrics = entries["tiny"]["results"][-1]["metrics"]
    assert [metric["type"] for metric in metrics] == ["perplexity", "accuracy", *REFERENCE.metrics]
    assert with_results(changed, "tiny", RESULTS) == changed
    for comment in ("# why", "# the end", "# after"):
        assert (comment in changed) == (comment in readme)


# Values that YAML 1.1 and the Hub's YAML 1.2 read differently, and forms that a dump would lose.
THEIRS = """---
# keep me
language: no   # Norwegian
model-index:
# made by hand
- name: tiny
  results:
  - task: {type: asr}
    dataset:
      config: no   # Norwegian
      revision: 0123456
    metrics:
    - type: wer
      value: 25.90 # best
    - {type: cer, value: .nan}
    # more to come

- name: other   # a second model
  results:
  - task: {type: asr}
# the end
license: mit
extra_gated_prompt: |
  You agree.
---
# T
"""


def alike(one: str, other: str) -> int:
    """How many characters two texts have in common from the first."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def added_and_removed(before: str, after: str) -> tuple[str, str]:
    """What stands in the one place in which two texts differ."""
    same = alike(before, after)
    tail = alike(before[same:][::-1], after[same:][::-1])
    return after[same : len(after) - tail], before[same : len(before) - tail]


@pytest.mark.parametrize("name", ["tiny", "other", "a third"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_others_wrote_stays_byte_for_byte(name: str, newline: str) -> None:
    readme = THEIRS.replace("\n", newline)
    changed = with_results(readme, name, RESULTS)
    added, removed = added_and_removed(readme, changed)
    assert removed == ""
    assert added.count("value:") == len(RESULTS)
    assert added.count("\n") == added.count(newline)
    head = REGEX_YAML_BLOCK.search(changed)
    assert head is not None
    (entry,) = (entry for entry in yaml.safe_load(head[2])["model-index"] if entry["name"] == name)
    assert entry["results"][-1]["source"]["name"] == "nc_hf"


@pytest.mark.parametrize("name", ["tiny", "other", "a third"])
def test_only_the_earlier_result_of_ours_gives_way(name: str) -> None:
    earlier = with_results(THEIRS, name, RESULTS)
    better = [replace(each, metric_value=0.125) if each.metric_type == "nc1_cdnv" else each for each in RESULTS]
    changed = with_results(earlier, name, better)
    (old,) = (each.metric_value for each in RESULTS if each.metric_type == "nc1_cdnv")
    assert earlier.count(f"value: {old}\n") == 1
    assert changed == earlier.replace(f"value: {old}\n", "value: 0.125\n")
    assert with_results(changed, name, RESULTS) == earlier


@pytest.mark.parametrize(
    "end",
    [
        "extra_gated_prompt: |\n  You agree.",
        "prompt: >\n  You\n  agree.",
        "prompt: |+\n  You agree.\n",
        "prompt: |-\n  No.",
    ],
)
def test_a_head_that_ends_in_a_text_of_several_lines_stays(end: str) -> None:
    readme = f"---\n# keep me\nlanguage: no   # Norwegian\n{end}\n---\n# T\n"
    added, removed = added_and_removed(readme, with_results(readme, "tiny", RESULTS))
    assert removed == ""
    assert added.startswith("model-index:\n- name: tiny\n")


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        ("model-index: []   # none yet\nlicense: mit", "model-index:    # none yet\n- name: tiny\n  results:\n"),
        ("model-index:   # none yet\nlicense: mit", "model-index:   # none yet\n- name: tiny\n  results:\n"),
        ("model-index:\n- name: tiny # mine\nlicense: mit", "- name: tiny # mine\n  results:\n  - task:\n"),
        ("model-index:\n- name: tiny\n  results: []\nlicense: mit", "- name: tiny\n  results:\n  - task:\n"),
        ("model-index:\n- name: tiny\n  results: [{a: no}, ]\nlicense: mit", "  results: [{a: no},  {task: {type:"),
        ("model-index: [{name: tiny}] # mine\nlicense: mit", "model-index: [{name: tiny, results: [{task: {type: text"),
        ("model-index: [{name: a, x: no}, {name: b}]\nlicense: mit", "[{name: a, x: no}, {name: b}, {name: tiny,"),
        ("{license: mit, oddity: no}", "{license: mit, oddity: no, model-index: [{name: tiny, results: [{task:"),
    ],
)  # fmt: skip
def test_a_head_in_any_form_gets_a_result_and_keeps_its_comments(index: str, kept: str) -> None:
    readme = f"---\n# keep me\nlanguage: no   # Norwegian\n{index}\n---\n# T\n"
    readme = readme.replace("language: no   # Norwegian\n", "") if index.startswith("{") else readme
    changed = with_results(readme, "tiny", RESULTS)
    assert kept in changed
    assert changed.count("#") == readme.count("#")
    assert with_results(changed, "tiny", RESULTS) == changed
    better = [replace(each, metric_value=0.125) for each in RESULTS]
    again = with_results(changed, "tiny", better)
    assert again.count("0.125") == len(RESULTS)
    assert with_results(again, "tiny", RESULTS) == changed


@pytest.mark.parametrize(
    "readme",
    [
        "---\na: &r\n- task: {type: a}   # kept\nmodel-index:\n- name: tiny\n  results: *r\n---\n",
        "---\na: &r {name: tiny}\nmodel-index: [*r]\n---\n",
        "---\nbase: &b\n  results:\n  - task: {type: a}\nmodel-index:\n- <<: *b\n  name: tiny\n---\n",
        "---\nmodel-index:\n- name: tiny\n  results:\n  - task: {type: a}\n    note: |+\n      text\n\n---\n",
        "---\nlicense: mit\n...\n---\n",
    ],
)
def test_a_head_that_cannot_be_added_to_is_refused(readme: str) -> None:
    with pytest.raises(FileError, match="cannot be added without changing other lines: write it with a line for"):
        with_results(readme, "tiny", RESULTS)


@pytest.mark.parametrize(
    "readme",
    ["--- \nlicense: mit\n---\n# T\n", "---\nlicense: mit\n# T\n", "\n---\t\nlicense: mit\n---\n", "---\r\n---\r\n"],
)
def test_a_head_that_the_hub_does_not_read_gets_no_second_one_in_front(readme: str) -> None:
    with pytest.raises(FileError, match="begins with --- but has no head that the Hub reads: put --- and nothing else"):
        with_results(readme, "tiny", RESULTS)


def test_values_without_a_number_are_left_out() -> None:
    metrics = {"nc1_cdnv": MetricValue(float("nan")), "nc2_cos_std": MetricValue(0.5, float("nan"))}
    results = eval_results(
        replace(REFERENCE, metrics=metrics, perplexity=float("inf"), accuracy=0.123456789), "https://h"
    )
    assert [(each.metric_type, each.metric_value, each.metric_args) for each in results] == [
        ("accuracy", 0.123457, None),
        ("nc2_cos_std", 0.5, None),
    ]


def test_a_data_set_of_the_hub_is_named_with_its_configuration() -> None:
    corpus = replace(REFERENCE.corpus, source="hub:owner/texts:small::story", split="test")
    result = eval_results(replace(REFERENCE, corpus=corpus), "https://h")[0]
    assert (result.dataset_type, result.dataset_config, result.dataset_split) == ("owner/texts", "small", "test")
