"""A registry that says what a test tells it to, truth or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import cast

from tests.bot.registry.images import Image


@dataclass(frozen=True)
class Reply:
    """`length`: what Content-Length says, where it is not the truth; `parts`: sent one by one instead of a body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    parts: Callable[[], Iterator[bytes]] | None = None


Say = Callable[[Mapping[str, str]], Reply]


@dataclass
class Scripted:
    """`replies`: by path with its query, a Reply or a function of the request's headers. `asked`: each request."""

    host: str
    replies: dict[str, Reply | Say] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def holds(self, path: str, **tags: Image) -> Scripted:
        """The truth about a repository."""
        names = ", ".join(f'"{tag}"' for tag in tags)
        self.replies[f"/v2/{path}/tags/list?n=1000"] = Reply(f'{{"name": "{path}", "tags": [{names}]}}'.encode())
        for tag, image in tags.items():
            for one, name in [(image, tag), *((inner, inner.digest) for inner in image.inner)]:
                self.replies[f"/v2/{path}/manifests/{name}"] = Reply(one.manifest, headers={"Content-Type": one.kind})
                for digest, blob in one.blobs.items():
                    self.replies[f"/v2/{path}/blobs/{digest}"] = Reply(blob)
        return self


@contextmanager
def scripted(host: str = "127.0.0.1") -> Iterator[Scripted]:
    """One that runs; without a reply it answers 404."""
    made = Scripted("")

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            headers = {key.lower(): value for key, value in self.headers.items()}
            made.asked.append((self.path, headers | {"body": body}))
            found = made.replies.get(self.path, Reply(b"{}", 404))
            self.say(found if isinstance(found, Reply) else cast(Say, found)(headers))

        do_POST = do_GET

        def say(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.parts is None:
                self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            self.end_headers()
            self.close_connection = reply.parts is not None or reply.length is not None
            try:
                for part in reply.parts() if reply.parts else [reply.body]:
                    self.wfile.write(part)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((host, 0), Door)
    server.daemon_threads = True
    made.host = f"{host}:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
