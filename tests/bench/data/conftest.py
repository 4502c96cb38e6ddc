from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.data import hosts


@dataclass
class Reply:
    """How the server answers a path.

    `drops` connections break after `after` bytes of the body; `hold`, unless set, keeps the connection silent there.
    """

    content: bytes = b""
    status: int = 200
    kind: str = "application/octet-stream"
    ranges: bool = True
    drops: int = 0
    after: int = 0
    length: bool = True
    hold: threading.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Site(ThreadingHTTPServer):
    """A web server on loopback that answers as it is told and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, Reply] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def put(self, path: str, reply: Reply) -> str:
        self.replies[path] = reply
        return f"http://{self.host}/{path}"

    def ranges(self) -> list[str | None]:
        """The Range header of every request, in order."""
        return [asked for _path, asked in self.asked]

    def close(self) -> None:
        for reply in self.replies.values():
            if reply.hold is not None:
                reply.hold.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        reply = self.server.replies.get(self.path.lstrip("/"), Reply(b"nothing here", 404, "text/plain"))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and reply.ranges else 0
        size = len(reply.content)
        if start and start >= size:
            self._head(reply, 416, 0, {"Content-Range": f"bytes */{size}"})
            return
        span = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        self._head(reply, 206 if start else reply.status, size - start, span)
        self._body(reply, reply.content[start:])

    def _head(self, reply: Reply, status: int, length: int, more: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", reply.kind)
        if reply.length:
            self.send_header("Content-Length", str(length))
        for name, value in {**reply.headers, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, reply: Reply, body: bytes) -> None:
        if reply.hold is not None:
            self._send(body[: reply.after])
            reply.hold.wait(30)
            body = body[reply.after :]
        if reply.drops:
            reply.drops -= 1
            body = body[: reply.after]
        self._send(body)

    def _send(self, body: bytes) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(body)
            self.wfile.flush()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A web server on loopback, and a process that holds nothing against it yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("BENCH_OFFLINE", raising=False)
    monkeypatch.setattr(hosts, "_SILENT", {})
    served = Site()
    yield served
    served.close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
