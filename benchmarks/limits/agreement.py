"""NC4: deciding tokens among all centres, exactly, against the bare product of the tokens with the centres."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from timing import ratio

from limits.lines import Line, Settings, batches
from nc_hf import ClassStatistics
from nc_hf.metrics.decisions import decide
from nc_hf.runtime.precision import full_float32

TARGETS = {"few dimensions hold most": 0.5, "even": 1.1, "each centre has a spike of its own": 1.1}


def run(settings: Settings) -> Iterator[Line]:
    """Yield a line for features as those of language models, and for two kinds that none has."""
    classes, dim, tokens = settings.size(29_233, 2_100), settings.size(768, 512), settings.size(8_192, 128)
    for kind, target in TARGETS.items():
        stats, features, labels = drawn(kind, classes, dim, tokens, settings)
        centres = stats.means
        centres = (centres - centres.mean(dim=0)).float()

        def products(features: torch.Tensor = features, centres: torch.Tensor = centres) -> None:
            with full_float32():
                for part in torch.split(features, 512):
                    part @ centres.T

        for agreement in (0.2, 1.0) if target == 0.5 else (0.4,):
            alike = torch.rand(tokens, generator=torch.Generator().manual_seed(0)) < agreement
            linear = torch.where(alike.to(labels.device), labels, labels.roll(1))
            times, seconds, limit = ratio(
                settings.timed(lambda stats=stats, linear=linear, features=features, labels=labels: decide(
                    stats, features, labels, linear, leave_one_out=True
                )),
                settings.timed(products),
                pairs=settings.size(3, 1),
            )  # fmt: skip
            share = float(decide(stats, features, labels, linear, leave_one_out=True).agree.double().mean())
            yield Line(
                f"NC4 of {tokens:,} tokens, K = {classes:,}, D = {dim}: {kind}", "their product with the centres",
                times, target, note=f"{share:.0%} agree; {seconds:.2f} s, {limit:.2f} s",
            )  # fmt: skip


def drawn(
    kind: str, classes: int, dim: int, tokens: int, settings: Settings
) -> tuple[ClassStatistics, torch.Tensor, torch.Tensor]:
    """Return statistics, and some tokens that are among them."""
    stats, kept = ClassStatistics(dim, settings.device), []
    spread = torch.arange(1, dim + 1, device=settings.device) ** 0.5
    spikes = torch.randint(dim, (classes,), generator=torch.Generator().manual_seed(1)).to(settings.device)
    for features, labels in batches(classes, dim, 100, 0, settings.device):
        if kind != "few dimensions hold most":
            features *= spread
        if kind.startswith("each"):
            features[torch.arange(len(labels)), spikes[labels]] += 500
        stats.update(features, labels)
        if sum(len(each) for each, _ in kept) < tokens:
            kept.append((features, labels))
    every = [torch.cat(column)[:tokens] for column in zip(*kept, strict=True)]
    return stats, every[0], every[1]
