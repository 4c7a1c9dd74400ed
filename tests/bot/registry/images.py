"""Images put together byte by byte, in both of the formats that there are, and pushed over the distribution API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import requests

Format = Literal["oci", "docker"]
MANIFEST = {
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "docker": "application/vnd.docker.distribution.manifest.v2+json",
}
INDEX = {
    "oci": "application/vnd.oci.image.index.v1+json",
    "docker": "application/vnd.docker.distribution.manifest.list.v2+json",
}
CONFIG = {
    "oci": "application/vnd.oci.image.config.v1+json",
    "docker": "application/vnd.docker.container.image.v1+json",
}
LAYER = {
    "oci": "application/vnd.oci.image.layer.v1.tar",
    "docker": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
NOON = "2026-03-01T12:00:00.5Z"


@dataclass(frozen=True)
class Image:
    """Its blobs by digest, and its manifest."""

    manifest: bytes
    kind: str
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    inner: Sequence[Image] = ()

    @property
    def digest(self) -> str:
        return digest(self.manifest)

    def descriptor(self, platform: str = "") -> dict[str, Any]:
        system, _, machine = platform.partition("/")
        own = {"mediaType": self.kind, "digest": self.digest, "size": len(self.manifest)}
        return own | ({"platform": {"os": system, "architecture": machine}} if platform else {})


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def image(
    labels: Mapping[str, str] | None,
    created: str | None = NOON,
    form: Format = "oci",
    config_type: str | None = None,
    layer: bytes = b"a layer that nobody reads",
) -> Image:
    """An image of one layer."""
    inner = {"architecture": "amd64", "os": "linux", "config": {} if labels is None else {"Labels": labels}}
    config = json.dumps(inner | ({"created": created} if created is not None else {})).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST[form],
        "config": {"mediaType": config_type or CONFIG[form], "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": LAYER[form], "digest": digest(layer), "size": len(layer)}],
    }
    blobs = {digest(config): config, digest(layer): layer}
    return Image(json.dumps(manifest).encode(), MANIFEST[form], blobs)


def index(form: Format = "oci", /, **platforms: Image) -> Image:
    """An index: `linux_amd64=…`."""
    entries = [one.descriptor(name.replace("_", "/")) for name, one in platforms.items()]
    manifest = {"schemaVersion": 2, "mediaType": INDEX[form], "manifests": entries}
    return Image(json.dumps(manifest).encode(), INDEX[form], inner=tuple(platforms.values()))


def push(made: Image, origin: str, path: str, tag: str, session: requests.Session | None = None) -> None:
    """Pushes an image and what it consists of."""
    with session or requests.Session() as asking:
        for part in made.inner:
            push(part, origin, path, part.digest)
        for name, blob in made.blobs.items():
            begun = asking.post(f"{origin}/v2/{path}/blobs/uploads/")
            begun.raise_for_status()
            asking.put(begun.headers["Location"], params={"digest": name}, data=blob).raise_for_status()
        kind = {"Content-Type": made.kind}
        asking.put(f"{origin}/v2/{path}/manifests/{tag}", data=made.manifest, headers=kind).raise_for_status()
