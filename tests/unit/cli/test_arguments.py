"""Arguments that several commands share: what is refused before any work."""

from __future__ import annotations

import inspect
import logging
import re
from pathlib import Path

import pytest

from nc_hf.cli.arguments import start_process, takes_measure_options
from nc_hf.measurement.options import OPTIONS, MeasureOptions, complete
from tests.command import refusal, run


class TestMeasureOptions:
    @staticmethod
    def said(*names: str, **arguments: object) -> MeasureOptions:
        """Run a command with these arguments, the others at their defaults, and return the options that it gets."""
        got: list[MeasureOptions] = []

        @takes_measure_options(*names)
        def command(*, options: MeasureOptions) -> None:
            got.append(options)

        parameters = inspect.signature(command).parameters
        command(**{name: arguments.get(name, each.default) for name, each in parameters.items()})
        return got[0]

    def test_nothing_said_is_every_default(self) -> None:
        meant = {name: value for name, value in complete({}).items() if OPTIONS[name].panel is not None}
        said = self.said()
        assert said.keys() == meant.keys()
        assert complete(said) == complete({})

    def test_flags_auto_and_names(self) -> None:
        said = self.said(
            uncertainty=True, progress=True, layer_errors=True, dtype="bfloat16", metrics="a, b", device="auto"
        )
        assert (said["uncertainty"], said["progress"], said["layer_errors"]) == (False, False, True)
        assert (said["dtype"], said["device"], said["preset"]) == ("bfloat16", None, ("a", "b"))

    def test_some_of_them(self) -> None:
        assert self.said("preset", "seed", seed=3) == {"preset": "core", "seed": 3}

    @pytest.mark.parametrize(
        ("said", "meant"), [("0.001", 0.001), ("1e-3", 0.001), ("top:300", "top:300"), ("all", "all"), ("ids", [3, 7])]
    )
    def test_classes_are_a_number_or_a_word(
        self, said: str, meant: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "ids").write_text("3\n7\n")
        monkeypatch.chdir(tmp_path)
        found = complete(self.said("preset", "classes", classes=said))["classes"]
        assert (found, type(found)) == (meant, type(meant))

    def test_the_command_offers_what_is_declared(self) -> None:
        shown = run("measure", "--help")
        for name, option in OPTIONS.items():
            flag = option.flag[0] if option.flag else f"--{name.replace('_', '-')}"
            assert bool(re.search(rf"{flag}\b", shown)) == (option.panel is not None), name


class TestMeasureArguments:
    @pytest.mark.parametrize("shard", ["0/4", "5/4", "a/b", "1", "-1/4", "1/0", "1/2/3"])
    def test_shard(self, shard: str) -> None:
        assert "write i/n" in refusal("measure", "gpt2", "--shard", shard, code=2)

    def test_metrics_without_a_name(self) -> None:
        assert "names no metric" in refusal("measure", "gpt2", "--metrics", " , ", code=2)

    @pytest.mark.parametrize("option", ["--output", "--markdown", "--html", "--save-statistics"])
    def test_file_that_cannot_be_written_is_refused_before_the_work(self, option: str, tmp_path: Path) -> None:
        assert "is a directory" in refusal("measure", "gpt2", option, tmp_path, code=6)
        (tmp_path / "file").touch()
        assert "cannot be written" in refusal("measure", "gpt2", option, tmp_path / "file" / "report", code=6)
        assert "(File name too long): name another" in refusal(
            "measure", "gpt2", option, tmp_path / ("n" * 300), code=6
        )

    def test_a_page_without_vl_convert_is_refused_before_the_work(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("nc_hf.runtime.extras.find_spec", lambda name: None)
        assert "pip install 'nc_hf[html]'" in refusal(
            "measure", "nobody/nothing", "--html", tmp_path / "a.html", code=2
        )

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--preset", "best"],
            ["--max-tokens", "0"],
            ["--block-size", "1"],
            ["--packing", "tight"],
            ["--seed", "-1"],
            ["--min-count", "10"],
            [],
        ],
    )
    def test_option_outside_its_range_is_a_usage_error(self, arguments: list[str]) -> None:
        assert "Usage: nc-hf measure" in run("measure", *["gpt2"] * bool(arguments), *arguments, code=2)

    @pytest.mark.parametrize(
        ("classes", "said"),
        [
            ("0", "classes is 0: pass a share of the text between 0 and 1"),
            ("1", "classes is 1: pass a share"),
            ("300", "or top:300 for so many classes"),
            ("nan", "classes is nan: pass a share"),
            ("top:1", "pass top: with a number from 2"),
            ("no such file", "there is no text file of that name"),
        ],
    )
    def test_classes_that_are_none_are_refused_before_the_work(self, classes: str, said: str) -> None:
        assert said in refusal("measure", "gpt2", "--classes", classes, code=2)


def test_what_is_read_is_said_on_stderr_unless_all_is_to_be_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("nc_hf.corpus")
    for progress, said in {True: "read it\nread less\n", False: "read less\n"}.items():
        start_process(complete({"progress": progress, "device": "cpu"}))
        log.info("read it")
        log.warning("read less")
        assert capsys.readouterr().err == said
