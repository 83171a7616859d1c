"""Reports kept on disk, one file a commit or checkpoint, so that what was measured once is not measured again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from accelerate.state import PartialState

from nc_hf.errors import FileError, MergeError
from nc_hf.measurement.options import OPTIONS
from nc_hf.report import Report
from nc_hf.runtime.files import read_json, write_text
from nc_hf.runtime.seal import SEAL, BrokenSealError, opened, sealed

_SETTINGS = "settings.json"


class KeptReports:
    """A folder with the reports of a model's commits or checkpoints, all on one text with the same options."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        """Open a folder, or make it.

        Args:
            folder: where the reports are.
            settings: what all of them share.

        Raises:
            MergeError: the folder is of other settings.
            FileError: it cannot be read or written, or was edited.
        """
        self._folder = folder
        path = folder / _SETTINGS
        mine = json.loads(json.dumps(dict(settings), default=str))
        if not path.exists():
            write_text(path, json.dumps(sealed(mine), indent=2, ensure_ascii=False) + "\n")
            return
        try:
            theirs = opened(_entries(path))
        except BrokenSealError as fault:
            raise FileError(f"{path} is damaged ({fault}): remove it, or name another folder.") from None
        for name in theirs.keys() - mine.keys():
            raise MergeError(
                f"{folder} holds reports with {name} {theirs[name]!r}, of a version of nc_hf that had it: name another "
                "folder."
            )
        for name, value in mine.items():
            default = OPTIONS[name].default if name in OPTIONS else None
            if theirs.get(name, default) != value:  # the folder may be older than an option
                raise MergeError(
                    f"{folder} holds reports with {name} {theirs.get(name)!r} and not {value!r}: "
                    "name another folder, or the options of before."
                )

    def find(self, commit: str, fingerprint: Callable[[Report], str], key: str | None = None) -> Report | None:
        """Return what was measured of a commit or checkpoint before; None if it was not.

        Args:
            commit: of the model; of a checkpoint what tells its weights from others.
            fingerprint: given a report, gives that of the text on which the commit would be measured now.
            key: by which it is kept: the name of a checkpoint; the commit by default.

        Raises:
            FileError: the report is damaged, or was edited.
            MergeError: it is of another commit or text.
        """
        path = self._path(key or commit)
        if not path.exists():
            return None
        if SEAL not in _entries(path):
            raise FileError(f"{path} carries no seal: remove it, and it is measured again.")
        report = Report.load(path)
        if report.model.commit != commit:
            raise MergeError(f"{path} is of the commit {report.model.commit}: remove it, or name another folder.")
        if report.corpus.fingerprint != fingerprint(report):
            raise MergeError(f"{path} was measured on another text or tokenizer: remove it, or name another folder.")
        return report

    def keep(self, key: str, report: Report) -> None:
        """Keep the report of a commit or checkpoint."""
        if PartialState().is_main_process:
            report.save(self._path(key))

    def measured(self, key: str, run: Callable[[Path], Report]) -> Report:
        """Let ``run`` measure a commit or checkpoint, with a folder for what is unfinished, and keep the report."""
        unfinished = self._folder / "unfinished" / key
        report = run(unfinished)
        self.keep(key, report)
        if PartialState().is_main_process:
            shutil.rmtree(unfinished, ignore_errors=True)
        return report

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def _entries(path: Path) -> dict[str, Any]:
    document = read_json(path)
    if not isinstance(document, dict):
        raise FileError(f"{path} is damaged: remove it, or name another folder.")
    return document
