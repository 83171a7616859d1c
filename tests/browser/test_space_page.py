"""The page of the Space in a real browser: what visitors do, at any width, in either theme, with or without a mouse."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from nc_hf.report import Report
from nc_hf.report.words import with_error
from tests.browser.driver import PATIENCE, Visitor
from tests.browser.driver import browser as browser
from tests.hub.models import gpt2_files
from tests.hub.server import Fault, StandIn
from tests.space import STORIES, Space, add_real_data
from tests.space import space as space

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the page go: NC_HF_PICTURES, or a folder that pytest removes."""
    folder = Path(os.environ.get("NC_HF_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def visitor(browser: Browser, space: Space, hub: StandIn) -> Iterator[Visitor]:
    """Somebody at a computer."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    someone = Visitor(context.new_page(), space.url)
    yield someone
    context.close()
    assert someone.problems == []


def as_shown(report: Report) -> dict[str, str]:
    """The digits that every view of a report prints."""
    return {name: with_error(metric) for name, metric in report.metrics.items()}


def command_line(hub: StandIn, home: Path, *arguments: str) -> str:
    """What ``nc-hf`` prints."""
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "COLUMNS": "200"}
    command = [Path(sys.executable).with_name("nc-hf"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.timeout(600)
def test_a_suggested_model_is_measured_and_shows_the_digits_of_the_command_line(
    visitor: Visitor, hub: StandIn, shared_data: Path, tmp_path: Path, pictures: Path
) -> None:
    add_real_data(hub, shared_data)
    page = visitor.page
    page.locator("#model input").press_sequentially("stories260", delay=40)
    suggestion = page.get_by_role("option", name=STORIES)
    suggestion.click()
    expect(page.locator("#model input")).to_have_value(STORIES)
    page.locator("#measure-budget input").fill("20000")
    visitor.watch_status()
    page.locator("#start").click()
    visitor.result()
    moving = re.compile(r"Measuring · [\d,]+ of [\d,]+ tokens · [\d,]+ tokens/s · .*\d+ s to go")
    shares = [share for text, share in visitor.statuses() if moving.fullmatch(text)]
    assert shares, visitor.statuses()
    assert all(share is not None and share.isdecimal() for share in shares)
    visitor.shoot(pictures, "light")

    printed = command_line(hub, tmp_path, "measure", STORIES, "--max-tokens", "20000", "--quiet")
    shown = visitor.values()
    assert len(shown) == 8
    for name, digits in shown.items():
        value, error = digits.split(" ± ")
        assert re.search(rf"\b{name} +[↓↑—] +{re.escape(value)} +{re.escape(error)} ", printed), (name, digits)
    headline = re.search(r"Verdict\n +(.+), judged by", printed)
    assert headline is not None
    assert headline[1] in page.locator("#verdict").inner_text()


def test_the_report_is_downloaded_in_every_form(visitor: Visitor, hub: StandIn) -> None:
    hub.add("tiny/downloads", gpt2_files())
    visitor.measure("tiny/downloads")
    visitor.result()
    links = visitor.page.locator("#downloads a")
    expect(links).to_have_count(4, timeout=PATIENCE)
    content = {}
    for link in links.all():
        with visitor.page.expect_download() as download:
            link.click()
        content[download.value.suggested_filename.rsplit(".", 1)[1]] = Path(download.value.path()).read_bytes()
    report = Report.from_dict(json.loads(content["json"]))
    assert as_shown(report) == visitor.values()
    assert content["md"].decode() == report.to_markdown()
    (row,) = csv.DictReader(io.StringIO(content["csv"].decode()))
    assert float(row["nc4_agreement"]) == report.metrics["nc4_agreement"].value
    assert content["png"].startswith(b"\x89PNG")


def test_earlier_results_are_listed_and_open_at_once(visitor: Visitor, hub: StandIn, space: Space) -> None:
    hub.add("tiny/kept", gpt2_files())
    visitor.measure("tiny/kept")
    visitor.result()
    first = visitor.values()
    visitor.tab("Earlier results")
    row = visitor.page.locator("#earlier-results tr", has_text="tiny/kept")
    expect(row).to_contain_text("builtin")
    hub.requests.clear()
    row.get_by_role("link").click()
    visitor.result()
    assert visitor.values() == first
    assert "Measured before" in visitor.page.locator("#verdict").inner_text()
    assert not hub.asked("safetensors")
    visitor.tab("Explanation")
    expect(visitor.page.locator("#read")).to_contain_text("How the verdict is reached")


def test_a_deep_link_fills_the_page_and_starts_nothing(visitor: Visitor, hub: StandIn, space: Space) -> None:
    repository = hub.add("tiny/linked", gpt2_files())
    repository.tags["early"] = repository.branches["main"]
    visitor.open(f"{space.url}?model=tiny/linked&revision=early&corpus=builtin&tokens=3000")
    page = visitor.page
    expect(page.locator("#status")).to_contain_text("has not been measured yet")
    expect(page.locator("#model input")).to_have_value("tiny/linked")
    expect(page.locator("#revision input")).to_have_value("early")
    expect(page.locator("#measure-budget input")).to_have_value("3000")
    page.locator("#start").click()
    visitor.result()
    assert "tiny/linked@early" in page.locator("#verdict").inner_text()
    assert "revision=early" in page.url
    shown = visitor.values()
    visitor.open(page.url)
    visitor.result()
    assert visitor.values() == shown


def test_two_revisions_are_compared(visitor: Visitor, hub: StandIn, pictures: Path) -> None:
    repository = hub.add("tiny/steps", gpt2_files(0))
    for step in (1, 2):
        repository.tags[f"step{step}"] = repository.commit(gpt2_files(step), title=f"step {step}")
    digits = {}
    for step in ("step1", "step2"):
        visitor.measure("tiny/steps", revision=step)
        expect(visitor.page.locator("#verdict .subject")).to_have_text(f"tiny/steps@{step}", timeout=PATIENCE)
        digits[step] = visitor.values()
    visitor.tab("Compare")
    page = visitor.page
    page.locator("#models textarea").fill("tiny/steps@step1\ntiny/steps@step2\n")
    page.locator("#compare-corpus").get_by_text("Built-in", exact=True).click()
    page.locator("#compare-budget input").fill("2000")
    page.locator("#compare-start").click()
    table = page.locator("#compare-table table")
    expect(table).to_be_visible(timeout=PATIENCE)
    expect(table.locator("thead th")).to_have_text(["Metric", "tiny/steps@step1", "tiny/steps@step2"])
    row = table.locator("tr", has_text="nc4_agreement").locator("td")
    found = [cell.inner_text().lstrip("●○").strip() for cell in row.all()]
    assert found == [digits["step1"]["nc4_agreement"], digits["step2"]["nc4_agreement"]]
    cautions = page.locator("#compare-table .caution")
    expect(cautions.filter(has_text="Not comparable")).to_have_count(0)
    expect(cautions.filter(has_text="the model does not read this text")).to_have_count(2)  # random models
    expect(page.locator("figure[data-chart=comparison] svg").first).to_contain_text("nc1_cdnv")
    visitor.shoot(pictures, "compare")


def test_cancel_really_stops(visitor: Visitor, hub: StandIn, shared_data: Path) -> None:
    hub.add(STORIES, {path.name: path for path in (shared_data / "models" / "stories260K").iterdir()})
    hub.add("tiny/next", gpt2_files())
    visitor.measure(STORIES, budget=1_000_000)
    status = visitor.page.locator("#status")
    expect(status).to_contain_text("tokens/s", timeout=PATIENCE)
    visitor.page.locator("#stop").click()
    expect(status).to_contain_text("Cancelled")
    expect(visitor.page.locator("#start")).to_be_enabled()
    expect(visitor.page.locator("#stop")).to_be_hidden()
    # Analyses run one at a time, so the next one only gets through because the first has ended: it had minutes to go.
    visitor.measure("tiny/next")
    visitor.result()
    assert "tiny/next" in visitor.page.locator("#verdict").inner_text()


def test_a_visitor_who_leaves_stops_the_work_too(
    browser: Browser, space: Space, visitor: Visitor, hub: StandIn, shared_data: Path
) -> None:
    hub.add(STORIES, {path.name: path for path in (shared_data / "models" / "stories260K").iterdir()})
    hub.add("tiny/after", gpt2_files())
    context = browser.new_context()
    leaving = Visitor(context.new_page(), space.url)
    leaving.measure(STORIES, budget=999_999)
    expect(leaving.page.locator("#status")).to_contain_text("tokens/s", timeout=PATIENCE)
    visitor.measure("tiny/after")
    expect(visitor.page.locator("#status")).to_contain_text("one analysis before this one", timeout=PATIENCE)
    context.close()
    visitor.result()


def test_phone_width(browser: Browser, space: Space, hub: StandIn, pictures: Path) -> None:
    hub.add("tiny/phone", gpt2_files())
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", is_mobile=True)
    visitor = Visitor(context.new_page(), space.url)
    assert visitor.overflow() == 0
    visitor.measure("tiny/phone")
    visitor.result()
    assert visitor.overflow() == 0
    visitor.shoot(pictures, "dark-phone")
    for tab in ("Compare", "Earlier results", "Explanation"):
        visitor.tab(tab)
        visitor.page.wait_for_timeout(300)
        assert visitor.overflow() == 0, tab
        visitor.shoot(pictures, f"dark-phone-{tab.split()[0].lower()}")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_themes(
    browser: Browser, space: Space, hub: StandIn, pictures: Path, shared_data: Path, scheme: str
) -> None:
    add_real_data(hub, shared_data)
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context.new_page(), space.url)
    visitor.measure(STORIES, corpus="TinyStories", budget=2_000)
    visitor.result()
    visitor.shoot(pictures, f"theme-{scheme}")
    for place in (
        "#verdict h2",
        "#verdict .asked",
        "#verdict .caution",
        "#metrics .what",
        "#metrics .arrow",
        ".legend",
        "#start",
        "a.download",
    ):
        ratio = contrast(visitor, place)
        assert ratio >= 4.5, (place, ratio)
    context.close()


def contrast(visitor: Visitor, selector: str) -> float:
    """Contrast of an element's text to what is behind it, as WCAG 2 defines it."""
    found = visitor.page.locator(selector).first.evaluate(
        """(element) => {
            const numbers = (colour) => {
                const context = document.createElement('canvas').getContext('2d');
                context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
                return [...context.getImageData(0, 0, 1, 1).data];
            };
            const text = numbers(getComputedStyle(element).color);
            let behind = element;
            while (behind && numbers(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
            return [text, behind ? numbers(getComputedStyle(behind).backgroundColor) : [255, 255, 255, 255]];
        }"""
    )

    def luminance(colour: list[int]) -> float:
        linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted(luminance(colour) for colour in found)
    return (lighter + 0.05) / (darker + 0.05)


def test_keyboard_alone_is_enough(visitor: Visitor, hub: StandIn) -> None:
    hub.add("tiny/keyboard", gpt2_files())
    keys = visitor.page.keyboard

    def reach(selector: str) -> None:
        for _ in range(40):
            if visitor.page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
            keys.press("Tab")
        pytest.fail(f"{selector} cannot be reached with Tab")

    reach("#model input")
    keys.type("tiny/keyb", delay=40)
    expect(visitor.page.get_by_role("option", name="tiny/keyboard")).to_be_visible()
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(visitor.page.locator("#model input")).to_have_value("tiny/keyboard")
    reach("#measure-corpus input[value=builtin]")
    keys.press("Space")
    reach("#measure-budget input")
    keys.press("Control+A")
    keys.type("2000")
    reach("#start")
    expect(visitor.page.locator("[role=option]:visible")).to_have_count(0)
    keys.press("Enter")
    visitor.result()
    assert "tiny/keyboard" in visitor.page.locator("#verdict").inner_text()
    reach("#downloads a")
    reach("#metrics .scroll")


def test_points_of_the_plots_tell_their_values_when_hovered(visitor: Visitor, hub: StandIn) -> None:
    hub.add("tiny/hover", gpt2_files())
    visitor.measure("tiny/hover")
    visitor.result()
    figure = visitor.page.locator("figure[data-chart=tokens]")
    figure.scroll_into_view_if_needed()
    points = figure.locator("svg g.mark-symbol path")
    expect(points.first).to_be_attached()
    tooltip = visitor.page.locator("#vg-tooltip-element")
    for point in points.all()[:40]:
        box = point.bounding_box()
        if box is None:
            continue
        visitor.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        if tooltip.count() and "token" in (said := tooltip.text_content() or ""):
            assert "occurrences" in said
            return
    pytest.fail("no point showed its token")


def test_an_own_text_is_measured_and_kept_for_nobody(
    visitor: Visitor, hub: StandIn, space: Space, tmp_path: Path
) -> None:
    hub.add("tiny/upload", gpt2_files())
    secret = "The lighthouse keeper hid the word quixotry in a story about the sea. " * 80
    (tmp_path / "mine.txt").write_text(secret)
    visitor.fill("tiny/upload", corpus="Own text")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.locator("#measure-upload").click()
    chooser.value.set_files(tmp_path / "mine.txt")
    expect(visitor.page.locator("#measure-upload-note")).to_contain_text("mine.txt: 5,600 characters, 1 document")
    visitor.page.locator("#start").click()
    visitor.result()
    assert "only you see this result" in visitor.page.locator("#verdict").inner_text()
    assert "model=" not in visitor.page.url
    visitor.tab("Earlier results")
    visitor.page.wait_for_timeout(1_000)
    assert "tiny/upload" not in visitor.page.locator("#earlier-results").inner_text()
    for place in (space.home, space.temporary):
        assert not [path for path in place.rglob("*") if path.is_file() and b"quixotry" in path.read_bytes()]


def test_another_data_set_is_read(visitor: Visitor, hub: StandIn) -> None:
    hub.add("tiny/reader", gpt2_files())
    lines = "".join(json.dumps({"story": f"Once upon a time there was a cat number {n}."}) + "\n" for n in range(200))
    hub.add("someone/cats", {"train.jsonl": lines}, kind="dataset")
    visitor.fill("tiny/reader", corpus="Data set")
    visitor.page.locator("#measure-dataset textarea, #measure-dataset input").fill("someone/cats::train:story")
    visitor.page.locator("#start").click()
    visitor.result()
    visitor.page.locator("#circumstances summary").click()
    expect(visitor.page.locator("#circumstances")).to_contain_text("hub:someone/cats::train:story, train")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"model": ""}, "No model is named"),
        ({"model": "not an id"}, "is not the id of a model"),
        ({"model": "<img src=x onerror=alert(1)>"}, "is not the id of a model"),
        ({"model": "/etc/passwd"}, "is not the id of a model"),
        ({"model": "tiny/bad", "revision": "../../etc"}, "cannot be a revision"),
        ({"model": "tiny/missing"}, "There is no tiny/missing"),
        ({"model": "tiny/bad", "budget": 0}, "A token budget of 0 is out of range"),
        ({"model": "tiny/bad", "budget": 10**12}, "A token budget of 1,000,000,000,000 is out of range"),
    ],
)
def test_bad_input_is_answered_on_the_page(
    visitor: Visitor, hub: StandIn, space: Space, asked: dict[str, str | int], said: str
) -> None:
    hub.add("tiny/bad", gpt2_files())
    visitor.measure(str(asked["model"]), **{name: value for name, value in asked.items() if name != "model"})
    assert said in visitor.complaint()
    assert visitor.page.locator("#status img").count() == 0
    expect(visitor.page.locator("#start")).to_be_enabled()
    assert space.alive


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b"\x00\x01\x02abc", "binary"), (b"\xff\xfe\xfa", "UTF-8")]
)
def test_bad_uploads_are_answered_on_the_page(
    visitor: Visitor, hub: StandIn, space: Space, tmp_path: Path, content: bytes, said: str
) -> None:
    hub.add("tiny/bad", gpt2_files())
    (tmp_path / "bad.txt").write_bytes(content)
    visitor.fill("tiny/bad", corpus="Own text")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.locator("#measure-upload").click()
    chooser.value.set_files(tmp_path / "bad.txt")
    expect(visitor.page.locator("#measure-upload-note [role=alert]")).to_contain_text(said)
    visitor.page.locator("#start").click()
    assert "The text is empty" in visitor.complaint()
    assert not [path for path in space.temporary.rglob("bad.txt")]


def test_a_pasted_address_is_understood(visitor: Visitor, hub: StandIn) -> None:
    repository = hub.add("tiny/pasted", gpt2_files())
    repository.tags["v1"] = repository.branches["main"]
    visitor.measure("https://huggingface.co/tiny/pasted/tree/v1")
    visitor.result()
    assert "tiny/pasted@v1" in visitor.page.locator("#verdict .subject").inner_text()


def test_a_cut_connection_leaves_nothing_behind(visitor: Visitor, hub: StandIn, space: Space) -> None:
    hub.add("tiny/cut", gpt2_files())
    visitor.fill("tiny/cut")
    expect(visitor.page.locator("#about")).to_contain_text("parameters", timeout=PATIENCE)
    before = space.fetched()  # with the configuration, which tells of the model
    hub.faults.append(Fault(r"GET /tiny/cut/resolve/.*safetensors", cut_after=20_000))
    visitor.page.locator("#start").click()
    said = visitor.complaint()
    assert re.search(r"tiny/cut.*(again|whole)", said), said
    assert space.fetched() == before
    hub.faults.clear()
    visitor.page.locator("#start").click()
    visitor.result()


def test_the_page_answers_while_an_analysis_runs(
    visitor: Visitor, hub: StandIn, space: Space, browser: Browser, shared_data: Path
) -> None:
    hub.add(STORIES, {path.name: path for path in (shared_data / "models" / "stories260K").iterdir()})
    hub.add("tiny/quick", gpt2_files())
    visitor.measure(STORIES, budget=998_000)
    expect(visitor.page.locator("#status")).to_contain_text("tokens/s", timeout=PATIENCE)
    context = browser.new_context()
    other = Visitor(context.new_page(), space.url)
    other.page.locator("#model input").press_sequentially("tiny/qu", delay=40)
    expect(other.page.get_by_role("option", name="tiny/quick")).to_be_visible()
    context.close()
    expect(visitor.page.locator("#status")).to_contain_text("Measuring")
