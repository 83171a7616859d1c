"""Reports in Markdown: a section of a model card, a comparison, the course of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nc_hf.metrics.table import FAMILIES
from nc_hf.report.detail import TokenTable
from nc_hf.report.record import ReportRecord
from nc_hf.report.several import ComparisonRecord, TrajectoryRecord
from nc_hf.report.summary import DIAL_HEADER, Dial, dials, facts
from nc_hf.report.verdict import Verdict, verdict
from nc_hf.report.words import (
    ARROWS,
    DIFFERENCE,
    LEGEND,
    TOKEN_HEADER,
    TOKEN_NOTE,
    UNTRAINED,
    by_family,
    circumstances,
    compared_by_family,
    comparison_legend,
    direction,
    family_title,
    letter,
    number,
    phrases,
    short_commit,
    stratum_note,
    stratum_table,
    title,
    token_rows,
    with_error,
)

# Underscores inside a word are no markup, and are many in names.
_MARKUP = re.compile(r"[\\`*~\[\]<>&]|(?<![^\W_])_|_(?![^\W_])")
_PAPER = "[Linguistic Collapse](https://arxiv.org/abs/2405.17767)"


def markdown_card(report: ReportRecord, picture: str | None = None) -> str:
    """Return a section for a model card: the facts, the verdict, the values, then the tables; the rest is folded away.

    Args:
        report: what to show.
        picture: Markdown that shows one, set below the metrics.
    """
    with_errors = any(metric.stderr is not None for metric in report.metrics.values())
    parts = [
        "## Neural collapse",
        f"How far the features that {code(report.name)} forms before each next token have collapsed, after {_PAPER}.",
        "\n".join(f"- {heading}: {plain(phrase)}" for heading, phrase in facts(report)),
        *_verdict(verdict(report)),
        *_dial_table(dials(report)),
        _metric_table(report),
        f"{LEGEND}{' · ± one standard error' if with_errors else ''}",
        *([picture] if picture else []),
    ]
    if report.strata:
        header, rows = stratum_table(report)
        parts += ["### By class frequency", markdown_table(header, rows), stratum_note(report.strata)]
    if report.token_table is not None:
        parts += ["### Tokens", *_token_tables(report.token_table)]
    if report.layers:
        parts += ["### By layer", _layer_table(report)]
    parts += folded("What the values mean", "\n".join(_definitions(report)))
    if report.diagnostics:
        rows = [[code(name), number(value)] for name, value in report.diagnostics.items()]
        parts += folded("Diagnostics", markdown_table(["", ""], rows))
    around = [(f"**{heading}**" if heading else "", plain(text)) for heading, text in circumstances(report)]
    parts += folded("Circumstances", markdown_table(["", ""], around))
    return "\n\n".join(parts) + "\n"


def folded(heading: str, body: str) -> list[str]:
    """Return a part that opens at a click; between the tags Markdown goes on where blank lines stand around it."""
    return [f"<details>\n<summary>{heading}</summary>", body, "</details>"]


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells hold Markdown, in which a bar is a bar."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def plain(text: str) -> str:
    r"""Escape what Markdown would take for markup: ids and paths come from outside.

    >>> plain("a_b <img> _x_")
    'a_b \\<img\\> \\_x\\_'
    """
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def code(text: str) -> str:
    """Return ``text`` as a code span, without the characters that would end it."""
    return f"`{' '.join(text.replace('`', '').split())}`"


def _dial_table(shown: Sequence[Dial]) -> Iterable[str]:
    """Yield the dials as a table; nothing where there are none."""
    if shown:
        rows = [(f"**{dial.title}** {ARROWS[dial.direction]}", *dial.row) for dial in shown]
        yield markdown_table(["", *DIAL_HEADER], rows)


def _metric_table(report: ReportRecord) -> str:
    rows = []
    for names in by_family(report.metrics).values():
        for name in names:
            mark = [number(report.untrained[name]) if name in report.untrained else ""] if report.untrained else []
            value = with_error(report.metrics[name])
            rows.append((code(name), ARROWS[direction(name)], value, *mark, plain(title(name))))
    return markdown_table(["metric", "", "value", *([UNTRAINED] if report.untrained else []), "what it is"], rows)


def _verdict(said: Verdict) -> Iterable[str]:
    """Yield the headline, the answers with their reasons, and the cautions."""
    yield f"**{plain(said.headline)}**"
    if said.findings:
        yield "\n".join(f"- {plain(finding.sentence)}" for finding in said.findings)
    yield from (f"> {plain(warning)}" for warning in said.warnings())


def _token_tables(table: TokenTable) -> Iterable[str]:
    for heading, records in (("Most collapsed", table.most_collapsed), ("Least collapsed", table.least_collapsed)):
        yield f"{heading}, of the {table.classes:,} that count:"
        yield markdown_table(TOKEN_HEADER, [[plain(cell) for cell in row] for row in token_rows(records)])
    yield TOKEN_NOTE


def _definitions(report: ReportRecord) -> Iterable[str]:
    for family, names in by_family(report.metrics).items():
        if family in FAMILIES:
            yield f"- **{family_title(family)}**: {FAMILIES[family].meaning}."
        for name in names:
            formula = report.definitions.get(name)
            if formula:
                yield f"  - {code(name)}: {code(formula)}"


def _layer_table(report: ReportRecord) -> str:
    names = list(dict.fromkeys(name for values in report.layers.values() for name in values))
    rows = [
        [plain(layer), *(with_error(values[name]) if name in values else "" for name in names)]
        for layer, values in report.layers.items()
    ]
    return markdown_table(["layer", *map(code, names)], rows)


def markdown_comparison(comparison: ComparisonRecord) -> str:
    """Return the comparison as Markdown."""
    letters = [letter(index) for index in range(len(comparison.names))]
    outcomes = comparison.outcomes
    reports = [
        (letters[index], code(name), *(values[index] for _, values in outcomes))
        for index, name in enumerate(comparison.names)
    ]
    rows = []
    for compared in compared_by_family(comparison):
        cells = []
        for index in range(len(letters)):
            value, difference = phrases(compared, index)
            cells.append(f"{value}<br>{difference}" if difference else value)
        rows.append([code(compared.name), ARROWS[direction(compared.name)], *cells])
    parts = ["## Neural collapse compared"]
    parts += [f"> **Not comparable as they are**: {plain(warning)}" for warning in comparison.warnings]
    parts += [f"> {plain(note)}" for note in comparison.notes]
    parts += [
        markdown_table(["", "report", *(what for what, _ in outcomes)], reports),
        markdown_table(["metric", "", *letters], rows),
        " · ".join(filter(None, (LEGEND, comparison_legend(comparison), DIFFERENCE))),
    ]
    return "\n\n".join(parts) + "\n"


def markdown_course(trajectory: TrajectoryRecord) -> str:
    """Return the trajectory as Markdown: one row a revision, standard errors where they are known."""
    names = trajectory.metric_names
    rows = []
    for point in trajectory.points:
        cells = [
            code(point.revision),
            code(short_commit(point.commit)),
            f"{point.report.tokens:,}",
            f"{point.report.loss:.4f}",
        ]
        for name in names:
            cells.append(with_error(point.report.metrics[name]) if name in point.report.metrics else "")
        rows.append(cells)
    headings = [f"{code(name)} {ARROWS[direction(name)]}" for name in names]
    parts = [f"## Neural collapse of {code(trajectory.model)} by revision"]
    parts += [f"> **Not comparable as they are**: {plain(warning)}" for warning in trajectory.warnings]
    parts += [markdown_table(["revision", "commit", "tokens", "loss", *headings], rows), LEGEND]
    if trajectory.repeats:
        parts.append("\n".join(f"- {plain(repeat)}" for repeat in trajectory.repeats))
    if trajectory.failures:
        parts += [
            "### Not measured",
            "\n".join(f"- {code(failure.revision)}: {plain(failure.reason)}" for failure in trajectory.failures),
        ]
    return "\n\n".join(parts) + "\n"
