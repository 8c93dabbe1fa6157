"""A local W&B server over HTTP; its answers are in `tests.wandb_api`."""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.wandb_api import Json, WandbServer


class Handler(BaseHTTPRequestHandler):
    """Passes requests to the `wandb` of its server."""

    protocol_version = "HTTP/1.1"  # keeps a connection open
    server: Server

    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self.reply({})

    def do_PUT(self) -> None:
        self.server.wandb.files[unquote(self.path.removeprefix("/upload/"))] = self.body()
        self.reply({})

    def do_POST(self) -> None:
        body = self.body()
        if self.server.wandb.fault:
            self.misbehave(self.server.wandb.fault)
            return
        if stream := re.match(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            self.reply(self.server.wandb.stream(stream[1], json.loads(body)))
        elif self.path.startswith("/graphql"):
            request = json.loads(body)
            self.reply(self.server.wandb.answer(request["query"], request.get("variables") or {}))
        else:
            self.reply({})

    def body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def misbehave(self, fault: int | str) -> None:
        """Answer with an HTTP status, or with an error of GraphQL, or not at all."""
        if isinstance(fault, int):
            self.reply({"error": "refused"}, status=fault)
        elif fault == "error":
            self.reply({"errors": [{"message": "permission denied"}], "data": None})
        else:
            self.server.stopped.wait()

    def reply(self, answer: Json, *, status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """An HTTP server at a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        self.wandb = WandbServer()
        self.stopped = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.wandb.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may disconnect at any time; any other error is a mistake here."""
        if not isinstance(error := sys.exception(), ConnectionError):
            self.wandb.unanswered.append(repr(error))


@contextmanager
def serving() -> Iterator[WandbServer]:
    """A running server, stopped at the end of the context."""
    with Server() as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield http.wandb
        http.stopped.set()
        http.shutdown()
