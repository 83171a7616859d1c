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

from nc_hf.corpus import CorpusSpec
from nc_hf.errors import FileError
from nc_hf.metrics import METRICS
from nc_hf.report import Report
from nc_hf.report.record import CorpusRecord

_INDEX = "model-index"
_NO_YAML = (yaml.YAMLError, ValueError, RecursionError)  # the second for a date such as 2024-13-45
_SOURCE = "nc_hf"
_DIGITS = 6  # significant ones; the report beside the README has all
_COLLAPSE = {"down": "lower is more collapsed", "up": "higher is more collapsed"}


def eval_results(report: Report, source_url: str) -> list[EvalResult]:
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
                "min_count": report.classes.min_count,
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

    Every other line stays as it is, comments and the order of entries too.

    Args:
        readme: the file as it is; empty if there is none.
        name: of the model, for an index that has no entry yet.
        results: at least one, all of one task and text.

    Raises:
        FileError: the head of the README is not YAML, or its model-index is not one.
    """
    head = REGEX_YAML_BLOCK.search(readme)
    block = head[2] if head else ""
    metadata = _parsed(block)
    (new,) = eval_results_to_model_index(name, results)
    index = _merged(metadata.get(_INDEX) or [], new)
    newline = "\r\n" if "\r\n" in readme else "\n"
    changed = _with_index(block, metadata, index).replace("\n", newline)
    if head is None:
        return f"---{newline}{changed}{newline}---{newline}{readme}"
    return readme[: head.start(2)] + changed + readme[head.end(2) :]


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
        line = f" (line {mark.line + 2})" if mark else ""
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


def _merged(index: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the new entry's result where an earlier one of ours is, else behind the others of the model."""
    named = [entry for entry in index if entry.get("name") == new["name"]]
    if not named and len(index) != 1:
        return [*index, new]
    mine = (named or index)[0]
    (result,) = new["results"]
    results = list(mine.get("results") or [])
    places = [place for place, other in enumerate(results) if _identity(other) == _identity(result)]
    if places:
        results[places[0]] = result
    else:
        results.append(result)
    return [{**entry, "results": results} if entry is mine else entry for entry in index]


def _identity(result: dict[str, Any]) -> tuple[object, ...] | None:
    """What makes a later result of ours take an earlier one's place; None for a result of somebody else."""
    source, dataset = result.get("source"), result.get("dataset")
    if not isinstance(source, dict) or source.get("name") != _SOURCE or not isinstance(dataset, dict):
        return None
    args = dataset.get("args")
    fingerprint = args.get("fingerprint") if isinstance(args, dict) else None
    return dataset.get("type"), dataset.get("config"), dataset.get("split"), fingerprint


def _with_index(block: str, metadata: dict[str, Any], index: list[dict[str, Any]]) -> str:
    """Exchange the lines of the model-index, or add them at the end."""
    lines = block.splitlines()
    start, end = _place_of_index(block, lines)
    written = _dumped({_INDEX: index}).splitlines()
    changed = "\n".join([*lines[:start], *written, *lines[end:]])
    wanted = {**metadata, _INDEX: index}
    if _loaded(changed) == wanted:
        return changed
    return _dumped(wanted)  # a head in one line, or with anchors into the index


def _place_of_index(block: str, lines: list[str]) -> tuple[int, int]:
    """First line of the model-index and the line after its last; the end of the block where there is none."""
    root = yaml.compose(block, Loader=yaml.SafeLoader) if block.strip() else None
    for key, value in root.value if isinstance(root, yaml.MappingNode) else []:
        if key.value == _INDEX:
            end = min(value.end_mark.line + (value.end_mark.column > 0), len(lines))
            while end > key.start_mark.line + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
                end -= 1  # blank lines and comments belong to what follows
            return key.start_mark.line, end
    return len(lines), len(lines)


def _loaded(block: str) -> object:
    try:
        return yaml.safe_load(block)
    except _NO_YAML:
        return None


def _dumped(metadata: dict[str, Any]) -> str:
    return str(yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)).rstrip("\n")
