"""The words, digits and rows in which every form of a report speaks: families, directions, rounded numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nc_hf.metrics.table import FAMILIES, METRICS
from nc_hf.report.detail import StratumRecord, TokenRecord
from nc_hf.report.record import BaseRecord, MetricValue, ReportRecord
from nc_hf.report.several import ComparedMetric, ComparisonRecord
from nc_hf.report.text_record import ClassRecord, CorpusRecord, MarkRecord

ARROWS = {"down": "↓", "up": "↑", "none": "—"}
LEGEND = "↓ smaller is more collapsed · ↑ larger is more collapsed · — no direction"
DIFFERENCE = "Δ difference to A"
_MARKS = "● most collapsed · ○ the same, but not clear of the next (95 %)"
UNDEFINED = "undefined"
UNTRAINED = "untrained"
"""Heading of what a model of the same shape gives before training."""

TOKEN_HEADER = ("token", "count", "variability ↓", "norm", "duality ↑", "nearest token", "distance")
TOKEN_NOTE = (
    "variability: its contexts' variance over that between tokens · norm, distance: over the typical |m| · "
    "duality: cos(w, m), centred"
)
SHOWN = 5
"""Tokens of either end that are shown; the report holds more."""


_OTHER = "other"
_DIGITS = 3  # of a value that has no standard error and stands among many


def by_family(names: Iterable[str]) -> dict[str, list[str]]:
    """Group metric names by family, in the order of ``FAMILIES``; names that this version does not know come last."""
    groups: dict[str, list[str]] = {family: [] for family in (*FAMILIES, _OTHER)}
    for name in names:
        family = METRICS[name].family if name in METRICS else _OTHER
        groups.setdefault(family, []).append(name)
    return {family: members for family, members in groups.items() if members}


def family_title(family: str) -> str:
    """Return the heading of a family, such as ``NC1 variability``."""
    return f"{family} {FAMILIES[family].title}" if family in FAMILIES else family


def direction(name: str) -> str:
    """Return where more collapse lies: ``down``, ``up`` or ``none``."""
    return METRICS[name].direction if name in METRICS else "none"


def title(name: str) -> str:
    """Return what a metric is, in a few words; nothing for a metric that this version does not know."""
    return METRICS[name].title if name in METRICS else ""


def number(value: float, digits: int = 4) -> str:
    """Round to significant digits, keeping trailing zeros.

    >>> number(0.5), number(123456.0), number(float("nan"))
    ('0.5000', '1.235e+05', 'undefined')
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return UNDEFINED if math.isnan(value) else ("∞" if value > 0 else "-∞")
    return f"{value:#.{digits}g}".removesuffix(".")


def value_and_error(metric: MetricValue) -> tuple[str, str]:
    """Round a value to the second digit of its standard error, as far as that is readable, and the error likewise.

    >>> from nc_hf.report import MetricValue
    >>> value_and_error(MetricValue(0.123456, 0.00321)), value_and_error(MetricValue(0.123456))
    (('0.1235', '0.0032'), ('0.1235', ''))
    >>> value_and_error(MetricValue(2.107, 138.2)), value_and_error(MetricValue(1.0, bound=0.00123))
    (('2', '140'), ('1.000', '< 0.0012'))
    """
    if metric.bound is not None:
        return number(metric.value), f"< {number(metric.bound, 2)}"
    if metric.stderr is None:
        return number(metric.value), ""
    places = decimals(metric)
    if places is None:
        return number(metric.value), number(metric.stderr, 2)
    shown = f"{metric.value:z.{places}f}"
    return shown, f"{round(metric.stderr, _second_digit(metric.stderr)):.{places}f}"


def decimals(metric: MetricValue) -> int | None:
    """Return how many decimals show the second digit of the standard error; None where there is none to go by."""
    error = metric.stderr
    if metric.bound is not None or error is None or error <= 0:
        return None
    if not math.isfinite(metric.value) or not math.isfinite(error):
        return None
    places = _second_digit(error)
    return None if places > 8 or max(abs(metric.value), error) >= 1e6 else max(places, 0)


def _second_digit(error: float) -> int:
    return 1 - math.floor(math.log10(error))


def with_error(metric: MetricValue, sign: str = "") -> str:
    """Write ``value ± error``, or the value alone where no error is known; ``sign`` stands before what is not negative.

    >>> from nc_hf.report import MetricValue
    >>> with_error(MetricValue(0.123456, 0.00321), "+"), with_error(MetricValue(0.123456))
    ('+0.1235 ± 0.0032', '0.1235')
    """
    value, error = value_and_error(metric)
    value = value if value.startswith("-") else f"{sign}{value}"
    if metric.bound is not None:
        return f"{value} (off by {error})"
    return f"{value} ± {error}" if error else value


def phrases(compared: ComparedMetric, index: int) -> tuple[str, str]:
    """Return a report's value, marked if foremost, and its difference to the first, each with its error where known."""
    metric, difference = compared.values[index], compared.differences[index]
    value = with_error(metric) if metric else ""
    if index == compared.most_collapsed:
        value = f"{'○' if compared.clear is False else '●'} {value}"
    return value, f"Δ {with_error(difference, '+')}" if difference else ""


def comparison_legend(comparison: ComparisonRecord) -> str:
    """Explain the marks of a comparison; nothing where none is set, as where the reports are not comparable."""
    return _MARKS if any(compared.most_collapsed is not None for compared in comparison.metrics) else ""


def compared_by_family(comparison: ComparisonRecord) -> Iterator[ComparedMetric]:
    """Yield the metrics of a comparison in the order of their families."""
    by_name = {compared.name: compared for compared in comparison.metrics}
    for names in by_family(by_name).values():
        yield from (by_name[name] for name in names)


def letter(index: int) -> str:
    """Name the reports A to Z, then A2, B2, ...

    >>> letter(0), letter(27)
    ('A', 'B2')
    """
    turn, place = divmod(index, 26)
    return chr(ord("A") + place) + (str(turn + 1) if turn else "")


def circumstances(report: ReportRecord) -> list[tuple[str, str]]:
    """Return what the values depend on, as pairs of a heading and a phrase."""
    model, corpus, classes = report.model, report.corpus, report.classes
    shard = f", shard {corpus.shard}" if corpus.shard else ""
    pairs = [
        ("model", f"{report.name} ({model.architecture}, {model.parameters:,} parameters, {model.dtype})"),
        ("adapter" if model.base else "", _adapter_phrase(model.base)),
        ("weights" if (model.commit or "").startswith("sha256:") else "commit", model.commit or ""),
        ("head", f"{_head_phrase(model.head)}; largest relative error of its logits {number(report.head_check, 2)}"),
        ("corpus", f"{corpus.source}, {corpus.split}{shard}"),
        ("packing", f"{corpus.packing}, {corpus.blocks:,} blocks of {corpus.block_size:,} tokens"),
        *(("marks" if not place else "", _mark_phrase(mark)) for place, mark in enumerate(corpus.marks)),
        ("marks" if not corpus.marks else "", corpus.marks_note or ""),
        ("fingerprint", corpus.fingerprint),
        ("tokens", f"{report.tokens:,} from {corpus.documents:,} documents{_spread_phrase(corpus)}"),
        ("classes", f"{classes.description}, {classes.coverage:.2%} of all tokens"),
        ("", _measured_classes(classes)),
        ("loss", f"{_loss_phrase(report)} nats a token, perplexity {number(report.perplexity)}"),
        ("", _unmarked_phrase(report)),
        ("accuracy", _accuracy_phrase(report)),
    ]
    if report.agreement is not None:
        centres = "own token left out of its centre" if report.agreement.leave_one_out else "centres from other tokens"
        among = "among the classes that count" if report.agreement.classes == "listed" else "among every class"
        pairs.append(("NC4", f"{report.agreement.tokens:,} tokens decided {among}, {centres}"))
    for layer, kept_out in report.outliers.items():
        places = ", ".join(map(str, kept_out.positions))
        share = f"{kept_out.variance_share:.1%} of its variance"
        pairs.append(("outliers", f"{layer} without the tokens at position {places}, which would be {share}"))
    if report.errors is not None:
        held = ", the classes held" if report.errors.classes == "held" else ""
        by = ", which correct the values for few tokens too" if report.errors.corrected else ""
        pairs.append(("errors", f"from {report.errors.groups} groups of neighbouring blocks{by}{held}"))
    versions = ", ".join(f"{library} {version}" for library, version in report.versions.items())
    pairs += [("versions", versions), ("measured", f"{report.created}, in {report.seconds:,.1f} s")]
    return [(heading, phrase) for heading, phrase in pairs if phrase]


def _adapter_phrase(base: BaseRecord | None) -> str:
    """Say what an adapter was merged into."""
    if base is None:
        return ""
    revision = f"@{base.revision}" if base.revision else ""
    return f"{base.kind}, merged into its base {base.id}{revision} ({base.commit})"


def short_commit(commit: str) -> str:
    """Return the first digits of a commit, or of the hash that stands for one.

    >>> short_commit("0123456789abcdef"), short_commit("sha256:fedcba9876543210")
    ('0123456', 'fedcba9')
    """
    return commit.removeprefix("sha256:")[:7]


def _measured_classes(classes: ClassRecord) -> str:
    """Say how much was read of the classes that count."""
    lacking = classes.listed - classes.used
    unmeasured = f", {lacking:,} too rare here to be measured" if lacking else ""
    rarest = f"{classes.fewest:,} tokens or more of each{unmeasured}"
    return f"{rarest}; {classes.seen:,} seen of a vocabulary of {classes.vocab_size:,}"


def _spread_phrase(corpus: CorpusRecord) -> str:
    return "" if corpus.seed is None else f", in blocks spread over what was read (seed {corpus.seed})"


def stratum_table(report: ReportRecord) -> tuple[list[str], list[list[str]]]:
    """Return a header and a row for each stratum: who is in it, then NC1, norm, duality and NC4."""
    measured = {name for stratum in report.strata for name in stratum.metrics}
    names = [name for name in METRICS if name in measured and METRICS[name].family == "NC1"][:1]
    names += [name for name in ("nc4_agreement",) if name in measured]
    header = ["tokens each", "classes", "share", "norm", "duality ↑"]
    header += [f"{name} {ARROWS[direction(name)]}" for name in names]
    rows = []
    for stratum in report.strata:
        row = [f"{stratum.low:,}-{stratum.high:,}", f"{stratum.classes:,}", f"{stratum.share:.2%}"]
        row += [_short(stratum.norm), _short(stratum.duality)]
        row += [_short(stratum.metrics.get(name)) for name in names]
        rows.append(row)
    return header, rows


def stratum_note(strata: Sequence[StratumRecord]) -> str:
    """Say what the classes of a stratum are compared with."""
    note = "norm, duality: among all classes · the others: among the classes of one row"
    return note if all(stratum.used for stratum in strata) else f"{note} · blank: does not count"


def token_rows(records: Sequence[TokenRecord]) -> list[list[str]]:
    """Return a row for each of the first few tokens."""
    return [
        [
            record.text,
            f"{record.count:,}",
            *(_short(value) for value in (record.variability, record.norm, record.duality)),
            record.nearest_text,
            _short(record.distance),
        ]
        for record in records[:SHOWN]
    ]


def _loss_phrase(report: ReportRecord) -> str:
    loss = report.outcome("loss")
    return with_error(loss) if loss.stderr else f"{loss.value:.4f}"


def _accuracy_phrase(report: ReportRecord) -> str:
    accuracy = report.outcome("accuracy")
    if not math.isfinite(accuracy.value):
        return ""
    return f"{accuracy.value:.2%} ± {accuracy.stderr:.2%}" if accuracy.stderr else f"{accuracy.value:.2%}"


_ROLES = {"begin": "begins each document and block", "end": "ends each document", "between": "parts documents"}


def _mark_phrase(mark: MarkRecord) -> str:
    """Say what a mark does, how often, and how well it is foreseen."""
    foreseen = "never predicted" if mark.loss is None else f"predicted {mark.targets:,} times at {mark.loss:.4f} nats"
    return f"{mark.text} (id {mark.id}) {_ROLES.get(mark.role, mark.role)}: {mark.count:,} of them, {foreseen}"


def _unmarked_phrase(report: ReportRecord) -> str:
    """Give the loss of the tokens that are no marks, where marks were predicted too."""
    if not any(mark.targets for mark in report.corpus.marks):
        return ""
    return f"{report.loss_without_marks:.4f} nats a token without the marks"


def _head_phrase(head: Mapping[str, Any]) -> str:
    """Say what the head does beyond a plain linear map, and whether it is the embedding too."""
    constants = [f"{name} {head[name]:g}" for name in ("scale", "softcap") if head.get(name) not in (None, 1.0)]
    return ", ".join([str(head.get("kind")), *constants, "tied" if head.get("tied") else "untied"])


def _short(value: float | None) -> str:
    return "" if value is None else number(value, _DIGITS)
