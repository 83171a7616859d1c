"""Publishing a report as one pull request: what it changes, and what is not published."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from nc_hf import Report
from nc_hf.errors import FileError, HubError, InputError
from nc_hf.report import MetricValue
from nc_hf.report.publishing import prepare, publish
from tests.hub.repository import Repository
from tests.hub.server import StandIn
from tests.published import NAME, files_of_pull, measured_report, readable_model, writes
from tests.reports import SCHEMA_8


@pytest.fixture
def repository(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    return readable_model(hub)


@pytest.fixture
def report(repository: Repository) -> Report:
    return measured_report()


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
    better = replace(report, metrics={**report.metrics, "nc1_cdnv_median": MetricValue(0.125)})
    publish(prepare(better))
    results = ModelCard(files_of_pull(repository, 2)["README.md"]).data.eval_results
    assert [each.metric_value for each in results if each.metric_type == "nc1_cdnv_median"] == [0.125]
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


def test_pieces_of_the_text_are_not_published(repository: Repository, report: Report) -> None:
    """Whoever may read the model's repository may perhaps not read the text."""
    quoting = Report.load(SCHEMA_8)
    assert quoting.token_table is not None
    assert quoting.token_table.map is not None
    publish(prepare(replace(report, token_table=quoting.token_table)))
    published = Report.from_dict(json.loads(files_of_pull(repository)["nc_report.json"]))
    assert published.token_table == quoting.token_table.without_contexts() != quoting.token_table
    quoted = json.dumps(quoting.token_table.map.contexts[0][0], ensure_ascii=False)
    assert not any(quoted in text for text in files_of_pull(repository).values())


def test_a_copy_with_the_commit_is_published_to_by_name(hub: StandIn, repository: Repository, report: Report) -> None:
    copy = hub.add("writer/copy", {"README.md": "# Copy\n"})
    with pytest.raises(HubError, match=r"writer/copy has no commit [0-9a-f]{7}, of which the report is: name"):
        prepare(report, "writer/copy")
    copy.commits[repository.branches["main"]] = repository.at("main")
    assert publish(prepare(report, "writer/copy")).endswith("/writer/copy/discussions/1")
    assert ModelCard(files_of_pull(copy)["README.md"]).text.strip() == "# Copy"
    assert not repository.pulls


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
