"""Tables whose figures are hard to draw, by what is hard about them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.results import crossed, small_study

STEPS = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000])
"""States of ``with_steps``, as a study saves them: the start, then ever farther apart."""


def with_steps(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the states of runs with ``len(STEPS)`` states each steps that are spaced by ratios, and errors."""
    place = np.rint((frame["saved_epoch"] + 1) * len(STEPS) / frame["epochs"] - 1).astype(int)
    steps = STEPS[place]
    errors = {"val_loss_stderr": 0.02, "nc4_agreement_stderr": 0.004}
    return frame.assign(saved_step=steps, trained_epochs=steps / 500, saved_epoch=steps / 500 - 1, **errors)


def with_extremes() -> pd.DataFrame:
    """Zeros among values over decades, zeros throughout, both signs over decades, infinities, and nothing at all."""
    frame = crossed(2, width=[32, 64, 128], depth=[1, 2])
    place = np.arange(len(frame))
    decades = np.geomspace(1e-4, 1e4, len(frame))
    return frame.assign(
        nc1_trace_ratio=np.where(place % 3, decades, 0.0),
        nc2_cos_std=0.0,
        gnc2_log_std_ratio=np.where(place % 4, frame["val_loss"], np.inf),
        nc3_cos_mean_centred=decades * (-1.0) ** place,
        unc3_cos_std_centred=np.nan,
        nc4_agreement=0.3,
    )


LONG = [f"hf:EleutherAI/some-very-long-name-of-a-configuration-{n}" for n in range(7)]
WORDS = ["adamw_torch", "sgd", "adafactor"]

TABLES: dict[str, pd.DataFrame] = {
    "grid with seeds": small_study(),
    "one axis of words": crossed(3, optimizer=WORDS),
    "one axis of numbers, states of runs": crossed(2, 5, learning_rate=[1e-4, 3e-4, 1e-3, 3e-3, 1e-2]),
    "two axes": crossed(2, 2, optimizer=WORDS, dropout=[0.0, 0.1, 0.3]),
    "three axes": crossed(2, optimizer=WORDS, dropout=[0.0, 0.1], learning_rate=[1e-3, 3e-3, 1e-2]),
    "sizes, lengths and families": crossed(1, width=[32, 64, 128], depth=[1, 2, 4], epochs=[1, 3], family=WORDS),
    "long names, many levels": crossed(1, family=LONG, vocab_size=[1000 * 2**n for n in range(8)]),
    "more levels than shapes": crossed(1, depth=list(range(1, 12)), width=[32, 64]),
    "added losses": with_steps(crossed(3, len(STEPS), added_loss=["none", "cdnv", "duality"])),
    "extremes": with_extremes(),
    "three rows": crossed(1, width=[32, 64, 128]),
    "two rows": crossed(1, width=[32, 64]),
    "one row": crossed(1),
    "the same row but for its seed": crossed(4).assign(val_loss=3.0, nc4_agreement=0.5),
}
