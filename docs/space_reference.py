"""Write ``nc_hf/space/reference.json``: quantiles of the 230 published models, among which a value is ranked.

    python docs/space_reference.py --published PATH

The measurements behind it are those of *Linguistic Collapse* (arXiv 2405.17767); without ``--published`` they are
downloaded from the authors' repository at a pinned commit and checked.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nc_hf.runtime.files import write_text
from nc_hf.study.analysis.published import CLASSES, COMMIT, REPOSITORY, load_published

TARGET = Path(__file__).parents[1] / "nc_hf" / "space" / "reference.json"
TOKENS = 469_514_249
STEPS = 20

# What means the same on another text, with other classes and far fewer tokens. Not among them: the published CDNV,
# which depends on the scale of the features and falls with the sample; and the distances to an ETF, which follow K.
COMPARABLE = (
    "nc2_norm_cov",
    "nc2_log_norm_std",
    "nc2_cos_std",
    "nc2_participation_ratio_per_dim",
    "gnc2_log_std_ratio",
    "nc3_cos_mean",
    "unc3_cos_std",
    "nc4_agreement",
)


def reference(published: str | None) -> dict[str, object]:
    """Return the document: where it comes from, and 21 quantiles (0, 5, ... 100 %) of each metric."""
    table = load_published(published)
    shares = [step / STEPS for step in range(STEPS + 1)]
    return {
        "source": f"github.com/{REPOSITORY} at {COMMIT[:7]}, measurements of arXiv 2405.17767",
        "models": len(table),
        "classes": CLASSES,
        "tokens": TOKENS,
        "quantiles": {name: [float(f"{table[name].quantile(share):.6g}") for share in shares] for name in COMPARABLE},
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Write the quantiles of the published models.")
    parser.add_argument("--published", help="folder with the two published files")
    write_text(TARGET, json.dumps(reference(parser.parse_args().published), indent=1) + "\n")


if __name__ == "__main__":
    main()
