"""A server on this machine that speaks W&B's protocol as far as its client needs, and keeps what arrives.

It is made from the requests that wandb 0.31 sends, and so proves what the client sends, not what W&B does with it.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import yaml

KEY = "a1b2c3d4e5" * 4  # as long as W&B wants one
ENTITY = "me"
Json = dict[str, Any]


@dataclass
class Run:
    """What arrived of one run."""

    config: Json = field(default_factory=dict)
    group: str | None = None
    history: list[Json] = field(default_factory=list)
    summary: Json = field(default_factory=dict)
    exit_code: int | None = None


@dataclass
class WandbServer:
    """What has arrived, and the answers that the client needs in order to send it."""

    url: str = ""
    runs: dict[str, Run] = field(default_factory=lambda: defaultdict(Run))
    artifacts: dict[str, str] = field(default_factory=dict)  # their types, by name
    files: dict[str, bytes] = field(default_factory=dict)
    views: list[Json] = field(default_factory=list)  # workspaces and reports
    sweeps: dict[str, Json] = field(default_factory=dict)
    waiting: list[Json] = field(default_factory=list)  # the trials of a sweep that no agent has got yet
    unanswered: list[str] = field(default_factory=list)  # requests that it did not foresee

    def environment(self) -> dict[str, str]:
        """What makes the client talk to this server."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY}

    def stream(self, name: str, sent: Json) -> Json:
        """Keep what a run logs while it goes on."""
        run = self.runs[name]
        for file, chunk in (sent.get("files") or {}).items():
            lines = [json.loads(line) for line in chunk["content"]] if file.endswith((".json", ".jsonl")) else []
            if file == "wandb-history.jsonl":
                run.history[chunk["offset"] : chunk["offset"] + len(lines)] = lines
            elif file == "wandb-summary.json":
                run.summary = lines[-1]
        if sent.get("complete"):
            run.exit_code = sent.get("exitcode")
        return {"exitcode": None, "limits": {}}

    def answer(self, query: str, given: Json) -> Json:
        """The answer to a GraphQL request; one that is not foreseen is kept for the test to see."""
        operation = re.search(r"(?:query|mutation)\s+(\w+)", query)
        name = operation[1] if operation else query[:40]
        answer = getattr(self, "_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(), None)
        if answer is None:
            self.unanswered.append(name)
            return {"errors": [{"message": f"{name} is not foreseen"}]}
        return {"data": answer(given)}

    def _viewer(self, given: Json) -> Json:
        user = {"username": ENTITY, "email": "me@example.invalid", "flags": "{}", "admin": False, "entity": ENTITY}
        teams = {"edges": [{"node": _entity()}]}
        return {"viewer": {"id": _id("User"), **user, "teams": teams, "capabilities": [], "codeSavingEnabled": True}}

    def _server_features_query(self, given: Json) -> Json:
        return {"serverInfo": {"features": []}}

    def _organization_core_weave_organization_id(self, given: Json) -> Json:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def _run_resume_status(self, given: Json) -> Json:
        """A run that is known has a history to go on from, be it empty, as that of a sweep's trial is."""
        run = self.runs.get(given["name"])
        bucket = run and {
            "name": given["name"],
            "displayName": given["name"],
            "historyLineCount": len(run.history),
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "summaryMetrics": json.dumps(run.summary),
            "logLineCount": 0,
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "config": json.dumps(run.config),
            "tags": [],
            "notes": None,
            "wandbConfig": json.dumps({"t": 1}),
        }
        return {"model": {**_project(given.get("project")), "bucket": bucket}}

    def _upsert_bucket(self, given: Json) -> Json:
        known = given["name"] in self.runs
        run = self.runs[given["name"]]
        run.config = json.loads(given.get("config") or "{}") or run.config
        run.group = given.get("groupName") or run.group
        bucket = {
            "id": _id("Run", given["name"]),
            "name": given["name"],
            "displayName": given.get("displayName") or given["name"],
            "description": "",
            "config": given.get("config"),
            "sweepName": given.get("sweep"),
            "historyLineCount": len(run.history),
            "logLineCount": 0,
            "eventsLineCount": 0,
            "project": _project(given.get("project")),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": not known}}

    def _create_run_files(self, given: Json) -> Json:
        files = [{"name": name, "uploadUrl": self._upload(name)} for name in given["files"]]
        return {"createRunFiles": {"runID": "run", "uploadHeaders": [], "files": files}}

    def _create_artifact(self, given: Json) -> Json:
        name = given["input"]["artifactCollectionName"]
        self.artifacts[name] = given["input"]["artifactTypeName"]
        sequence = {"id": "sequence", "latestArtifact": None}
        artifact = {"id": _id("Artifact", name), "state": "PENDING", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": artifact}}

    def _create_artifact_manifest(self, given: Json) -> Json:
        file = {"id": "file", "name": "manifest", "displayName": "manifest", "uploadHeaders": []}
        file["uploadUrl"] = self._upload("manifest.json")
        return {"createArtifactManifest": {"artifactManifest": {"id": _id("Manifest"), "file": file}}}

    def _create_artifact_files(self, given: Json) -> Json:
        nodes = [
            {
                "id": file["name"],
                "name": file["name"],
                "displayName": file["name"],
                "storagePath": file["name"],
                "uploadUrl": self._upload(file["name"]),
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": file["artifactID"]},
            }
            for file in given["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}

    def _commit_artifact(self, given: Json) -> Json:
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": "digest"}}}

    def _artifact_type(self, given: Json) -> Json:
        return {"project": {"artifact": None}}

    def _upsert_sweep(self, given: Json) -> Json:
        """Take a sweep of method grid, and line up its trials."""
        config = yaml.safe_load(given["config"])
        name = f"sweep{len(self.sweeps)}"
        self.sweeps[name] = config
        keys = config["parameters"]
        for values in itertools.product(*(key["values"] for key in keys.values())):
            arguments = {key: {"value": value} for key, value in zip(keys, values, strict=True)}
            trial = {"type": "run", "run_id": f"trial{len(self.waiting)}", "args": arguments}
            self.waiting.append({**trial, "program": config["program"]})
        sweep = {"name": name, "id": _id("Sweep", name), "project": _project(given.get("projectName"))}
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}

    def _sweep_with_runs(self, given: Json) -> Json:
        config = yaml.safe_dump(self.sweeps[given["sweep"]])
        times = {"createdAt": "2026-01-01T00:00:00", "heartbeatAt": None, "updatedAt": None}
        state = {"state": "RUNNING", "earlyStopJobRunning": False, "controller": None, "scheduler": None}
        sweep = {"id": _id("Sweep"), "name": given["sweep"], "method": "grid", "description": "", "config": config}
        return {"project": {"sweep": {**sweep, **times, **state, "runs": {"edges": []}}}}

    def _create_agent(self, given: Json) -> Json:
        return {"createAgent": {"agent": {"id": _id("Agent")}}}

    def _heartbeat(self, given: Json) -> Json:
        """Give an idle agent the next trial, whose run then exists; or nothing more to do."""
        commands: list[Json] = []
        if not json.loads(given.get("runState") or "{}"):
            commands = [self.waiting.pop(0) if self.waiting else {"type": "exit"}]
            if "run_id" in commands[0]:
                self.runs[commands[0]["run_id"]] = Run()
        return {"agentHeartbeat": {"agent": {"id": given["id"], "name": "agent"}, "commands": json.dumps(commands)}}

    def _project_internal_id(self, given: Json) -> Json:
        return {"project": {"id": _id("Project"), "internalId": _id("ProjectInternalId")}}

    def _get_projects(self, given: Json) -> Json:
        user = {"id": _id("User"), "name": ENTITY, "username": ENTITY, "email": "me@example.invalid", "admin": False}
        rest = {"flags": "{}", "entity": ENTITY, "teams": {"edges": []}, "deletedAt": None, "apiKeys": None}
        node = {"name": "grokking", "entityName": ENTITY, "createdAt": "2026-01-01T00:00:00Z", "isBenchmark": False}
        edges = [{"node": {"id": _id("Project"), **node, "user": {**user, **rest}}, "cursor": "cursor"}]
        return {"models": {"edges": edges, "pageInfo": {"endCursor": "cursor", "hasNextPage": False}}}

    def _upsert_view2(self, given: Json) -> Json:
        self.views.append({**given, "spec": json.loads(given["spec"])})
        return {"upsertView": {"view": {"id": _id("View"), "name": given.get("name")}, "inserted": True}}

    _upsert_view = _upsert_view2  # a workspace by the one name, a report by the other

    def _upload(self, name: str) -> str:
        return f"{self.url}/upload/{name}"


@contextmanager
def serving() -> Iterator[WandbServer]:
    """A server at a free port of this machine, for as long as the block lasts."""
    server = WandbServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps a connection open

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.reply({})

        def do_PUT(self) -> None:
            server.files[unquote(self.path.removeprefix("/upload/"))] = self.body()
            self.reply({})

        def do_POST(self) -> None:
            body = self.body()
            if streamed := re.match(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
                self.reply(server.stream(streamed[1], json.loads(body)))
            elif self.path.startswith("/graphql"):
                asked = json.loads(body)
                self.reply(server.answer(asked["query"], asked.get("variables") or {}))
            else:
                self.reply({})

        def body(self) -> bytes:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

        def reply(self, answer: Json) -> None:
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client may go at any time; anything else is a mistake here."""
            if not isinstance(error := sys.exception(), ConnectionError):
                server.unanswered.append(repr(error))

    with Server(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield server
        http.shutdown()


def _id(kind: str, name: str = "1") -> str:
    return base64.b64encode(f"{kind}:{name}".encode()).decode()


def _entity() -> Json:
    return {"id": _id("Entity"), "name": ENTITY}


def _project(name: str | None) -> Json:
    return {"id": _id("Project"), "name": name or "grokking", "entity": _entity()}
