"""The answers of a local W&B server: as much of W&B's protocol as its client needs, with everything received kept.

It is modeled on the requests of wandb 0.31. It therefore tests what the client sends, not what W&B does with it.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import yaml

KEY = "a1b2c3d4e5" * 4  # the length that W&B requires
ENTITY = "me"
Json = dict[str, Any]


@dataclass
class Run:
    """The data received of one run."""

    config: Json = field(default_factory=dict)
    group: str | None = None
    history: list[Json] = field(default_factory=list)
    summary: Json = field(default_factory=dict)
    exit_code: int | None = None


@dataclass
class WandbServer:
    """The data received, and the answers that the client needs to send them."""

    url: str = ""
    fault: int | str | None = None  # how it answers each request: an HTTP status, "error" (of GraphQL) or "silence"
    runs: dict[str, Run] = field(default_factory=lambda: defaultdict(Run))
    artifacts: dict[str, str] = field(default_factory=dict)  # their types, by name
    files: dict[str, bytes] = field(default_factory=dict)
    views: list[Json] = field(default_factory=list)  # workspaces and reports
    sweeps: dict[str, Json] = field(default_factory=dict)
    waiting: list[Json] = field(default_factory=list)  # trials of a sweep that no agent has received yet
    unanswered: list[str] = field(default_factory=list)  # requests that it does not know

    def environment(self) -> dict[str, str]:
        """The environment in which the client uses this server."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY}

    def stream(self, name: str, sent: Json) -> Json:
        """Store what a run logs during training."""
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

    def answer(self, query: str, variables: Json) -> Json:
        """The answer to a GraphQL request; an unknown one is kept for the test to check."""
        operation = re.search(r"(?:query|mutation)\s+(\w+)", query)
        name = operation[1] if operation else query[:40]
        answer = getattr(self, "_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(), None)
        if answer is None:
            self.unanswered.append(name)
            return {"errors": [{"message": f"{name} is unknown"}]}
        return {"data": answer(variables)}

    def _viewer(self, variables: Json) -> Json:
        user = {"username": ENTITY, "email": "me@example.invalid", "flags": "{}", "admin": False, "entity": ENTITY}
        teams = {"edges": [{"node": _entity()}]}
        return {"viewer": {"id": _id("User"), **user, "teams": teams, "capabilities": [], "codeSavingEnabled": True}}

    def _server_features_query(self, variables: Json) -> Json:
        return {"serverInfo": {"features": []}}

    def _organization_core_weave_organization_id(self, variables: Json) -> Json:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def _run_resume_status(self, variables: Json) -> Json:
        """A known run has a history to resume from, which is empty for a trial of a sweep."""
        run = self.runs.get(variables["name"])
        bucket = run and {
            "name": variables["name"],
            "displayName": variables["name"],
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
        return {"model": {**_project(variables.get("project")), "bucket": bucket}}

    def _upsert_bucket(self, variables: Json) -> Json:
        known = variables["name"] in self.runs
        run = self.runs[variables["name"]]
        run.config = json.loads(variables.get("config") or "{}") or run.config
        run.group = variables.get("groupName") or run.group
        bucket = {
            "id": _id("Run", variables["name"]),
            "name": variables["name"],
            "displayName": variables.get("displayName") or variables["name"],
            "description": "",
            "config": variables.get("config"),
            "sweepName": variables.get("sweep"),
            "historyLineCount": len(run.history),
            "logLineCount": 0,
            "eventsLineCount": 0,
            "project": _project(variables.get("project")),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": not known}}

    def _create_run_files(self, variables: Json) -> Json:
        files = [{"name": name, "uploadUrl": self._upload(name)} for name in variables["files"]]
        return {"createRunFiles": {"runID": "run", "uploadHeaders": [], "files": files}}

    def _create_artifact(self, variables: Json) -> Json:
        name = variables["input"]["artifactCollectionName"]
        self.artifacts[name] = variables["input"]["artifactTypeName"]
        sequence = {"id": "sequence", "latestArtifact": None}
        artifact = {"id": _id("Artifact", name), "state": "PENDING", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": artifact}}

    def _create_artifact_manifest(self, variables: Json) -> Json:
        file = {"id": "file", "name": "manifest", "displayName": "manifest", "uploadHeaders": []}
        file["uploadUrl"] = self._upload("manifest.json")
        return {"createArtifactManifest": {"artifactManifest": {"id": _id("Manifest"), "file": file}}}

    def _create_artifact_files(self, variables: Json) -> Json:
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
            for file in variables["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}

    def _commit_artifact(self, variables: Json) -> Json:
        return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": "digest"}}}

    def _artifact_type(self, variables: Json) -> Json:
        return {"project": {"artifact": None}}

    def _upsert_sweep(self, variables: Json) -> Json:
        """Store a sweep with the method grid, and queue its trials."""
        config = yaml.safe_load(variables["config"])
        name = f"sweep{len(self.sweeps)}"
        self.sweeps[name] = config
        keys = config["parameters"]
        for values in itertools.product(*(key["values"] for key in keys.values())):
            arguments = {key: {"value": value} for key, value in zip(keys, values, strict=True)}
            trial = {"type": "run", "run_id": f"trial{len(self.waiting)}", "args": arguments}
            self.waiting.append({**trial, "program": config["program"]})
        sweep = {"name": name, "id": _id("Sweep", name), "project": _project(variables.get("projectName"))}
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}

    def _sweep_with_runs(self, variables: Json) -> Json:
        config = yaml.safe_dump(self.sweeps[variables["sweep"]])
        times = {"createdAt": "2026-01-01T00:00:00", "heartbeatAt": None, "updatedAt": None}
        state = {"state": "RUNNING", "earlyStopJobRunning": False, "controller": None, "scheduler": None}
        sweep = {"id": _id("Sweep"), "name": variables["sweep"], "method": "grid", "description": "", "config": config}
        return {"project": {"sweep": {**sweep, **times, **state, "runs": {"edges": []}}}}

    def _create_agent(self, variables: Json) -> Json:
        return {"createAgent": {"agent": {"id": _id("Agent")}}}

    def _heartbeat(self, variables: Json) -> Json:
        """Give an idle agent the next trial, whose run then exists, or the command to exit."""
        commands: list[Json] = []
        if not json.loads(variables.get("runState") or "{}"):
            commands = [self.waiting.pop(0) if self.waiting else {"type": "exit"}]
            if "run_id" in commands[0]:
                self.runs[commands[0]["run_id"]] = Run()
        return {"agentHeartbeat": {"agent": {"id": variables["id"], "name": "agent"}, "commands": json.dumps(commands)}}

    def _project_internal_id(self, variables: Json) -> Json:
        return {"project": {"id": _id("Project"), "internalId": _id("ProjectInternalId")}}

    def _get_projects(self, variables: Json) -> Json:
        user = {"id": _id("User"), "name": ENTITY, "username": ENTITY, "email": "me@example.invalid", "admin": False}
        rest = {"flags": "{}", "entity": ENTITY, "teams": {"edges": []}, "deletedAt": None, "apiKeys": None}
        node = {"name": "grokking", "entityName": ENTITY, "createdAt": "2026-01-01T00:00:00Z", "isBenchmark": False}
        edges = [{"node": {"id": _id("Project"), **node, "user": {**user, **rest}}, "cursor": "cursor"}]
        return {"models": {"edges": edges, "pageInfo": {"endCursor": "cursor", "hasNextPage": False}}}

    def _upsert_view2(self, variables: Json) -> Json:
        self.views.append({**variables, "spec": json.loads(variables["spec"])})
        return {"upsertView": {"view": {"id": _id("View"), "name": variables.get("name")}, "inserted": True}}

    _upsert_view = _upsert_view2  # a workspace uses one name, a report the other

    def _upload(self, name: str) -> str:
        return f"{self.url}/upload/{name}"


def _id(kind: str, name: str = "1") -> str:
    return base64.b64encode(f"{kind}:{name}".encode()).decode()


def _entity() -> Json:
    return {"id": _id("Entity"), "name": ENTITY}


def _project(name: str | None) -> Json:
    return {"id": _id("Project"), "name": name or "grokking", "entity": _entity()}
