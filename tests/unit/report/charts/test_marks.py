"""What tells models apart in a picture."""

from __future__ import annotations

import pytest

from nc_hf.report.charts.marks import MARKS, by_model, value_axis


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ground", ["#ffffff", "#0b0f19"])
def test_every_mark_stands_out_on_both_grounds(ground: str) -> None:
    for mark in MARKS:
        darker, lighter = sorted((luminance(mark.colour), luminance(ground)))
        assert (lighter + 0.05) / (darker + 0.05) >= 3.0, mark


def test_models_keep_their_order_and_differ_without_colour() -> None:
    names = [f"model {number}" for number in range(len(MARKS))]
    channels = by_model(names, legend=True)
    for channel in channels.values():
        assert channel["scale"]["domain"] == names
        assert len(set(channel["scale"]["range"])) == len(MARKS)
    assert len({mark.glyph for mark in MARKS}) == len(MARKS)
    assert not {"●", "○"} & {mark.glyph for mark in MARKS}


@pytest.mark.parametrize(
    ("values", "kind", "ticks"),
    [
        ([1.0, 10.0], None, None),
        ([0.0, 100.0], None, None),
        ([-1.0, 100.0], None, None),
        ([], None, None),
        ([1.0, 100.0], "log", [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
        ([3.0, 40_000.0], "log", [10.0, 100.0, 1_000.0, 10_000.0]),
    ],
)
def test_a_scale_is_logarithmic_over_decades_above_zero(
    values: list[float], kind: str | None, ticks: list[float] | None
) -> None:
    drawn = value_axis("what", values)
    assert drawn["scale"].get("type") == kind
    assert drawn["axis"].get("values") == (pytest.approx(ticks) if ticks else None)
