"""Write ``nc_hf/report/charts/published.json``: loss and collapse of the 230 published models, for the plane.

    python docs/published_models.py --published PATH

The measurements behind it are those of *Linguistic Collapse* (arXiv 2405.17767); without ``--published`` they are
downloaded from the authors' repository at a pinned commit and checked.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nc_hf.runtime.files import write_text
from nc_hf.study.analysis.published import CLASSES, COMMIT, REPOSITORY, load_published

TARGET = Path(__file__).parents[1] / "nc_hf" / "report" / "charts" / "published.json"
TOKENS = 469_514_249
DIGITS = 4

METRICS = ("nc1_cdnv_paper", "gnc2_log_std_ratio", "unc3_cos_std", "nc4_agreement")


def document(published: str | None) -> dict[str, object]:
    """Return the document: where it comes from, and four significant digits of each quantity, one a model."""
    table = load_published(published)
    columns = {name: [float(f"{value:.{DIGITS}g}") for value in table[name]] for name in ("val_loss", *METRICS)}
    return {
        "source": f"github.com/{REPOSITORY} at {COMMIT[:7]}, measurements of arXiv 2405.17767",
        "licence": "none is stated there; these are rounded measurements, not the files",
        "classes": CLASSES,
        "tokens": TOKENS,
        "models": list(table.index),
        "loss": columns.pop("val_loss"),
        "metrics": columns,
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Write the published models for the plane.")
    parser.add_argument("--published", help="folder with the two published files")
    write_text(TARGET, json.dumps(document(parser.parse_args().published), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
