"""The head of a model's README: a report's values as an entry of its model-index, everything else as it was.

The layout is that of https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

from __future__ import annotations

import math
from typing import Any

import yaml
from huggingface_hub import EvalResult
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from huggingface_hub.repocard_data import eval_results_to_model_index

from nc_hf.corpus.spec import CorpusSpec
from nc_hf.errors import FileError
from nc_hf.metrics.table import METRICS
from nc_hf.report.front_matter import AS_GIVEN, FrontMatter, pair_of
from nc_hf.report.record import ReportRecord
from nc_hf.report.text_record import CorpusRecord

_INDEX = "model-index"
_NO_YAML = (yaml.YAMLError, ValueError, RecursionError)  # the second for a date such as 2024-13-45
_SOURCE = "nc_hf"
_DIGITS = 6  # significant ones; the report beside the README has all
_COLLAPSE = {"down": "lower is more collapsed", "up": "higher is more collapsed"}


def eval_results(report: ReportRecord, source_url: str) -> list[EvalResult]:
    """Say a report in the Hub's words: perplexity, accuracy, then every metric that has a value.

    Args:
        report: of a model on the Hub.
        source_url: where the whole report will be.
    """
    measured = {
        "perplexity": ("Perplexity", report.perplexity, None),
        "accuracy": ("Next-token accuracy", report.accuracy, None),
        **{name: (_title(name), metric.value, metric.stderr) for name, metric in report.metrics.items()},
    }
    dataset, name, config = _dataset(report.corpus)
    return [
        EvalResult(
            task_type="text-generation",
            task_name="Text Generation",
            dataset_type=dataset,
            dataset_name=name,
            dataset_config=config,
            dataset_split=report.corpus.split,
            dataset_args={
                "fingerprint": report.corpus.fingerprint,
                "packing": report.corpus.packing,
                "block_size": report.corpus.block_size,
                "tokens": report.tokens,
                "classes": report.classes.rule,
                "model_commit": report.model.commit,
            },
            metric_type=metric,
            metric_name=title,
            metric_value=_rounded(value),
            metric_args=None if stderr is None or not math.isfinite(stderr) else {"stderr": _rounded(stderr)},
            verified=False,
            source_name=_SOURCE,
            source_url=source_url,
        )
        for metric, (title, value, stderr) in measured.items()
        if math.isfinite(value)
    ]


def with_results(readme: str, name: str, results: list[EvalResult]) -> str:
    """Add results to the model-index of a README; what nc_hf wrote of the same text before gives way to them.

    Every other character stays as it is: comments, order, and how a value is written.

    Args:
        readme: the file as it is; empty if there is none.
        name: of the model, for an index that has no entry yet.
        results: at least one, all of one task and text.

    Raises:
        FileError: the head of the README is not YAML, its model-index is not one, or is written such that a result
            cannot be added without changing other lines.
    """
    head = REGEX_YAML_BLOCK.search(readme)
    if (head is None and readme.lstrip().startswith("---")) or (head and head[1].endswith("\r")):
        raise FileError(
            "README.md begins with --- but has no head that the Hub reads: put --- and nothing else on the lines "
            "before and after its metadata, then publish."
        )
    newline = "\r\n" if "\r\n" in readme else "\n"
    block = head[2] + newline if head else ""  # a last value in many lines ends with its line
    metadata = _parsed(block)
    (new,) = eval_results_to_model_index(name, results)
    old = metadata.get(_INDEX) or []
    entry, place = _places(old, new)
    if entry is not None and place is not None and old[entry]["results"][place] == new["results"][0]:
        return readme
    changed = _with_result(FrontMatter(block, newline), new, entry, place)
    if not _says(changed, {**metadata, _INDEX: _merged(old, new, entry, place)}):
        raise FileError(
            f"The {_INDEX} in README.md is written such that a result cannot be added without changing other lines: "
            "write it with a line for each name and value, without anchors, then publish."
        )
    if head is None:
        return f"---{newline}{changed}---{newline}{readme}"
    return readme[: head.start(2)] + changed.removesuffix(newline) + readme[head.end(2) :]


def _title(name: str) -> str:
    if name not in METRICS:
        return name
    metric = METRICS[name]
    collapse = _COLLAPSE.get(metric.direction)
    return f"{metric.family} {metric.title}{f' ({collapse})' if collapse else ''}"


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _dataset(corpus: CorpusRecord) -> tuple[str, str, str | None]:
    """Id, name and configuration of the text on the Hub, or what it is where it is not there."""
    spec = CorpusSpec.parse(corpus.source)
    if spec.dataset:
        return spec.dataset, spec.dataset, spec.config
    if spec.kind == "builtin":
        return "builtin", "built-in stories of nc_hf", None
    return "text", corpus.source, None


def _parsed(block: str) -> dict[str, Any]:
    """Read the head of a README.

    Raises:
        FileError: it is not YAML, or not a mapping.
    """
    try:
        metadata = yaml.safe_load(block) or {}
    except _NO_YAML as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {min(mark.line, len(block.splitlines()) - 1) + 2})" if mark else ""
        raise FileError(
            f"The metadata at the head of README.md is not valid YAML{line}: repair it, then publish."
        ) from error
    if not isinstance(metadata, dict):
        raise FileError(
            "The metadata at the head of README.md is not a list of names and values: repair it, then publish."
        )
    index = metadata.get(_INDEX) or []
    if not isinstance(index, list) or not all(isinstance(entry, dict) and _has_results(entry) for entry in index):
        raise FileError(
            f"The {_INDEX} in README.md is not a list of models with their results: repair it, then publish."
        )
    return metadata


def _has_results(entry: dict[str, Any]) -> bool:
    results = entry.get("results", [])
    return isinstance(results, list) and all(isinstance(result, dict) for result in results)


def _places(index: list[dict[str, Any]], new: dict[str, Any]) -> tuple[int | None, int | None]:
    """Find the model's entry, and within it the result of ours that the new one replaces; None where there is none."""
    named = [place for place, entry in enumerate(index) if entry.get("name") == new["name"]]
    if not named and len(index) != 1:
        return None, None
    mine = named[0] if named else 0
    identity = _identity(new["results"][0])
    same = [place for place, other in enumerate(index[mine].get("results", [])) if _identity(other) == identity]
    return mine, same[0] if same else None


def _merged(index: list[Any], new: dict[str, Any], entry: int | None, place: int | None) -> list[Any]:
    """Put the new entry's result where an earlier one of ours is, else behind the others of the model."""
    if entry is None:
        return [*index, new]
    results = list(index[entry].get("results", []))
    at = len(results) if place is None else place
    results[at : at + 1] = new["results"]
    return [*index[:entry], {**index[entry], "results": results}, *index[entry + 1 :]]


def _identity(result: dict[str, Any]) -> tuple[object, ...] | None:
    """What makes a later result of ours take an earlier one's place; None for a result of somebody else."""
    source, dataset = result.get("source"), result.get("dataset")
    if not isinstance(source, dict) or source.get("name") != _SOURCE or not isinstance(dataset, dict):
        return None
    args = dataset.get("args")
    fingerprint = args.get("fingerprint") if isinstance(args, dict) else None
    return dataset.get("type"), dataset.get("config"), dataset.get("split"), fingerprint


def _with_result(head: FrontMatter, new: dict[str, Any], entry: int | None, place: int | None) -> str:
    """Write the result of a new entry into the place that is meant for it; the caller checks what comes of it."""
    everything = head.outermost
    index = None if everything is None else pair_of(everything, _INDEX)
    if everything is None or index is None:
        return head.with_outermost_name({_INDEX: [new]})
    if entry is None:
        return head.with_item(everything, index, new)
    mine, (result,) = index[1].value[entry], new["results"]
    results = pair_of(mine, "results")
    if results is None:
        return head.with_name(mine, {"results": [result]})
    if place is None:
        return head.with_item(mine, results, result)
    return head.with_other(results[1], place, result)


def _says(block: str, metadata: dict[str, Any]) -> bool:
    """Tell whether a head reads as it should, compared as text: to ``==`` true is 1, and a NaN is never itself."""
    try:
        return bool(yaml.safe_dump(yaml.safe_load(block), **AS_GIVEN) == yaml.safe_dump(metadata, **AS_GIVEN))
    except _NO_YAML:
        return False
