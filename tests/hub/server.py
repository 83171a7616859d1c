"""A stand-in for the Hub over HTTP, of the standard library: what the real clients ask for, and every way to fail.

The routes are the Hub's own; nothing of a client is changed, it is only pointed here by ``HF_ENDPOINT``. Repositories
live in memory (files may be paths on disk) and are made by the test or by the client's own ``push_to_hub``.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.repository import Content, NotThereError, Repository, as_bytes, oid

_ACTIONS = "revision|tree|refs|commits|paths-info|preupload|commit|branch|tag"
_API = re.compile(
    rf"/api/(?P<kind>model|dataset|space)s/(?P<id>[^/]+(?:/[^/]+)??)(?:/(?P<action>{_ACTIONS})(?:/(?P<rest>.*))?)?"
)
_FILE = re.compile(
    r"/(?:(?P<kind>dataset|space)s/)?(?P<id>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>refs/[^/]+/[^/]+|[^/]+)/(?P<name>.+)"
)
_STATUS = {"GatedRepo": 403, "RepoNotFound": 401, "RevisionNotFound": 404, "EntryNotFound": 404}


@dataclass
class Fault:
    """Something that goes wrong with requests whose method and address match ``pattern``, ``times`` times at the most.

    Attributes:
        pattern: regular expression, searched in for instance ``GET /api/models/a/b``.
        status: answer with this status (and ``headers``) and nothing else; 0 closes the connection without an answer.
        cut_after: send so many bytes of the file, then close the connection.
        delay: seconds to wait before the answer.
        pad: send so many bytes more than the file has, and say so in Content-Length.
        times: how often it goes wrong.
    """

    pattern: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    delay: float = 0.0
    pad: int = 0
    times: int = 1_000_000


class StandIn:
    """The server, its repositories and users.

    Attributes:
        url: its address, for ``HF_ENDPOINT``.
        users: user name by token.
        faults: what shall go wrong.
        requests: every request so far as ``(method, address, token or None)``.
    """

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self._repositories: dict[tuple[str, str], Repository] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> StandIn:
        """Serve in a thread of this process until it ends."""
        threading.Thread(target=self._server.serve_forever, daemon=True, name="hub-stand-in").start()
        return self

    def clear(self) -> None:
        """Forget everything; one user is left, ``writer``, whose token is ``hf_writer``."""
        self.users = {"hf_writer": "writer"}
        self.faults, self.requests, self._repositories = [], [], {}

    def add(
        self, name: str, files: Mapping[str, Content] | None = None, *, kind: str = "model", **about: Any
    ) -> Repository:
        """Make a repository, with a first commit on ``main``; ``about`` as the fields of ``Repository``."""
        repository = self._repositories[kind, name] = Repository(name, kind, **about)
        repository.commit(files, title="initial commit")
        return repository

    def get(self, name: str, kind: str = "model", *, user: str | None = "writer") -> Repository:
        """Find a repository that ``user`` may know of."""
        repository = self._repositories.get((kind, name))
        if repository is None or (
            repository.private and user not in repository.readers | {repository.id.split("/")[0]}
        ):
            raise NotThereError("RepoNotFound")
        return repository

    def search(self, kind: str, text: str, limit: int) -> list[dict[str, Any]]:
        """Public repositories whose id contains ``text``."""
        found = [each for (its, _), each in self._repositories.items() if its == kind and text in each.id.lower()]
        return [each.info("main", sizes=False) for each in found if not each.private][:limit]

    def asked(self, pattern: str) -> list[str]:
        """The requests so far that match, for instance ``GET .*safetensors``."""
        lines = [f"{method} {address}" for method, address, _ in self.requests]
        return [line for line in lines if re.search(pattern, line)]

    def fault(self, request: str) -> Fault | None:
        """Take the first fault that this request meets."""
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.pattern, request):
                fault.times -= 1
                return fault
        return None


def _handler(hub: StandIn) -> type[BaseHTTPRequestHandler]:
    """Bind the request handler to a server."""

    class Bound(_Handler):
        pass

    Bound.hub = hub
    return Bound


class _Handler(BaseHTTPRequestHandler):
    """One request: reading, who asks, faults, routes, errors as the Hub words them."""

    hub: StandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # header and body are two writes: else each answer waits 40 ms for the first's receipt
    )

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Stay silent: the tests look at ``StandIn.requests``."""

    def _serve(self) -> None:
        address = urlsplit(self.path)
        self.path_only, self.query = address.path, parse_qs(address.query)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        self.user = self.hub.users.get(token or "")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append((self.command, self.path, token))
        fault = self.cut = self.hub.fault(f"{self.command} {self.path}")
        if fault:
            time.sleep(fault.delay)
            if fault.status is not None:
                return self._fail_with(fault)
        try:
            if token and self.user is None:
                return self._json(
                    {"error": "Invalid credentials"}, 401, _message("Invalid credentials in Authorization header")
                )
            return self._route()
        except NotThereError as missing:
            code = str(missing)
            status = 404 if code == "RepoNotFound" and self.user else _STATUS[code]
            return self._json({"error": code}, status, {"X-Error-Code": code} | _message(code))
        except (BrokenPipeError, ConnectionResetError):  # the client went away
            self.close_connection = True

    def _fail_with(self, fault: Fault) -> None:
        if fault.status:  # said, or the client may send its next request into the connection that closes
            headers = {"Connection": "close", **fault.headers}
            self._json({"error": f"status {fault.status}"}, fault.status, headers)
        self.close_connection = True

    def _route(self) -> None:
        if match := _FILE.fullmatch(self.path_only):
            return self._file(match)
        if self.path_only == "/api/whoami-v2":
            return self._whoami()
        if self.path_only == "/api/repos/create":
            return self._create()
        if self.path_only == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if match := re.fullmatch(r"/api/(model|dataset|space)s", self.path_only):
            limit = int(self._asked("limit", "100"))
            return self._json(self.hub.search(match[1], self._asked("search", "").lower(), limit))
        if match := _API.fullmatch(self.path_only):
            repository = self.hub.get(unquote(match["id"]), match["kind"], user=self.user)
            action = (match["action"] or "revision").replace("-", "_")
            method = "post" if self.command == "POST" else "get"
            return getattr(self, f"_{method}_{action}", self._unknown)(repository, match["rest"] or "main")
        return self._unknown()

    def _unknown(self, *_: Any) -> None:
        self._json({"error": f"the stand-in has no route {self.command} {self.path_only}"}, 404)

    # --- reading

    def _get_revision(self, repository: Repository, rest: str) -> None:
        if repository.disabled:
            return self._json({"error": "disabled"}, 403, _message("Access to this resource is disabled."))
        return self._json(repository.info(unquote(rest), sizes="blobs" in self.query))

    def _get_tree(self, repository: Repository, rest: str) -> None:
        revision, _, folder = rest.partition("/")
        recursive = self._asked("recursive", "false").lower() in ("1", "true")
        self._json(repository.entries(unquote(revision), unquote(folder), recursive=recursive))

    def _get_refs(self, repository: Repository, _: str) -> None:
        self._json(repository.references(pulls="include_prs" in self.query))

    def _get_commits(self, repository: Repository, rest: str) -> None:
        self._json(repository.history(unquote(rest)))

    def _post_paths_info(self, repository: Repository, rest: str) -> None:
        revision = unquote(rest)
        commit = repository.at(revision)
        is_json = "json" in self.headers.get("Content-Type", "")
        paths = json.loads(self.body)["paths"] if is_json else parse_qs(self.body.decode()).get("paths", [])
        listed = [repository.entry(commit, path) for path in paths if path in commit.files]
        folders = [path for path in paths if any(name.startswith(f"{path}/") for name in commit.files)]
        self._json(listed + [{"type": "directory", "path": path, "oid": oid(path), "size": 0} for path in folders])

    def _file(self, match: re.Match[str]) -> None:
        repository = self.hub.get(unquote(match["id"]), match["kind"] or "model", user=self.user)
        if repository.gated and self.user not in repository.readers:
            raise NotThereError("GatedRepo")
        commit, name = repository.at(unquote(match["revision"])), unquote(match["name"])
        if name not in commit.files:
            raise NotThereError("EntryNotFound")
        content = as_bytes(commit.files[name])
        headers = {"ETag": f'"{oid(content)}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content = content[first : last + 1]
        elif name in repository.claimed:
            headers["X-Linked-Size"] = str(repository.claimed[name])
        self._bytes(content, 206 if wanted else 200, headers)

    def _whoami(self) -> None:
        if self.user is None:
            return self._json({"error": "Invalid username or password."}, 401)
        about = {"type": "user", "id": self.user, "name": self.user, "fullname": self.user, "orgs": [], "isPro": False}
        return self._json(about | {"auth": {"type": "access_token", "accessToken": {"role": "write"}}})

    # --- writing

    def _create(self) -> None:
        asked = json.loads(self.body)
        owner, kind = asked.get("organization") or self.user, asked.get("type") or "model"
        if self.user is None or owner != self.user:
            return self._json({"error": "You may not write there."}, 403 if self.user else 401)
        name = f"{owner}/{asked['name']}"
        page = f"{self.hub.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        try:
            self.hub.get(name, kind)
        except NotThereError:
            private = asked.get("visibility") == "private" or asked.get("private") is True
            self.hub.add(name, {".gitattributes": ""}, kind=kind, private=private)
            return self._json({"url": page, "name": name, "id": name})
        return self._json({"error": "You already created this repo", "url": page}, 409)

    def _post_preupload(self, repository: Repository, rest: str) -> None:
        repository.at(unquote(rest))
        files = json.loads(self.body)["files"]
        self._json(
            {"files": [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in files]}
        )

    def _post_commit(self, repository: Repository, rest: str) -> None:
        branch, as_pull = unquote(rest), "create_pr" in self.query
        if self.user is None or (self.user != repository.id.split("/")[0] and not as_pull):
            return self._json({"error": "You may not write there."}, 403 if self.user else 401)
        lines = [json.loads(line) for line in self.body.splitlines()]
        title = next((line["value"]["summary"] for line in lines if line["key"] == "header"), "Update")
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
        }
        gone = tuple(line["value"]["path"] for line in lines if line["key"].startswith("deleted"))
        target = repository.open_pull(branch) if as_pull else branch
        sha = repository.commit(files, delete=gone, branch=target, title=title)
        page = f"{self.hub.url}/{repository.id}"
        number = target.rsplit("/", 1)[-1]
        pull = {"pullRequestUrl": f"{page}/discussions/{number}"} if as_pull else {}
        return self._json({"success": True, "commitOid": sha, "commitUrl": f"{page}/commit/{sha}"} | pull)

    def _post_branch(self, repository: Repository, rest: str) -> None:
        asked = json.loads(self.body or b"{}")
        branch = unquote(rest)
        if branch in repository.branches:
            return self._json({"error": "Reference already exists"}, 409)
        repository.branches[branch] = repository.at(asked.get("startingPoint") or "main").sha
        return self._json({"success": True})

    def _post_tag(self, repository: Repository, rest: str) -> None:
        repository.tags[json.loads(self.body)["tag"]] = repository.at(unquote(rest)).sha
        self._json({"success": True})

    # --- answering

    def _asked(self, name: str, default: str) -> str:
        return self.query.get(name, [default])[0]

    def _json(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self._bytes(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _bytes(self, content: bytes, status: int, headers: Mapping[str, str]) -> None:
        if self.cut and self.cut.pad:
            content += bytes(self.cut.pad)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header(
            "Content-Length",
            headers.get("X-Linked-Size", str(len(content))) if self.command == "HEAD" else str(len(content)),
        )
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.cut and self.cut.cut_after is not None:
            content = content[: self.cut.cut_after]
            self.close_connection = True
        self.wfile.write(content)


def _message(text: str) -> dict[str, str]:
    return {"X-Error-Message": text}
