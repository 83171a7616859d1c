"""The named API through gradio_client, and the MCP tools: the digits of Python and of the command line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import pytest

pytest.importorskip("gradio")

from gradio_client import Client

from nc_hf import measure
from nc_hf.report import Report
from nc_hf.report.verdict import verdict
from nc_hf.runtime.progress import Stage
from tests.hub.models import gpt2_files
from tests.hub.server import Fault, StandIn
from tests.paths import ROOT
from tests.space import STORIES, Space, add_real_data
from tests.space import space as space

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TOOLS = {
    "suggest_models", "suggest_revisions", "measure", "cancel", "compare", "results", "open_result", "figure", "export",
}  # fmt: skip


@pytest.fixture
def client(space: Space, hub: StandIn) -> Client:
    return Client(space.url, verbose=False)


def ask(client: Client, model: str, **asked: Any) -> dict[str, Any]:
    """The last thing that `measure` yields."""
    asked = {"corpus": "builtin", "max_tokens": 2_000, "whole": True, **asked}
    answer = client.submit(model, api_name="/measure", **asked).result()
    assert isinstance(answer, dict)
    return answer


def test_python_command_line_and_api_give_the_same_numbers(
    client: Client, hub: StandIn, shared_data: Path, tmp_path: Path
) -> None:
    add_real_data(hub, shared_data)
    asked = {"corpus": "tinystories", "max_tokens": 15_000}
    answer = ask(client, STORIES, **asked)
    by_api = Report.from_dict(answer["report"])
    by_python = measure(STORIES, "tinystories", max_tokens=15_000, untrained=True, progress=False)
    environment = {**os.environ, "HF_HOME": str(tmp_path)}
    command = [
        Path(sys.executable).with_name("nc-hf"),
        "measure",
        STORIES,
        "--max-tokens",
        "15000",
        "--untrained",
        "--json",
        "--quiet",
    ]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    by_command = Report.from_dict(json.loads(printed))
    assert by_api.metrics == by_python.metrics == by_command.metrics
    assert by_api.untrained == by_python.untrained == by_command.untrained
    cards = [report.to_markdown().split("<summary>Circumstances")[0] for report in (by_api, by_command)]
    assert cards[0] == cards[1]
    assert answer["verdict"]["level"] == verdict(by_python).level
    assert answer["verdict"] == answer["report"]["verdict"]

    kept = ask(client, STORIES, **asked)
    assert kept["kept"]
    assert kept["report"] == answer["report"]
    listed = client.predict("stories260", api_name="/results")
    assert [entry["key"] for entry in listed if entry["max_tokens"] == 15_000] == [answer["key"]]
    assert client.predict(answer["key"], api_name="/open_result")["report"] == answer["report"]
    assert client.predict(answer["key"], "cosines", api_name="/figure").startswith("data:image/png;base64,iVBOR")


def test_a_job_is_cancelled_by_its_id_and_progress_is_told(client: Client, hub: StandIn, shared_data: Path) -> None:
    add_real_data(hub, shared_data)
    job_id = "a-long-random-job-id-0001"
    job = client.submit(STORIES, corpus="builtin", max_tokens=900_000, job=job_id, api_name="/measure")
    while not any(step.get("stage") == "measuring" and step["done"] for step in job.outputs()):
        assert not job.done(), job.outputs()
        time.sleep(0.2)
    assert client.predict("another-long-job-id-0002", api_name="/cancel") is False
    assert client.predict(job_id, api_name="/cancel") is True
    with pytest.raises(Exception, match="was cancelled"):
        job.result()
    # What lasts less than the pause between two readings is not seen, so of the stages only the long one is sure.
    seen = [step["stage"] for step in job.outputs()]
    assert set(seen) <= {"waiting", *get_args(Stage)}
    assert seen[-1] == "measuring"
    hub.add("tiny/next", gpt2_files())
    assert ask(client, "tiny/next")["report"]["tokens"] > 1_000


def test_all_layers_come_with_their_errors_and_leave_the_last_as_it_is(client: Client, hub: StandIn) -> None:
    hub.add("tiny/deep", gpt2_files())
    last, deep = ask(client, "tiny/deep"), ask(client, "tiny/deep", layers="all")
    assert deep["key"] != last["key"]
    assert deep["report"]["metrics"] == last["report"]["metrics"]
    assert last["report"]["layers"] == {}
    layers = deep["report"]["layers"]
    assert len(layers) > 2
    assert all(metric["stderr"] is not None for metric in next(iter(layers.values())).values())
    with pytest.raises(Exception, match="There are no layers 'some': choose final or all"):
        ask(client, "tiny/deep", layers="some")


def test_eight_requests_at_once_all_come_out_right(client: Client, space: Space, hub: StandIn) -> None:
    expected = {}
    for seed in range(8):
        hub.add(f"eight/model{seed}", gpt2_files(seed))
        expected[f"eight/model{seed}"] = measure(f"eight/model{seed}", "builtin", max_tokens=2_000, progress=False)
    with ThreadPoolExecutor(8) as pool:
        answers = dict(
            zip(expected, pool.map(lambda model: ask(Client(space.url, verbose=False), model), expected), strict=True)
        )
    for model, report in expected.items():
        assert Report.from_dict(answers[model]["report"]).metrics == report.metrics


def test_models_are_compared(client: Client, hub: StandIn) -> None:
    repository = hub.add("tiny/compared", gpt2_files(0))
    repository.tags["early"] = repository.branches["main"]
    repository.commit(gpt2_files(5))
    asked = {"corpus": "builtin", "max_tokens": 2_000, "api_name": "/compare"}
    found = client.submit(["tiny/compared@early", "tiny/compared"], **asked).result()
    assert found["names"] == ["tiny/compared@early", "tiny/compared"]
    assert found["warnings"] == []
    values = found["metrics"]["nc4_agreement"]["values"]
    assert set(values) == set(found["names"])
    assert values["tiny/compared"] != values["tiny/compared@early"]
    names = ["tiny/compared", "tiny/compared@early", "tiny/compared@main"]
    again = client.submit(names, **asked).result()
    assert again["warnings"] == []
    assert again["notes"] == [
        "tiny/compared and tiny/compared@main have the same weights: they are one model.",
        *(f"{name} has no verdict: the model does not read this text." for name in names),
    ]
    hub.add("renamed/compared", gpt2_files(5))
    renamed = client.submit(["tiny/compared", "renamed/compared"], **asked).result()
    assert renamed["notes"][0] == "tiny/compared and renamed/compared have the same weights: they are one model."
    with pytest.raises(Exception, match="2 to 6 different models"):
        client.predict(["tiny/compared"], api_name="/compare")


def test_models_are_compared_on_a_text_and_cancelled_by_id(client: Client, hub: StandIn, tmp_path: Path) -> None:
    for seed in (0, 5):
        hub.add(f"tiny/own{seed}", gpt2_files(seed))
    models = ["tiny/own0", "tiny/own5"]
    text = "The cat sat on the mat and looked at the moon.\n<|endoftext|>A dog barked at the cat.\n" * 60
    own = {"corpus": "upload", "text": text, "max_tokens": 2_000}
    found = client.submit(models, **own, api_name="/compare").result()
    (tmp_path / "mine.txt").write_text(text)
    expected = [measure(model, str(tmp_path / "mine.txt"), max_tokens=2_000, progress=False) for model in models]
    values = found["metrics"]["nc4_agreement"]["values"]
    assert [values[model]["value"] for model in models] == [each.metrics["nc4_agreement"].value for each in expected]
    assert not [entry for entry in client.predict("tiny/own", api_name="/results")]
    job_id = "a-long-random-job-id-0003"
    job = client.submit(models, corpus="builtin", max_tokens=900_000, job=job_id, api_name="/compare")
    while not any(step.get("stage") == "measuring" and step["done"] for step in job.outputs()):
        assert not job.done(), job.outputs()
        time.sleep(0.2)
    assert client.predict(job_id, api_name="/cancel") is True
    with pytest.raises(Exception, match="was cancelled"):
        job.result()


def test_results_are_exported_as_the_command_line_writes_them(client: Client, hub: StandIn) -> None:
    hub.add("tiny/exported", gpt2_files())
    answer = ask(client, "tiny/exported")
    report = Report.from_dict(answer["report"])
    key = answer["key"]
    assert client.predict(key, api_name="/export") == report.to_markdown()
    assert client.predict(key, "csv", api_name="/export") == report.to_csv()
    assert client.predict(key, "json", api_name="/export") == report.to_json()
    passed = json.dumps(answer["report"])
    assert client.predict(form="csv", report=passed, api_name="/export") == report.to_csv()
    for arguments, said in (
        ({}, "One result is exported"),
        ({"key": key, "report": passed}, "One result is exported"),
        ({"key": "0" * 32}, "No result is kept under this key"),
        ({"report": "{"}, "not a report"),
        ({"report": "[" * 100_000}, "not a report"),
        ({"report": "a" * 5_000_001}, "The report has 5,000,001 bytes"),
    ):
        with pytest.raises(Exception, match=said):
            client.predict(**arguments, api_name="/export")
    with pytest.raises(Exception, match="No result is kept under this key"):
        client.predict("../../etc/passwd", api_name="/open_result")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"model": "/etc/passwd"}, "is not the id of a model"),
        ({"model": "tiny/fine", "corpus": "/etc/passwd"}, "names no corpus"),
        ({"model": "tiny/fine", "corpus": "upload", "text": ""}, "text is empty"),
        ({"model": "tiny/fine", "corpus": "upload", "text": "a" * 5_000_001}, "The text has 5,000,001 bytes"),
        ({"model": "tiny/fine", "max_tokens": 0}, "out of range"),
        ({"model": "tiny/fine", "max_tokens": 10**12}, "out of range"),
        ({"model": "tiny/fine", "job": "short"}, "job has 16"),
        ({"model": "tiny/silent"}, "tokenizer"),
        ({"model": "tiny/fine", "corpus": "hub:some/pictures:::text"}, "text|split"),
        ({"model": "tiny/liar"}, "larger than its weights"),
        ({"model": "tiny/cut"}, "again"),
        ({"model": "tiny/gated"}, "is gated"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    client: Client, space: Space, hub: StandIn, asked: dict[str, Any], said: str
) -> None:
    from tests.hub.models import with_config

    hub.add("tiny/fine", gpt2_files())
    hub.add("tiny/silent", gpt2_files(tokenizer=False))
    hub.add("tiny/liar", with_config(gpt2_files(), n_embd=4096))
    hub.add("tiny/cut", gpt2_files(7))
    hub.add("tiny/gated", gpt2_files(), gated=True)
    hub.add("some/pictures", {"validation.jsonl": '{"image": 1}\n'}, kind="dataset")
    hub.faults.append(Fault(r"GET /tiny/cut/resolve/.*safetensors", cut_after=20_000))
    before = space.fetched()
    with pytest.raises(Exception, match=said) as refused:
        ask(client, **asked)
    assert "Traceback" not in str(refused.value)
    assert space.fetched() == before
    assert space.alive


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("suggest_models", {"text": ["pythia"]}),
        ("suggest_revisions", {"model": 3}),
        ("measure", {"model": "tiny/one", "preset": ["core"]}),
        ("measure", {"model": "tiny/one", "max_tokens": 10**400}),
        ("measure", {"model": "tiny/one", "job": 5}),
        ("compare", {"models": ["tiny/one", 3]}),
        ("cancel", {"job": ["a"]}),
        ("results", {"model": 3}),
        ("open_result", {"key": ["a"]}),
        ("figure", {"key": "a", "name": ["norms"]}),
        ("export", {"report": 3}),
    ],
)
def test_what_the_annotations_do_not_keep_out_is_refused(client: Client, action: str, asked: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"is no text: pass a string\.|is out of range: write one") as refused:
        client.submit(**asked, api_name=f"/{action}").result()
    assert len(str(refused.value)) < 200


def test_the_client_of_the_guide_runs_as_it_stands_there(space: Space, hub: StandIn) -> None:
    hub.add("tiny/guide", gpt2_files())
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "space.md").read_text(), re.DOTALL)
    for there, here in (
        ("http://127.0.0.1:7860", space.url),
        ("EleutherAI/pythia-70m", "tiny/guide"),
        ("max_tokens=50_000", "corpus='builtin', max_tokens=2_000"),
    ):
        assert there in code
        code = code.replace(there, here)
    names: dict[str, Any] = {}
    exec(code, names)
    answer = names["answer"]
    assert len(json.dumps(answer)) < 3_000
    metrics = names["report"]["metrics"]
    assert answer["metrics"].keys() == metrics.keys()
    for name, metric in answer["metrics"].items():
        assert metric == {key: metrics[name][key] for key in ("value", "stderr")}, name


def test_mcp_tools_are_typed_and_one_is_called(space: Space, hub: StandIn) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    hub.add("tiny/tool", gpt2_files())

    async def use() -> tuple[Any, Any, Any, Any]:
        async with (
            streamablehttp_client(f"{space.url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            asked = {"model": "tiny/tool", "corpus": "builtin", "max_tokens": 2_000}
            measured = await session.call_tool("measure", asked)
            key = json.loads(measured.content[0].text)["key"]
            opened = await session.call_tool("open_result", {"key": key})
            return tools, measured, opened, await session.call_tool("results", {"model": "tiny/tool"})

    tools, answer, whole, listed = asyncio.run(use())
    schemas = {tool.name: tool.inputSchema for tool in tools}
    assert set(schemas) == TOOLS
    for tool in tools:
        assert len(tool.description) > 40, tool.name
        for name, argument in tool.inputSchema["properties"].items():
            assert argument.get("description", "").endswith("."), (tool.name, name, "Gradio takes one line of it")
            assert "enum" in argument or argument["type"] in ("string", "integer", "boolean", "array"), (
                tool.name,
                name,
            )
    assert schemas["measure"]["required"] == ["model"]
    assert not answer.isError
    (content,) = answer.content
    said = json.loads(content.text)
    assert len(content.text) < 3_000
    report = measure("tiny/tool", "builtin", max_tokens=2_000, progress=False)
    assert said["metrics"].keys() == report.metrics.keys()
    for name, metric in report.metrics.items():
        assert said["metrics"][name] == {"value": metric.value, "stderr": metric.stderr}, name
    assert said["verdict"] == verdict(report).to_dict()
    assert json.loads(whole.content[0].text)["report"]["metrics"]["nc4_agreement"]["value"] == (
        report.metrics["nc4_agreement"].value
    )
    assert [entry["model"] for entry in json.loads(listed.content[0].text)] == ["tiny/tool"]
