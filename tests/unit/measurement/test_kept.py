"""Reports kept by commit: found again, measured once, and refused where they are of something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf.errors import FileError, MergeError
from nc_hf.measurement.kept import KeptReports
from nc_hf.measurement.options import deciding
from nc_hf.report import Report
from nc_hf.runtime.seal import sealed
from tests.reports import REFERENCE

SETTINGS: dict[str, object] = {"model": "owner/name", "classes": "top:10", "preset": ("nc1_cdnv",), "folder": Path("x")}
COMMIT = "c" * 40


@pytest.fixture
def report() -> Report:
    whole = Report.load(REFERENCE)
    return replace(whole, model=replace(whole.model, commit=COMMIT))


def same_text(report: Report) -> str:
    return report.corpus.fingerprint


def never(report: Report) -> str:
    raise AssertionError("the text is needed only where there is a report of the commit")


def test_what_was_measured_is_found_again_by_another_start(tmp_path: Path, report: Report) -> None:
    kept = KeptReports(tmp_path / "new", SETTINGS)
    assert kept.find(COMMIT, never) is None
    seen: list[Path] = []

    def run(unfinished: Path) -> Report:
        seen.append(unfinished)
        unfinished.mkdir(parents=True)
        (unfinished / "state").write_text("half")
        return report

    assert kept.measured(COMMIT, run) is report
    again = KeptReports(tmp_path / "new", SETTINGS)
    assert again.find(COMMIT, same_text) == report
    assert again.find("d" * 40, never) is None
    assert not seen[0].exists(), "what was unfinished goes with the end"
    assert sorted(path.name for path in (tmp_path / "new").glob("*.json")) == [f"{COMMIT}.json", "settings.json"]


def test_what_was_unfinished_stays_for_the_next_start(tmp_path: Path) -> None:
    kept = KeptReports(tmp_path, SETTINGS)

    def broken(unfinished: Path) -> Report:
        unfinished.mkdir(parents=True, exist_ok=True)
        (unfinished / "state").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.measured(COMMIT, broken)
    assert kept.find(COMMIT, never) is None
    seen: list[str] = []

    def look(unfinished: Path) -> Report:
        seen.append((unfinished / "state").read_text())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        KeptReports(tmp_path, SETTINGS).measured(COMMIT, look)
    assert seen == ["half"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"classes": [3, 5]},
            r"holds reports with classes 'top:10' and not \[3, 5\]: name another folder, or the options of before",
        ),
        ({"preset": ["nc1_cdnv", "nc1_pinv"]}, r"holds reports with preset \['nc1_cdnv'\] and not"),
        ({"split": "test"}, r"holds reports with split None and not 'test'"),
    ],
)
def test_a_folder_of_other_settings_is_refused_and_left_alone(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    KeptReports(tmp_path, SETTINGS)
    before = (tmp_path / "settings.json").read_bytes()
    with pytest.raises(MergeError, match=said):
        KeptReports(tmp_path, {**SETTINGS, **changed})
    assert (tmp_path / "settings.json").read_bytes() == before
    KeptReports(tmp_path, SETTINGS)


@pytest.mark.parametrize(("text", "said"), [("[]", "is damaged: remove it"), ("{", "is truncated or not JSON")])
def test_damaged_settings_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(FileError, match=said):
        KeptReports(tmp_path, SETTINGS)


def test_a_report_of_another_commit_or_text_is_refused(tmp_path: Path, report: Report) -> None:
    kept = KeptReports(tmp_path, SETTINGS)
    kept.measured(COMMIT, lambda unfinished: report)
    with pytest.raises(MergeError, match="was measured on another text or tokenizer: remove it"):
        kept.find(COMMIT, lambda report: "0" * 64)
    (tmp_path / f"{'d' * 40}.json").write_bytes((tmp_path / f"{COMMIT}.json").read_bytes())
    with pytest.raises(MergeError, match=rf"is of the commit {COMMIT}: remove it"):
        kept.find("d" * 40, same_text)
    document = json.loads((tmp_path / f"{COMMIT}.json").read_text(encoding="utf-8"))
    del document["loss"], document["seal"]
    (tmp_path / f"{COMMIT}.json").write_text(json.dumps(document))
    with pytest.raises(FileError, match="carries no seal: remove it, and it is measured again"):
        kept.find(COMMIT, same_text)
    (tmp_path / f"{COMMIT}.json").write_text(json.dumps(sealed(document)))
    with pytest.raises(FileError, match="loss is missing"):
        kept.find(COMMIT, same_text)


def test_a_folder_that_is_older_than_an_option_goes_on_with_its_default(tmp_path: Path) -> None:
    now = {"model": "owner/name", **deciding({"classes": "top:5"})}
    older = {name: value for name, value in now.items() if name != "layer_errors"}
    (tmp_path / "settings.json").write_text(json.dumps(older))
    KeptReports(tmp_path, now)
    with pytest.raises(MergeError, match="layer_errors"):
        KeptReports(tmp_path, now | {"layer_errors": True})
    with pytest.raises(MergeError, match="classes 'top:5' and not 'top:10'"):
        KeptReports(tmp_path, now | {"classes": "top:10"})
