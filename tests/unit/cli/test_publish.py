"""`nc-hf publish`: one pull request with the real client, shown and asked for, refusals in a line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from typer.testing import Result

from nc_hf import Report
from tests.command import invoke
from tests.hub.repository import Repository
from tests.hub.server import Fault, StandIn
from tests.published import NAME, README, files_of_pull, measured_report, readable_model, writes


@pytest.fixture
def repository(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    return readable_model(hub)


@pytest.fixture
def report(repository: Repository) -> Report:
    return measured_report()


@pytest.fixture
def path(report: Report, tmp_path: Path) -> Path:
    report.save(tmp_path / "report.json")
    return tmp_path / "report.json"


def run(*arguments: object, answer: str | None = None) -> Result:
    return invoke("publish", *arguments, columns=100, answer=answer)


def test_a_report_without_a_seal_is_told_as_one_and_an_edited_one_is_refused(report: Report, path: Path) -> None:
    assert "seal" not in run(path, "--dry-run").stderr
    text = path.read_text(encoding="utf-8")
    path.write_text(json.dumps(report.to_dict()), encoding="utf-8")
    unsealed = run(path, "--dry-run")
    assert unsealed.exit_code == 0, unsealed.output
    assert "report.json carries no seal, so nobody can tell if it was edited: measure anew for one." in unsealed.stderr
    path.write_text(text.replace(f'"tokens": {report.tokens}', f'"tokens": {report.tokens + 1}', 1), encoding="utf-8")
    edited = run(path, "--yes")
    assert edited.exit_code == 6
    assert "its content is not that of its seal, so it was edited or damaged" in edited.stderr
    assert edited.stderr.count("\n") == 1


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
    assert changed["nc_report.json"] == report.without_contexts().to_json()  # the text may be private

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
        assert each.dataset_args["classes"] == report.classes.rule
        assert each.dataset_args["model_commit"] == before
        assert each.verified is False
        assert each.source_url == f"{hub.url}/{NAME}/blob/main/nc_report.json"
    cdnv = next(each for each in ours if each.metric_type == "nc1_cdnv_median")
    assert cdnv.metric_name == "NC1 CDNV, median (lower is more collapsed)"
    assert cdnv.metric_args == {"stderr": pytest.approx(report.metrics["nc1_cdnv_median"].stderr, rel=1e-5)}


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


@pytest.mark.slow
def test_what_would_be_written_is_shown_and_asked_for(hub: StandIn, repository: Repository, path: Path) -> None:
    dry = run(path, "--dry-run")
    assert dry.exit_code == 0
    assert "+    - type: nc1_cdnv_median" in dry.stdout
    assert "-license" not in dry.stdout
    assert "nc_report.json: a new file" in dry.stdout
    for answer in ("n\n", "", "\n"):
        declined = run(path, answer=answer)
        assert declined.exit_code == 130
        assert "+    - type: nc1_cdnv_median" in declined.stdout
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
