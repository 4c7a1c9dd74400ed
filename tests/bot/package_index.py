"""A small package index over HTTP: PEP 503 pages, and the files that tests make."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class PackageIndex:
    """Files by name; `asked`: every path that was requested."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    pythons: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def simple(self) -> str:
        return f"{self.url}/simple"

    def wheel(self, name: str, version: str, *requires: str, python: str = "") -> str:
        """Adds a wheel, and gives its hash."""
        stem, module = f"{name}-{version}", name.replace("-", "_")
        needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
        needs += f"Requires-Python: {python}\n" if python else ""
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        data = io.BytesIO()
        parts = {
            f"{module}/__init__.py": "",
            f"{stem}.dist-info/METADATA": metadata,
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{stem}.dist-info/RECORD": "",
        }
        with zipfile.ZipFile(data, "w") as archive:
            for path, text in parts.items():
                archive.writestr(zipfile.ZipInfo(path), text)  # without a date: the same bytes each time
        return self._add(f"{stem}-py3-none-any.whl", data.getvalue(), python)

    def sdist(self, name: str, version: str, setup: str) -> str:
        """Adds a source distribution with this setup.py, and gives its hash."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            for path, text in (("setup.py", setup), ("PKG-INFO", f"Metadata-Version: 1.0\nName: {name}\n")):
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return self._add(f"{name}-{version}.tar.gz", data.getvalue(), "")

    def _add(self, file: str, data: bytes, python: str) -> str:
        self.files[file], self.pythons[file] = data, python
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        page = re.fullmatch(r"/simple/([^/]+)/", request.path)
        body = self._page(page[1]) if page else self.files.get(request.path.removeprefix("/files/"))
        request.send_response(404 if body is None else 200)
        request.send_header("Content-Type", "text/html" if page else "application/octet-stream")
        request.send_header("Content-Length", str(len(body or b"")))
        request.end_headers()
        request.wfile.write(body if body and request.command == "GET" else b"")

    def _page(self, name: str) -> bytes | None:
        links = [
            f'<a href="/files/{file}#sha256={hashlib.sha256(data).hexdigest()}"'
            + (f' data-requires-python="{self.pythons[file].replace(">", "&gt;")}"' if self.pythons[file] else "")
            + f">{file}</a>"
            for file, data in self.files.items()
            if file.partition("-")[0].replace("_", "-") == name
        ]
        return "".join(links).encode() if links else None


@contextmanager
def served() -> Iterator[PackageIndex]:
    """An index that answers as long as it lasts."""
    index = PackageIndex()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.answer(self)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    index.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
