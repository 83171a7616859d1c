"""The parts of the Space by themselves: questions, places, verdicts, what is kept, whose turn it is, deployment."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import io
import json
import math
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

pytest.importorskip("gradio")

from nc_hf import measure
from nc_hf.cli import app
from nc_hf.errors import CorpusError, HubError, InputError, NCError, TokenizerError
from nc_hf.hub.deployment import deploy_space
from nc_hf.report import MetricValue, Report
from nc_hf.report.verdict import verdict
from nc_hf.space.controls import chosen, take_upload
from nc_hf.space.faults import UnforeseenError
from nc_hf.space.html import sentence
from nc_hf.space.limits import UPLOAD
from nc_hf.space.places import REFERENCE, places, published_share
from nc_hf.space.queue import Turns, Waiting
from nc_hf.space.request import Question, ask, read_upload
from nc_hf.space.service import Answer, Desk
from nc_hf.space.settings import Settings
from nc_hf.space.store import Kept, Store, identify
from nc_hf.space.suggestions import suggest_models, suggest_revisions
from nc_hf.space.tables import metric_table, result_table, verdict_card
from nc_hf.space.worker import Work, measure_in_steps
from tests.hub.models import gpt2_files
from tests.hub.repository import as_bytes
from tests.hub.server import StandIn

LIMIT = 1_000_000


def question(
    model: str = "a/b", revision: str = "", corpus: str = "builtin", text: str = "", **other: object
) -> Question:
    budget, preset = other.get("max_tokens", 2_000), other.get("preset", "core")
    return ask(model, revision, corpus, text, budget, preset, limit=LIMIT)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report() -> Report:
    """A report as an older nc_hf wrote it."""
    return Report.load(ROOT / "tests" / "reference" / "report.json")


def with_values(report: Report, **values: float) -> Report:
    """The report with other values, each with a standard error of a thousandth."""
    return dataclasses.replace(report, metrics={name: MetricValue(value, 0.001) for name, value in values.items()})


# --- questions


def test_addresses_and_revisions_are_understood() -> None:
    assert question("https://huggingface.co/a/b/tree/step1").name == "a/b@step1"
    assert question(" a/b@v1 ").revision == "v1"
    assert question(corpus="https://huggingface.co/datasets/c/d").corpus == "hub:c/d"
    assert question(corpus="hub:c/d:en:test:story").corpus == "hub:c/d:en:test:story"
    assert (
        question("a/b", "v1", "hub:c/d").link == "?model=a%2Fb&revision=v1&corpus=hub%3Ac%2Fd&tokens=2000&preset=core"
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"model": ""},
        {"model": "."},
        {"model": "/etc"},
        {"model": "../a"},
        {"model": "a/b/c"},
        {"model": "<b>a</b>/c"},
        {"revision": "../x"},
        {"corpus": "/etc/passwd"},
        {"corpus": "passwd.txt"},
        {"corpus": "hub:/etc/passwd"},
        {"corpus": "hub:json"},
        {"corpus": "hub:../../x/y"},
        {"corpus": ""},
        {"corpus": UPLOAD},
        {"corpus": UPLOAD, "text": " <|endoftext|> "},
        {"text": "a text without the corpus upload"},
        {"preset": "all"},
        {"max_tokens": 0},
        {"max_tokens": -5},
        {"max_tokens": 10**12},
        {"max_tokens": None},
        {"max_tokens": math.nan},
        {"max_tokens": True},
        {"max_tokens": 10**400},
        {"max_tokens": -(10**400)},
        {"max_tokens": 1e308},
        {"max_tokens": math.inf},
        {"model": 3},
        {"revision": 3},
        {"corpus": ["builtin"]},
        {"corpus": UPLOAD, "text": ["a text"]},
        {"preset": ["core"]},
        {"preset": None},
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_fetched(hub: StandIn, asked: dict[str, object]) -> None:
    with pytest.raises(NCError, match=r": .*\.$") as refused:
        question(**asked)  # type: ignore[arg-type]
    assert len(str(refused.value)) < 200
    assert hub.requests == []


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["a/b", 3], r"passed as models\[1\] is no text"),
        ("a/b", "passed as models is no list"),
        (None, "passed as models is no list"),
    ],
)
def test_a_comparison_of_what_names_no_models_is_refused(tmp_path: Path, models: list[str], said: str) -> None:
    desk = Desk(Settings(tmp_path, None, LIMIT, 10**9, 10**9, 8))
    with pytest.raises(InputError, match=said):
        desk.compared(models, "builtin", "", 2_000, "core")


def test_an_upload_is_read_once_and_leaves_the_disk(tmp_path: Path) -> None:
    place = tmp_path / "mine.txt"
    place.write_bytes("\ufeffeins\r\n<|endoftext|>zwei".encode())
    text, note = take_upload(str(place))
    assert text == "eins\n<|endoftext|>zwei"
    assert "2 documents" in note
    assert not place.exists()
    assert chosen(UPLOAD, "", text) == (UPLOAD, text)
    assert chosen("builtin", "", text) == ("builtin", "")
    assert list(question(corpus=UPLOAD, text=text).open(False).texts) == ["eins", "zwei"]


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty"), (b"\0", "binary"), (b"\xff", "UTF-8"), (b"a" * 5_000_001, "bytes")]
)
def test_uploads_that_are_no_text_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        read_upload(content)


def test_a_text_through_the_api_is_held_to_the_size_of_a_file() -> None:
    assert question(corpus=UPLOAD, text="é" * 2_500_000).text
    with pytest.raises(CorpusError, match="The text has 5,000,002 bytes: choose one of 5,000,000 at the most"):
        question(corpus=UPLOAD, text="é" * 2_500_001)
    with pytest.raises(CorpusError, match="The file has 5,000,001 bytes: choose one of 5,000,000 at the most"):
        read_upload(b"a" * 5_000_001)


# --- reading a result


def test_the_reference_is_what_the_command_makes_of_the_published_files(shared_data: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    from space_reference import reference

    assert reference(str(shared_data / "published")) == REFERENCE


def test_a_value_is_placed_by_the_quantiles_in_the_metric_s_direction(report: Report) -> None:
    up, down = REFERENCE["quantiles"]["nc4_agreement"], REFERENCE["quantiles"]["nc2_cos_std"]
    assert published_share("nc4_agreement", up[10]) == pytest.approx(0.5)
    assert published_share("nc2_cos_std", down[5]) == pytest.approx(0.75)
    assert published_share("nc4_agreement", (up[4] + up[5]) / 2) == pytest.approx(0.225)
    assert published_share("nc2_cos_std", 0.0) == 1.0
    assert published_share("nc1_cdnv_paper", 0.001) is None, "the published CDNV is comparable with nothing else"
    mine = with_values(report, nc1_trace_ratio=0.5, nc2_cos_mean=0.0, nc4_agreement=0.3)
    others = [with_values(report, nc1_trace_ratio=value) for value in (0.4, 0.6, 0.7)]
    found = places(mine, others)
    assert (found["nc1_trace_ratio"].kept, found["nc1_trace_ratio"].among) == (2, 3)
    assert found["nc4_agreement"].among == 0
    assert "nc2_cos_mean" not in found, "it has no direction"


@pytest.mark.parametrize(
    ("values", "level", "words"),
    [
        ({"nc1_trace_ratio": 0.05, "nc4_agreement": 0.95}, "strong", "Strongly collapsed"),
        ({"nc1_trace_ratio": 0.05, "nc4_agreement": 0.60}, "partial", "Partly collapsed"),
        ({"nc1_trace_ratio": 0.93, "nc4_agreement": 0.55}, "partial", "Partly collapsed"),
        ({"nc1_trace_ratio": 1.50, "nc4_agreement": 0.55}, "slight", "Collapsed in one respect only"),
        ({"nc1_trace_ratio": 0.50, "nc4_agreement": 0.10}, "slight", "Collapsed in one respect only"),
        ({"nc1_trace_ratio": 1.50, "nc4_agreement": 0.10}, "none", "Hardly collapsed"),
        ({"nc4_agreement": 0.95}, "slight", "judged by the nearest mean."),
        ({"nc2_cos_std": 0.2}, "unknown", "No verdict"),
        ({"nc1_trace_ratio": math.nan, "nc4_agreement": math.nan}, "unknown", "No verdict"),
    ],
)
def test_the_headline_follows_its_rules(report: Report, values: dict[str, float], level: str, words: str) -> None:
    said = verdict(with_values(report, **values))
    assert said.level == level
    assert words in said.headline


def test_a_value_close_to_a_limit_and_a_small_sample_are_said(report: Report) -> None:
    said = verdict(with_values(report, nc1_trace_ratio=0.9985, nc4_agreement=0.6))
    assert "so close to the limit of 1 " in said.findings[0].reason
    assert "so close" not in verdict(with_values(report, nc1_trace_ratio=0.99)).findings[0].reason
    few = dataclasses.replace(report, tokens=500, classes=dataclasses.replace(report.classes, used=12, coverage=0.4))
    assert len(verdict(few).cautions) == 3


# --- what is kept


def test_a_result_is_found_by_commit_text_and_options_alone(hub: StandIn, tmp_path: Path, report: Report) -> None:
    repository = hub.add("a/b", gpt2_files())
    hub.add("c/d", {"train.jsonl": json.dumps({"text": "x"})}, kind="dataset")
    asked = question(corpus="hub:c/d")
    key = identify(asked, False).key
    store = Store(tmp_path)
    store.keep(Kept(key, asked, report, "d" * 40))
    assert identify(question("https://huggingface.co/a/b", corpus="hub:c/d"), False).key == key
    other = [
        question(corpus="builtin"),
        question(corpus="hub:c/d", max_tokens=3_000),
        question(corpus="hub:c/d", preset="full"),
    ]
    assert len({key, *(identify(each, False).key for each in other)}) == 4
    reopened = Store(tmp_path).find(key)
    assert reopened is not None
    assert reopened.report == report
    assert reopened.question == asked
    assert reopened.text_commit == "d" * 40
    repository.commit({"README.md": "changed"})
    assert identify(asked, False).key != key


def test_a_newer_nc_hf_measures_anew(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("a/b", gpt2_files())
    key = identify(question(), False).key
    monkeypatch.setattr("nc_hf.__version__", "9.9.9")
    assert identify(question(), False).key != key


def of(report: Report, commit: str, version: str = "0.1.0") -> Report:
    """The report as if of another model's commit, by some version of nc_hf."""
    model = dataclasses.replace(report.model, commit=commit)
    return dataclasses.replace(report, model=model, versions={**report.versions, "nc_hf": version})


@pytest.mark.parametrize("corpus", ["hub:c/d", "tinystories", "builtin"])
def test_a_result_is_placed_among_those_on_its_very_text_alone(tmp_path: Path, report: Report, corpus: str) -> None:
    store, asked = Store(tmp_path), question(corpus=corpus)
    text = None if corpus == "builtin" else "d" * 40
    same = Kept("0" * 32, asked, of(report, "other"), text)
    mine = Kept("5" * 32, asked, of(report, "mine"), text)
    others = [
        Kept("1" * 32, asked, of(report, "moved"), "e" * 40),
        Kept("2" * 32, asked, of(report, "newer", "9.9.9"), text),
        Kept("3" * 32, dataclasses.replace(asked, preset="full"), of(report, "full"), text),
        Kept("4" * 32, dataclasses.replace(asked, max_tokens=3_000), of(report, "longer"), text),
        mine,
    ]
    for kept in (same, *others):
        store.keep(kept)
    for each in (store, Store(tmp_path)):
        assert [like.model.commit for like in each.like(mine)] == ["other"]


def test_a_result_on_an_unknown_commit_of_its_text_is_placed_among_none(tmp_path: Path, report: Report) -> None:
    store, asked = Store(tmp_path), question(corpus="hub:c/d")
    store.keep(Kept("0" * 32, asked, of(report, "old")))
    file = tmp_path / f"{'0' * 32}.json"
    older = json.loads(file.read_text())
    del older["text_commit"]  # as it was written at first
    file.write_text(json.dumps(older))
    reopened = Store(tmp_path)
    assert reopened.find("0" * 32) is not None
    assert list(reopened.like(Kept("", asked, of(report, "mine")))) == []


@pytest.mark.slow
def test_a_branch_that_moves_while_a_question_waits_is_measured_where_it_was(hub: StandIn, tmp_path: Path) -> None:
    repository = hub.add("a/b", gpt2_files(0))
    desk = Desk(Settings(tmp_path, None, LIMIT, 10**9, 10**9, 8))
    before = desk._turns.enter()
    steps = desk.answer(question("a/b", "main"), False)
    assert next(steps) == Waiting(1)
    asked_for = repository.branches["main"]
    moved_to = repository.commit(gpt2_files(5))
    desk._turns.leave(before)
    *_, answer = steps
    assert isinstance(answer, Answer)
    assert (answer.report.model.commit, answer.report.model.revision) == (asked_for, "main")
    assert identify(question("a/b", asked_for), False).key == answer.key
    assert identify(question("a/b", moved_to), False).key != answer.key
    *_, again = desk.answer(question("a/b", asked_for), False)
    assert isinstance(again, Answer)
    assert again.kept
    assert again.report.metrics == answer.report.metrics
    *_, newer = desk.answer(question("a/b", "main"), False)
    assert isinstance(newer, Answer)
    assert newer.report.model.commit == moved_to
    assert not newer.kept
    assert newer.report.metrics != answer.report.metrics


@pytest.mark.slow
def test_a_data_set_that_moves_meanwhile_is_not_kept_under_its_old_commit(hub: StandIn, tmp_path: Path) -> None:
    hub.add("a/b", gpt2_files())
    rows = [json.dumps({"text": f"The cat sat on the mat and looked at {count} moons."}) for count in range(200)]
    dataset = hub.add("c/d", {"validation.jsonl": "\n".join(rows)}, kind="dataset")
    desk = Desk(Settings(tmp_path, None, LIMIT, 10**9, 10**9, 8))
    asked = question(corpus="hub:c/d")
    before = desk._turns.enter()
    steps = desk.answer(asked, False)
    assert next(steps) == Waiting(1)
    dataset.commit({"README.md": "changed"})
    desk._turns.leave(before)
    *_, moved = steps
    assert isinstance(moved, Answer)
    assert moved.key == ""
    assert desk.store.all() == []
    *_, still = desk.answer(asked, False)
    assert isinstance(still, Answer)
    assert {place.among for place in moved.places.values()} == {0}
    assert [kept.key for kept in desk.store.all()] == [still.key]
    hub.add("a/two", gpt2_files(1))
    *_, beside = desk.answer(question("a/two", corpus="hub:c/d"), False)
    assert isinstance(beside, Answer)
    assert {place.among for place in beside.places.values()} == {1}
    dataset.commit({"README.md": "changed again"})
    hub.add("a/three", gpt2_files(2))
    *_, alone = desk.answer(question("a/three", corpus="hub:c/d"), False)
    assert isinstance(alone, Answer)
    assert {place.among for place in alone.places.values()} == {0}


def test_only_what_everybody_may_read_may_be_kept(hub: StandIn) -> None:
    hub.users["hf_friend"] = "friend"
    hub.add("a/b", gpt2_files())
    hub.add("a/gated", gpt2_files(), gated=True, readers={"friend"})
    hub.add("a/private", gpt2_files(), private=True, readers={"friend"})
    hub.add("c/private", {"x.txt": "y"}, kind="dataset", private=True, readers={"friend"})
    assert identify(question(), False).public
    assert not identify(question("a/gated"), "hf_friend").public
    assert not identify(question("a/private"), "hf_friend").public
    assert not identify(question(corpus="hub:c/private"), "hf_friend").public
    assert not identify(question(corpus=UPLOAD, text="mine"), False).public
    for refused in (question("a/private"), question(corpus="hub:c/private"), question("a/none")):
        with pytest.raises(HubError):
            identify(refused, False)


def test_damaged_and_foreign_files_among_the_results_are_left_aside(tmp_path: Path) -> None:
    (tmp_path / f"{'0' * 32}.json").write_text("{")
    (tmp_path / f"{'1' * 32}.json").write_text('{"question": {"model": "a/b", "path": "/etc"}, "report": {}}')
    assert Store(tmp_path).all() == []


def test_results_are_pushed_to_a_data_set_and_fetched_from_it(
    hub: StandIn, tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    hub.add("a/b", gpt2_files())
    key = identify(question(), False).key
    store = Store(tmp_path / "here", "writer/results")
    store.keep(Kept(key, question(), report))
    assert store.push() is not None
    held = hub.get("writer/results", "dataset").at("main").files
    assert f"{key}.json" in held
    other = Store(tmp_path / "there", "writer/results")
    kept = other.find(key)
    assert kept is not None
    assert kept.report == report
    for each in (store, other):  # else they push once more when the session ends
        atexit.unregister(each._scheduler._push_to_hub)
        each._scheduler.stop()


def test_without_a_token_results_stay_on_this_machine(hub: StandIn, tmp_path: Path, report: Report) -> None:
    store = Store(tmp_path, "writer/results")
    store.keep(Kept("0" * 32, question(), report))
    assert store.find("0" * 32) is not None
    assert store.push() is None


def test_turns_are_taken_in_order_and_the_line_is_bounded() -> None:
    turns = Turns(max_waiting=2)
    first, second, third = turns.enter(), turns.enter(), turns.enter()
    assert [turns.ahead(place) for place in (first, second, third)] == [0, 1, 2]
    with pytest.raises(InputError, match="2 analyses are waiting"):
        turns.enter()
    turns.leave(second)
    turns.leave(first)
    turns.leave(first)
    assert turns.ahead(third) == 0


# --- suggestions and markup


def test_suggestions_come_from_the_hub_and_never_fail(hub: StandIn) -> None:
    repository = hub.add("some/pythia-test", gpt2_files())
    hub.add("some/pythia-secret", gpt2_files(), private=True)
    for name in ("step2", "step10"):
        repository.tags[name] = repository.branches["main"]
    assert suggest_models("pythia-t") == ["some/pythia-test"]
    assert suggest_models("secret") == []
    assert suggest_revisions("some/pythia-test") == ["step2", "step10", "main"]
    assert suggest_models("p") == suggest_revisions("no id") == suggest_revisions("some/missing") == []
    hub.clear()
    assert suggest_models("nobody-asked-this") == []


def test_markup_in_names_is_shown_not_obeyed(hub: StandIn, tmp_path: Path, report: Report) -> None:
    evil = "<script>alert(1)</script>"
    marked = dataclasses.replace(
        report,
        model=dataclasses.replace(report.model, id=evil, architecture=evil),
        definitions=dict.fromkeys(report.definitions, evil),
    )
    asked = Question(evil, evil, f"hub:{evil}")
    answer = Answer("", asked, marked, verdict(marked), places(marked, []), kept=False)
    for html in (verdict_card(answer), metric_table(answer), result_table([Kept("0", asked, marked)])):
        assert "<script" not in html
        assert "&lt;script&gt;" in html


# --- on the Hub


def deploy(*arguments: str) -> str:
    """Run ``nc-hf space --deploy`` and return what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as end:
        app(["space", "--deploy", *arguments])
    assert not end.value.code
    return printed.getvalue().strip()


PAGES = {"collapse_meter": "nc_hf/space/page.py", "neural_collapse": "neural_collapse.py"}


@pytest.mark.parametrize(("page", "part"), PAGES.items())
def test_a_space_is_created_with_its_page_and_this_nc_hf(
    hub: StandIn, monkeypatch: pytest.MonkeyPatch, page: str, part: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    options = [] if page == "collapse_meter" else ["--page", page]
    assert deploy("writer/page", *options) == f"{hub.url}/spaces/writer/page"
    files = hub.get("writer/page", "space").at("main").files
    needed = {
        "app.py",
        "README.md",
        "requirements.txt",
        part,
        "nc_hf/measurement/measure.py",
        "nc_hf/corpus/data/words.txt",
    }
    assert needed <= set(files)
    assert not [name for name in files if name.startswith("nc_hf/spaces")]
    readme = as_bytes(files["README.md"]).decode()
    for entry in ("sdk: gradio", "sdk_version: ", 'python_version: "3.11"', "app_file: app.py"):
        assert f"\n{entry}" in readme
    assert ("\nhf_oauth: true" in readme) == (page == "collapse_meter")


def test_the_measurement_s_page_is_not_started_here(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app(["space", "--page", "neural_collapse"])
    assert end.value.code == InputError.exit_code
    assert "add --deploy OWNER/NAME" in " ".join(capsys.readouterr().err.split())


def test_caches_and_hidden_files_are_not_deployed(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(ROOT / "spaces" / "neural_collapse", folder)
    for name in (".env", ".mypy_cache/3.11/app.json", "part/.cache/x", "__pycache__/app.cpython-311.pyc", "part/b.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("left over")
    (folder / "part" / "c.py").write_text("")
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    deploy_space("writer/page", folder)
    files = hub.get("writer/page", "space").at("main").files
    assert {"app.py", "part/c.py"} <= set(files)
    strange = [name for name in files if re.search(r"(^|/)\.|__pycache__|\.pyc$", name)]
    assert set(strange) <= {".gitattributes"}


def test_a_space_is_refused_without_a_token_and_to_strangers(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "spaces" / "collapse_meter"
    with pytest.raises(HubError, match="set HF_TOKEN"):
        deploy_space("writer/meter", folder)
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    with pytest.raises(HubError):
        deploy_space("somebody/else", folder)


@pytest.mark.parametrize(
    ("page", "extras"), [("collapse_meter", ["study", "space"]), ("neural_collapse", ["evaluate"])]
)
def test_a_space_requires_what_nc_hf_requires(page: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    lines = (ROOT / "spaces" / page / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {line for line in lines if not line.startswith("#")}
    assert {each for each in needed if not each.startswith("nc_hf")} <= required
    assert not [line for line in required if line.startswith("nc_hf")], "an index does not have it"


@pytest.mark.slow
def test_the_measurement_s_page_starts_from_what_was_deployed(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    deploy("writer/page", "--page", "neural_collapse")
    for name, content in hub.get("writer/page", "space").at("main").files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(as_bytes(content))
    monkeypatch.delenv("HF_TOKEN")
    code = "import app, nc_hf, neural_collapse; print(nc_hf.__file__, neural_collapse.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "nc_hf" / "__init__.py"), str(tmp_path / "neural_collapse.py")]


def test_the_page_stands_before_anything_heavy_is_loaded() -> None:
    code = (
        "import sys; import nc_hf.space.page, nc_hf.space.lazy, nc_hf.space.settings;"
        "page = nc_hf.space.page.build(nc_hf.space.lazy.Office(nc_hf.space.settings.Settings.from_environment()));"
        "print([name for name in ('torch', 'transformers', 'datasets', 'matplotlib') if name in sys.modules])"
    )
    folder = ROOT / "spaces" / "collapse_meter"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_panic_that_is_no_exception_ends_an_analysis_with_a_sentence() -> None:
    class PanicException(BaseException):
        """As pyo3 raises where the Rust beneath a tokenizer panics."""

    def panic(work: Work) -> Report:
        raise PanicException("index out of bounds")

    with pytest.raises(UnforeseenError) as fault:
        list(Work(panic).steps())
    assert sentence(fault.value) == (
        "Something failed that should not (PanicException): try another model, or again later."
    )


@pytest.mark.slow
def test_a_tokenizer_that_panics_leaves_the_next_question_alone(hub: StandIn) -> None:
    files = gpt2_files()
    tokenizer = json.loads(as_bytes(files["tokenizer.json"]))
    split = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, tokenizer["pre_tokenizer"]]}
    hub.add("evil/tokenizer", {**files, "tokenizer.json": json.dumps(tokenizer)})
    hub.add("a/b", files)
    asked = question("evil/tokenizer", corpus=UPLOAD, text="x" * 400 + " word" * 500)
    with pytest.raises(TokenizerError):
        list(measure_in_steps(asked, False, 10**9, 10**9))
    *_, report = measure_in_steps(question("a/b"), False, 10**9, 10**9)
    assert isinstance(report, Report)


@pytest.mark.slow
def test_an_upload_gives_the_digits_of_the_same_file(hub: StandIn, tmp_path: Path) -> None:
    hub.add("a/b", gpt2_files())
    text = "The cat sat on the mat and looked at the moon.\n<|endoftext|>A dog barked at the cat.\n" * 60
    (tmp_path / "mine.txt").write_text(text)
    asked = question(corpus=UPLOAD, text=text)
    *_, ours = measure_in_steps(asked, False, 10**9, 10**9)
    assert isinstance(ours, Report)
    theirs = measure("a/b", str(tmp_path / "mine.txt"), max_tokens=2_000, progress=False)
    assert ours.metrics == theirs.metrics
    assert ours.corpus.fingerprint == theirs.corpus.fingerprint
    assert ours.corpus.source == UPLOAD
