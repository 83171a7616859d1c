"""``nc-hf merge``: the statistics of shards, measured apart, put together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nc_hf.cli.arguments import check_writable, takes_measure_options
from nc_hf.cli.written import tell_written
from nc_hf.corpus.classes import EVERY, ClassChoice, ClassRule, choose_classes
from nc_hf.errors import MergeError
from nc_hf.measurement.options import OPTIONS, MeasureOptions

if TYPE_CHECKING:
    from nc_hf.model.head import ClassifierHead
    from nc_hf.statistics.class_statistics import ClassStatistics


@takes_measure_options("preset")
def merge_command(
    statistics: Annotated[
        list[Path],
        typer.Argument(metavar="A.safetensors B.safetensors ...", help="What `nc-hf measure --save-statistics` wrote."),
    ],
    output: Annotated[Path, typer.Option(metavar="OUT", help="The whole, as safetensors.")],
    model: Annotated[
        str | None, typer.Option(metavar="MODEL[@REVISION]", help="The model, for the metrics that need its head.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="SHARE|top:N|FILE|all", help="Other next tokens than those that counted for the shards."),
    ] = None,
    *,
    options: MeasureOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Merge the statistics of shards of one model on one corpus, and print the metrics of the whole.

    A preset gives what statistics allow, and with --model what its head allows too.
    """
    check_writable(output)

    from nc_hf.metrics.compute import compute_metrics
    from nc_hf.statistics.class_statistics import ClassStatistics

    whole = ClassStatistics.load(statistics[0])
    for path in statistics[1:]:
        whole.merge(ClassStatistics.load(path))
    choice = choose_classes(classes or _listed(whole), whole.census(), None)
    head = _head_of(model, whole.provenance) if model else None
    whole.save(output)
    preset = options["preset"]
    values = compute_metrics(whole, head, preset=preset, min_count=1, classes=choice.ids)
    said = preset if isinstance(preset, str) else ",".join(preset)
    if as_json:
        _print_json(whole, said, choice, values)
    else:
        _print_table(whole, said, values)
    tell_written(output)


def _listed(whole: ClassStatistics) -> ClassRule:
    """Return the classes that counted for the shards; of files from before there was a list, the default."""
    listed = whole.provenance.get("classes")
    if listed is None or listed == EVERY:
        return listed or OPTIONS["classes"].default
    return [int(each) for each in listed.split(",")]


def _head_of(model: str, provenance: dict[str, str]) -> ClassifierHead:
    """Load the head of the model that the statistics speak of, at the commit that was measured unless another is named.

    Raises:
        MergeError: the weights are not those that the statistics come from.
    """
    from nc_hf.hub import load_model, parse_reference, resolve
    from nc_hf.model.head import ClassifierHead

    asked, commit = parse_reference(model, allow_local=True), provenance.get("commit")
    same = asked.folder is None and asked.id == provenance.get("model")
    source = resolve(asked.id, asked.revision or (commit if same else None), allow_local=True)
    found = source.commit or source.identity
    if commit and found != commit:
        raise MergeError(
            f"the statistics come from the weights {commit} and {model} has {found}: name the model that was measured."
        )
    base, below = provenance.get("base"), source.base and (source.base.commit or source.base.identity)
    if base != below:
        raise MergeError(
            f"the statistics come from an adapter over the base {base}, and the base of {model} has {below} now: "
            "measure the shards again."
        )
    return ClassifierHead.from_model(load_model(source))


def _print_json(whole: ClassStatistics, preset: str, choice: ClassChoice, values: dict[str, float]) -> None:
    from nc_hf.report.codec import encode

    document: dict[str, Any] = {
        "provenance": whole.provenance,
        "tokens": whole.num_tokens,
        "classes": whole.num_classes,
        "preset": preset,
        "classes_rule": choice.rule,
        "classes_hash": choice.hash,
        "metrics": values,
    }
    typer.echo(json.dumps(encode(document), indent=2, ensure_ascii=False, allow_nan=False))


def _print_table(whole: ClassStatistics, preset: str, values: dict[str, float]) -> None:
    from rich.console import Console

    from nc_hf.metrics.naming import metric_names
    from nc_hf.report import MetricValue
    from nc_hf.report.terminal import metric_table, pairs, section

    tokens = f"{whole.num_tokens:,} of {whole.num_classes:,} classes"
    console = Console()
    listed = whole.provenance.get("classes", EVERY)
    count = {} if listed == EVERY else {"classes": f"{listed.count(',') + 1:,} that count"}
    said = sorted((whole.provenance | count).items())
    console.print(section("Merged statistics", pairs([*said, ("tokens", tokens)])))
    console.print(section("Metrics", metric_table({name: MetricValue(value) for name, value in values.items()})))
    if not values.keys() >= set(metric_names(preset)):
        console.print("The rest needs the head (--model) or the tokens themselves (nc-hf measure).")
