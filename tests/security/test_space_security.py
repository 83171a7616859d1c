"""A Space is open to all: nobody may read its files or its token, run code, or see what another visitor brought."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

pytest.importorskip("gradio")

from gradio_client import Client
from huggingface_hub import RepoCard
from itsdangerous import TimestampSigner

from tests.hub.fixtures import STAND_IN
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn
from tests.space import Space, start_on_zero_gpu
from tests.space import space as space

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SECRET = "the-secret-of-this-machine"
OWNER_TOKEN = "hf_owner"


@pytest.fixture(scope="module")
def logged_in_space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """A Space as the Hub runs it: with a token of its owner in the environment, and with log-in."""
    oauth = {
        "SYSTEM": "spaces",
        "SPACE_ID": "owner/meter",
        "SPACE_HOST": "127.0.0.1",
        "OAUTH_CLIENT_ID": "client",
        "OAUTH_CLIENT_SECRET": "shared",
        "OAUTH_SCOPES": " ".join(["openid", "profile", *asked_scopes()]),
        "OPENID_PROVIDER_URL": STAND_IN.url,
    }
    running = start_on_zero_gpu(tmp_path_factory.mktemp("space"), HF_TOKEN=OWNER_TOKEN, **oauth)
    yield running
    running.close()


def asked_scopes() -> list[str]:
    """What the page's header asks of a visitor, beside the two scopes that the Hub always adds."""
    card = RepoCard.load(ROOT / "spaces" / "collapse_meter" / "README.md", repo_type="space")
    return list(card.data["hf_oauth_scopes"])


def cookie(token: str) -> dict[str, str]:
    """The session that Gradio gives a browser whose visitor has logged in with this token."""
    info = {
        "access_token": token,
        "scope": "openid",
        "expires_at": int(time.time()) + 3_600,
        "userinfo": {"sub": "1", "name": "n", "preferred_username": "n", "profile": "", "picture": ""},
    }
    key = hashlib.sha256(b"shared-v4").hexdigest()
    signed = TimestampSigner(key).sign(base64.b64encode(json.dumps({"oauth_info": info}).encode())).decode()
    return {"cookie": f"session={signed}"}


def test_a_visitor_is_asked_for_gated_repositories_and_pull_requests_and_no_more() -> None:
    """By the Hub's documents these read what the visitor was granted and propose changes, and open nothing private."""
    assert asked_scopes() == ["gated-repos", "write-discussions"]


def ask(client: Client, model: str, **asked: Any) -> dict[str, Any]:
    answer = client.submit(model, api_name="/measure", **{"corpus": "builtin", "max_tokens": 2_000, **asked}).result()
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file={secret}",
        "gradio_api/file=../../{secret}",
        "gradio_api/file=/proc/self/environ",
        "gradio_api/file={space}/page.py",
        "gradio_api/file={home}/nc_hf/space",
        "file={secret}",
        "static/../../../../../../../../{secret}",
        "gradio_api/component_server",
        "gradio_api/proxy=http://127.0.0.1/",
    ],
)
def test_no_route_gives_a_file_of_the_machine(space: Space, hub: StandIn, tmp_path: Path, path: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    folder = ROOT / "nc_hf" / "space"
    assert (folder / "page.py").is_file()
    address = space.url + path.format(secret=secret, space=folder, home=space.home)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=30)
    assert refused.value.code in (400, 403, 404, 405)
    assert SECRET.encode() not in refused.value.read()


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "{folder}"},
        {"model": "./{name}"},
        {"model": "tiny/one", "revision": "../../{name}"},
        {"model": "tiny/one", "corpus": "{folder}/secret.txt"},
        {"model": "tiny/one", "corpus": "secret.txt"},
        {"model": "tiny/one", "corpus": "hub:{folder}"},
        {"model": "tiny/one", "corpus": "hub:text:train:{folder}/secret.txt"},
        {"model": "tiny/one", "corpus": "file://{folder}/secret.txt"},
    ],
)
def test_no_argument_is_taken_for_a_path(space: Space, hub: StandIn, tmp_path: Path, asked: dict[str, str]) -> None:
    hub.add("tiny/one", gpt2_files())
    (tmp_path / "secret.txt").write_text(SECRET * 100)
    named = {key: value.format(folder=tmp_path, name=tmp_path.name) for key, value in asked.items()}
    with pytest.raises(Exception, match=r"is not the id|cannot be a revision|names no") as refused:
        ask(Client(space.url, verbose=False), **named)
    assert SECRET not in str(refused.value)


def test_an_upload_must_be_a_file_that_the_visitor_uploaded(space: Space, hub: StandIn, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    client = Client(space.url, verbose=False)
    upload = next(d for d in client.config["dependencies"] if d["targets"][0][1] == "upload")
    body = {
        "data": [{"path": str(secret), "meta": {"_type": "gradio.FileData"}}],
        "fn_index": upload["id"],
        "session_hash": "somebody",
    }
    request = urllib.request.Request(
        f"{space.url}gradio_api/run/predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = answer.read()
    except urllib.error.HTTPError as refused:
        said = refused.read()
    assert SECRET.encode() not in said
    assert secret.exists(), "the Space removed a file that was not uploaded to it"


def test_code_of_a_repository_is_not_run(space: Space, hub: StandIn, tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    files = gpt2_files()
    config = json.loads(files["config.json"]) | {  # type: ignore[arg-type]
        "model_type": "theirs",
        "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"},
    }
    hub.add("tiny/code", {**files, "config.json": json.dumps(config), "code.py": f"import os; os.mkdir({str(mark)!r})"})
    with pytest.raises(Exception, match="needs code of its repository"):
        ask(Client(space.url, verbose=False), "tiny/code")
    hub.add("tiny/script", {"script.py": f"import os; os.mkdir({str(mark)!r})"}, kind="dataset")
    hub.add("tiny/plain", gpt2_files())
    with pytest.raises(Exception, match="tiny/script"):
        ask(Client(space.url, verbose=False), "tiny/plain", corpus="hub:tiny/script")
    assert not mark.exists()


def test_the_token_of_the_owner_is_never_sent_for_a_visitor(logged_in_space: Space, hub: StandIn) -> None:
    hub.users[OWNER_TOKEN] = "owner"
    hub.add("owner/private", gpt2_files(), private=True, readers={"owner"})
    hub.add("tiny/open", gpt2_files())
    client = Client(logged_in_space.url, verbose=False)
    hub.requests.clear()
    with pytest.raises(Exception, match="There is no owner/private"):
        ask(client, "owner/private")
    assert client.predict("owner/priv", api_name="/suggest_models") == []
    assert client.predict("owner/private", api_name="/suggest_revisions") == []
    ask(client, "tiny/open")
    assert {token for _, _, token in hub.requests} == {None}


def test_a_visitor_s_token_is_for_that_visitor_alone(logged_in_space: Space, hub: StandIn) -> None:
    hub.users |= {OWNER_TOKEN: "owner", "hf_friend": "friend"}
    hub.add("a/gated", gpt2_files(3), gated=True, readers={"friend"})
    friend = Client(logged_in_space.url, verbose=False, headers=cookie("hf_friend"))
    stranger = Client(logged_in_space.url, verbose=False)
    hub.requests.clear()
    answer = ask(friend, "a/gated")
    assert answer["key"] == "", "a result of a gated model was kept"
    assert {token for _, address, token in hub.requests if "a/gated" in address} == {"hf_friend"}
    with pytest.raises(Exception, match="is gated"):
        ask(stranger, "a/gated")
    assert [each for each in stranger.predict("a/gated", api_name="/results")] == []
    assert "hf_friend" not in logged_in_space.log


def test_on_one_s_own_machine_the_owner_s_token_is_for_requests_of_this_machine_alone(
    hub: StandIn, tmp_path: Path
) -> None:
    hub.users[OWNER_TOKEN] = "owner"
    hub.add("a/gated", gpt2_files(3), gated=True, readers={"owner"})
    own = Space(tmp_path, STAND_IN, HF_TOKEN=OWNER_TOKEN)
    try:
        here = Client(own.url, verbose=False)
        assert "This page is for this machine alone" in json.dumps(here.config)
        hub.requests.clear()
        answer = ask(here, "a/gated")
        assert answer["key"] == "", "a result of a gated model was kept"
        assert answer["metrics"]["nc4_agreement"]["value"] is not None
        assert {token for _, address, token in hub.requests if "a/gated" in address} == {OWNER_TOKEN}
        assert here.predict("a/gated", api_name="/results") == []
        for headers in ({"x-forwarded-for": "8.8.8.8"}, {"host": "evil.example"}):
            with pytest.raises(Exception, match="is gated"):
                ask(Client(own.url, verbose=False, headers=headers), "a/gated")
        assert OWNER_TOKEN not in own.log
    finally:
        own.close()


def test_what_a_visitor_uploads_is_seen_by_nobody_else(space: Space, hub: StandIn) -> None:
    hub.add("tiny/mine", gpt2_files())
    text = "My diary says the word xylotheque many times. " * 120
    mine = ask(Client(space.url, verbose=False), "tiny/mine", corpus="upload", text=text)
    assert mine["key"] == ""
    other = Client(space.url, verbose=False)
    assert all(entry["corpus"] != "upload" for entry in other.predict("", api_name="/results"))
    for place in (space.home, space.temporary):
        assert not [path for path in place.rglob("*") if path.is_file() and b"xylotheque" in path.read_bytes()]
    assert "xylotheque" not in space.log


def test_an_uploaded_file_that_is_too_large_is_refused(space: Space, hub: StandIn, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_bytes(b"a" * 6_000_000)
    boundary = "b"
    body = (
        b"--b\r\nContent-Disposition: form-data; name=files; filename=large.txt\r\n\r\n"
        + large.read_bytes()
        + b"\r\n--b--\r\n"
    )
    request = urllib.request.Request(
        f"{space.url}gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)):
        urllib.request.urlopen(request, timeout=60)
    assert not [path for path in space.temporary.rglob("*") if path.is_file() and path.stat().st_size > 5_900_000]
