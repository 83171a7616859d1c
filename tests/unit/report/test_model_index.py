"""The model index in the head of a README: results go in, everything else stays byte for byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from huggingface_hub.repocard import REGEX_YAML_BLOCK

from nc_hf.errors import FileError
from nc_hf.report import MetricValue
from nc_hf.report.model_index import eval_results, with_results
from tests.published import REFERENCE

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


def test_the_classes_that_count_stand_with_the_result() -> None:
    counting = replace(REFERENCE, classes=replace(REFERENCE.classes, rule="top:300"))
    for result in eval_results(counting, "https://h"):
        assert result.dataset_args["classes"] == "top:300"
        assert result.dataset_args["tokens"] == REFERENCE.tokens


def test_a_data_set_of_the_hub_is_named_with_its_configuration() -> None:
    corpus = replace(REFERENCE.corpus, source="hub:owner/texts:small::story", split="test")
    result = eval_results(replace(REFERENCE, corpus=corpus), "https://h")[0]
    assert (result.dataset_type, result.dataset_config, result.dataset_split) == ("owner/texts", "small", "test")
