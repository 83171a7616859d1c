"""What tells rows apart follows from what varies."""

from __future__ import annotations

import pandas as pd
import pytest

from nc_hf.report.figures.style import MARKERS
from nc_hf.study.analysis.figures.encoding import WORDS, Channel, Encoding, Sizes, encode, told_settings
from tests.figure_tables import TABLES
from tests.results import crossed


def told(encoding: Encoding) -> tuple[str | None, str | None, str | None]:
    colour = encoding.colour
    by_colour = "size" if isinstance(colour, Sizes) else colour.name if isinstance(colour, Channel) else None
    return (
        by_colour,
        encoding.shape.name if encoding.shape else None,
        encoding.columns.name if encoding.columns else None,
    )


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("one row", (None, None, None)),
        ("grid with seeds", ("size", "depth", None)),
        ("three rows", ("size", "width", None)),
        ("one axis of words", ("optimizer", "optimizer", None)),
        ("two axes", ("optimizer", "dropout", None)),
        ("three axes", ("optimizer", "dropout", "learning_rate")),
        ("sizes, lengths and families", ("size", "depth", "family")),
        ("added losses", ("added_loss", "added_loss", None)),
        ("more levels than shapes", ("size", "width", None)),
    ],
)
def test_what_varies_is_told(table: str, expected: tuple[str | None, ...]) -> None:
    encoding = encode(TABLES[table])
    assert told(encoding) == expected
    assert encoding.untold == (("depth",) if table == "more levels than shapes" else ())


def test_rows_look_the_same_where_their_told_settings_are() -> None:
    frame = TABLES["two axes"]
    encoding = encode(frame)
    looks = pd.Series([(tuple(encoding.colours[row]), encoding.marker(row)) for row in range(len(frame))])
    settings = pd.Series(list(zip(frame["optimizer"], frame["dropout"], strict=True)))
    assert looks.groupby(settings).nunique().max() == 1
    assert looks.nunique() == settings.nunique() == 9


def test_a_setting_that_another_decides_is_not_told_twice() -> None:
    frame = crossed(1, width=[32, 64, 128], dropout=[0.0, 0.1])
    assert told_settings(frame.assign(heads=frame["width"] // 8)) == ["width", "dropout"]
    families = frame.assign(family=frame["width"].map({32: "gpt_neo", 64: "llama", 128: "mamba"}))
    assert told_settings(families) == ["dropout", "family"]  # a word before the number that goes with it
    assert told_settings(frame.assign(warmup_steps=(frame["width"] > 32) * 10)) == ["width", "dropout"]


def test_without_columns_the_third_setting_is_named() -> None:
    encoding = encode(TABLES["three axes"], columns=False)
    assert encoding.columns is None
    assert encoding.untold == ("learning_rate",)


def test_a_setting_with_a_nearly_empty_level_has_no_columns() -> None:
    frame = TABLES["sizes, lengths and families"].drop(columns="family")
    encoding = encode(frame.assign(weight_decay=[0.2, 0.3] + [0.1] * (len(frame) - 2)))
    assert encoding.columns is None
    assert encoding.untold == ("weight_decay",)


def test_words_have_colours_far_apart_and_numbers_go_from_dark_to_light() -> None:
    assert encode(TABLES["one axis of words"]).palette == WORDS[:3]
    palette = encode(TABLES["one axis of numbers, states of runs"]).palette
    lightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue, _ in palette]
    assert lightness == sorted(lightness)
    assert lightness[-1] < 0.75  # still visible on white


def test_none_comes_first() -> None:
    encoding = encode(TABLES["added losses"])
    assert isinstance(encoding.colour, Channel)
    assert encoding.colour.levels == ("none", "cdnv", "duality")
    assert encoding.marker_of("none") == MARKERS[0]
