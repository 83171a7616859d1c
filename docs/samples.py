"""Reports of one model on parts of a text: what a budget does to values, and how often stated errors cover the truth.

::

    python docs/samples.py budgets MODEL FOLDER
    python docs/samples.py coverage MODEL FOLDER --draws 300 --tokens 50000

FOLDER has a train and a validation file, which are read as one text unless ``--splits`` names one. Both print tables in
Markdown; ``--keep FILE`` keeps every value that they are made of as JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from nc_hf import Report, measure
from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.hub import open_tokenizer
from nc_hf.metrics.jackknife import t_quantile
from nc_hf.metrics.table import PRESETS
from nc_hf.report.comparison import difference, is_clear, value_of
from nc_hf.report.record import MetricValue
from nc_hf.runtime.version import VERSION

SHARES = (0.01, 0.03, 0.1)
OUTCOMES = ("loss", "accuracy")
NAMES = (*PRESETS["core"], *OUTCOMES)
EVERY_TOKEN = 2_000_000
"""Tokens on which NC4 of all the text is decided: what is held to be true must not be a sample of it."""
NOISE = 0.05
"""Of the second model of a pair: this share of each weight's standard deviation is added to it as noise."""


@dataclass(frozen=True)
class Subject:
    """A model, its tokenizer, and a text."""

    model: Any
    tokenizer: Any
    texts: list[str]

    @classmethod
    def open(cls, model: str, folder: str, tokenizer: str | None, splits: Sequence[str]) -> Subject:
        """Read the text and load the model."""
        texts = [text for split in splits for text in open_corpus(folder, split).texts if text.strip()]
        return cls(
            AutoModelForCausalLM.from_pretrained(model, dtype="float32").eval(),
            open_tokenizer(tokenizer or model, allow_local=True),
            texts,
        )

    def measured(self, texts: Iterable[str], model: Any = None, **options: Any) -> Report:
        """Measure the model, or another one with its tokenizer, on some texts."""
        corpus = Corpus("drawn texts", "all", list(texts))
        return measure(model or self.model, corpus, tokenizer=self.tokenizer, progress=False, device="cpu", **options)


def known(value: MetricValue | None) -> MetricValue:
    """Every report here has what is asked for."""
    assert value is not None
    return value


def budgets(subject: Subject, parts: int) -> list[dict[str, Any]]:
    """Measure everything, then ``parts`` parts at each share of it; a row a metric."""
    whole = subject.measured(subject.texts, max_tokens=None, agreement_tokens=EVERY_TOKEN)
    ids = whole.classes.ids
    print(f"all: {whole.tokens:,} tokens, {whole.classes.description}", flush=True)
    found: dict[float, list[Report]] = {}
    for share in SHARES:
        budget = int(share * whole.tokens)
        found[share] = [
            subject.measured(subject.texts, max_tokens=budget, seed=seed, classes=ids) for seed in range(parts)
        ]
    rows = []
    for name in NAMES:
        truth = known(value_of(name, whole)).value
        row: dict[str, Any] = {"name": name, "all": truth, "stderr": known(value_of(name, whole)).stderr}
        for share, reports in found.items():
            values = [known(value_of(name, report)) for report in reports]
            row[f"{share:g}"] = statistics.fmean(each.value for each in values) / truth
            row[f"{share:g} covered"] = sum(covers(each, truth) for each in values)
        rows.append(row)
    print(f"\n| metric | all | {' | '.join(f'{share:.0%}' for share in SHARES)} |")
    print(f"|---|--:|{'--:|' * len(SHARES)}")
    for row in rows:
        cells = [f"{row[f'{share:g}']:.3f} ({row[f'{share:g} covered']}/{parts})" for share in SHARES]
        print(f"| `{row['name']}` | {row['all']:.4f} | {' | '.join(cells)} |")
    return rows


def covers(value: MetricValue, truth: float, groups: int = 10) -> bool:
    """Whether the 95 % interval of a value holds the truth."""
    assert value.stderr is not None
    return abs(value.value - truth) <= t_quantile(groups) * value.stderr


def coverage(subject: Subject, draws: int, tokens: int) -> list[dict[str, Any]]:
    """Measure two models on corpora of documents drawn at random, and hold errors against what all documents give."""
    other = noisy(subject.model)
    options = {"max_tokens": None, "agreement_tokens": EVERY_TOKEN}
    whole = [subject.measured(subject.texts, model, **options) for model in (subject.model, other)]
    ids, count = whole[0].classes.ids, round(len(subject.texts) * tokens / whole[0].tokens)
    print(f"all: {whole[0].tokens:,} tokens of {len(subject.texts):,} documents, {whole[0].classes.description}")
    print(f"{draws} corpora of {count} documents; the pair's losses {whole[0].loss:.4f} and {whole[1].loss:.4f}")
    generator = torch.Generator().manual_seed(0)
    pairs: list[list[Report]] = []
    for _ in range(draws):
        chosen = torch.randperm(len(subject.texts), generator=generator)[:count].tolist()
        texts = [subject.texts[place] for place in chosen]
        pairs.append([subject.measured(texts, model, max_tokens=None, classes=ids) for model in (subject.model, other)])
        if len(pairs) % 25 == 0:
            print(f"{len(pairs)} drawn", flush=True)
    rows = [coverage_row(name, whole, pairs) for name in NAMES]
    print("\n| metric | covered | bias / spread | error / spread | differences covered | one model called two |")
    print("|---|--:|--:|--:|--:|--:|")
    for row in rows:
        print(
            f"| `{row['name']}` | {row['covered']:.3f} | {row['bias']:+.2f} | {row['error']:.2f} | "
            f"{row['paired']:.3f} | {row['different']:.3f} |"
        )
    return rows


def coverage_row(name: str, whole: Sequence[Report], pairs: Sequence[Sequence[Report]]) -> dict[str, Any]:
    """Hold one metric of every pair against that of the whole."""
    truth = known(value_of(name, whole[0])).value
    values = [known(value_of(name, first)) for first, _ in pairs]
    spread = statistics.stdev(each.value for each in values)
    gap = known(value_of(name, whole[1])).value - truth
    gaps = [gap_of(name, second, first) for first, second in pairs]
    clear = [
        is_clear(gap_of(name, before[0], after[0]), before[0], after[0])
        for before, after in zip(pairs[::2], pairs[1::2], strict=False)
    ]
    return {
        "name": name,
        "truth": truth,
        "covered": share(covers(each, truth) for each in values),
        "bias": (statistics.fmean(each.value for each in values) - truth) / spread,
        "error": math.sqrt(statistics.fmean((each.stderr or 0.0) ** 2 for each in values)) / spread,
        "paired": share(covers(each, gap) for each in gaps),
        "different": share(map(bool, clear)),
        "values": [asdict(each) for each in values],
        "gap": gap,
        "gaps": [asdict(each) for each in gaps],
    }


def gap_of(name: str, report: Report, other: Report) -> MetricValue:
    """What ``difference`` says, of the accuracy too."""
    return known(difference(name, report, other))


def share(said: Iterable[bool]) -> float:
    """Return how many of them are true, in [0, 1]."""
    return statistics.fmean(map(float, said))


def noisy(model: Any) -> Any:
    """Return a copy that is a little worse."""
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in other.parameters():
            if weight.dim() > 1:
                weight += NOISE * weight.std() * torch.randn(weight.shape, generator=generator)
    return other


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("budgets", "coverage"))
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--tokenizer", help="where the model's folder has none")
    parser.add_argument("--splits", nargs="+", default=["train", "validation"])
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--tokens", type=int, default=50_000)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    print(f"nc_hf {VERSION}, torch {torch.__version__}: {given.what} of {given.model} on {given.folder}", flush=True)
    subject = Subject.open(given.model, given.folder, given.tokenizer, given.splits)
    rows = budgets(subject, given.parts) if given.what == "budgets" else coverage(subject, given.draws, given.tokens)
    if given.keep:
        given.keep.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
