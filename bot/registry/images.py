"""From a repository's tags to its newest image: manifests, indexes, configs, each proven by its digest.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md, and image-spec/config.md for `created` and
`config.Labels`.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from bot.errors import Broken, Gone, Invalid, Unreachable
from bot.registry import reference
from bot.registry.reference import Reference
from bot.registry.session import Answer, Session
from bot.registry.sign_in import SignIn
from checks.published import Newest, Published, last_built
from checks.regex import regex

MOST_TAGS = 500
LONGEST = 120.0
"""Seconds for one repository."""
_AT_ONCE = 8
_PAGES = 20
_LIMIT = 4 * 1024 * 1024
"""Of a manifest, as the specification has it, of a list of tags and of a config."""
_IMAGES = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
_INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
_CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
_ACCEPT = ", ".join(sorted(_IMAGES | _INDEXES))
_REFERRER = regex(r"sha(?:256|512)-[0-9a-f]{64,128}(?:\.\w+)?")
"""A tag that says something of another image: signatures, attestations (cosign), referrers (OCI 1.1)."""
_HASHES: dict[str, Callable[[bytes], Any]] = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_LONGEST_VALUE = 500
_FIRST_YEAR = 1981
"""What is said to be built before has no date: builders that want equal images write 1970 or 1980."""


class Registry:
    """Reads the images of registries. Safe to share between threads."""

    def __init__(self, session: Session, sign_in: SignIn, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._sign_in = sign_in
        self._clock = clock

    def newest(self, name: str) -> Newest:
        """The image of a repository that was built last, or the one with the tag that is named.

        Raises Refused, Transient, Broken, SetupError.
        """
        named = reference.parsed(name)
        until = self._clock() + LONGEST
        if named.tag is not None:
            image = self._image(named, named.tag, until)
            if image is None:
                raise Gone(f"{name} is no image")
            return (image,)
        with ThreadPoolExecutor(_AT_ONCE, "registry") as pool:
            found = [
                image for image in pool.map(lambda tag: self._listed(named, tag, until), self._tags(named)) if image
            ]
        return last_built(found) if found else ()

    def _tags(self, named: Reference) -> list[str]:
        """Every tag of an image; none where there is no such repository."""
        url, tags = f"{named.api}/tags/list?n=1000", dict[str, None]()
        for _ in range(_PAGES):
            try:
                answer = self._get(named, url, "application/json")
            except Gone:
                return []
            listed = _read(answer.body).get("tags")
            tags |= {tag: None for tag in _items(listed) if isinstance(tag, str) and not _REFERRER.fullmatch(tag)}
            if len(tags) > MOST_TAGS:
                raise Invalid(
                    f"{named.host}/{named.path} has more than {MOST_TAGS} tags: which image is the newest would take "
                    f"too long to tell (the policy's image_repository may name a tag)"
                )
            following = _next_page(named, answer)
            if following is None:
                return list(tags)
            url = following
        raise Broken(f"the list of tags of {named.host}/{named.path} has no end")

    def _listed(self, named: Reference, tag: str, until: float) -> Published | None:
        """The image with a listed tag; None where it has gone meanwhile, or is none."""
        try:
            return self._image(named, tag, until)
        except Gone:
            return None

    def _image(self, named: Reference, tag: str, until: float) -> Published | None:
        if self._clock() > until:
            raise Unreachable(f"{named.host} answers too slowly")
        answer = self._get(named, f"{named.api}/manifests/{tag}", _ACCEPT)
        digest = _digest(answer)
        manifest = _read(answer.body)
        if _kind(answer, manifest) in _INDEXES:
            chosen = _chosen(manifest)
            if chosen is None:
                return None
            body = self._described(named, "manifests", chosen)
            digest, manifest = str(chosen["digest"]), _read(body)
        config = manifest.get("config")
        if not isinstance(config, dict) or config.get("mediaType") not in _CONFIGS:
            _refuse_the_old(manifest, named.tagged(tag))
            return None
        return _published(named.tagged(tag), digest, _read(self._described(named, "blobs", config)))

    def _described(self, named: Reference, kind: str, descriptor: dict[str, Any]) -> bytes:
        """What a descriptor points to, as large as it says and with its digest."""
        algorithm, _, digits = str(descriptor.get("digest")).partition(":")
        size = descriptor.get("size")
        if algorithm not in _HASHES or not re.fullmatch(r"[0-9a-f]{64,128}", digits):
            raise Broken(f"{named.host} names a content by what is no digest")
        if not isinstance(size, int) or not 0 < size <= _LIMIT:
            raise Broken(f"{named.host} names a config or manifest of {str(size)[:20]} bytes")
        url = f"{named.api}/{kind}/{algorithm}:{digits}"
        body = self._get(named, url, _ACCEPT if kind == "manifests" else "*/*", size).body
        if len(body) != size or _HASHES[algorithm](body).hexdigest() != digits:
            raise Broken(f"{named.host} gives another content than it names ({algorithm}:{digits[:12]}…)")
        return body

    def _get(self, named: Reference, url: str, accept: str, limit: int = _LIMIT) -> Answer:
        """An answer, signed in where that is asked for."""
        sent = self._sign_in.header(named)
        answer = self._session.get(url, limit, {"Accept": accept, **sent})
        if answer.status == 401:
            allowed = self._sign_in.answer(named, answer, sent)
            if allowed is not None:
                answer = self._session.get(url, limit, {"Accept": accept, **allowed})
        return answer.checked()


def _next_page(named: Reference, answer: Answer) -> str | None:
    """The next page of a list, as its Link says: on the registry itself, or not at all."""
    found = re.search(r'<([^<>]+)>\s*;\s*rel="?next"?', answer.headers.get("Link", ""))
    if found is None:
        return None
    try:
        target = urljoin(f"{named.origin}/", str(found[1]))
        if target.startswith(f"{named.api}/tags/list?") and urlsplit(target).netloc == urlsplit(named.origin).netloc:
            return target
    except ValueError:
        pass
    raise Broken(f"{named.host} lists its tags somewhere else")


def _digest(answer: Answer) -> str:
    """The digest of a manifest: its own, and what the registry says it is."""
    own = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    said = answer.headers.get("Docker-Content-Digest", own)
    if said.startswith("sha256:") and said != own:
        raise Broken("the registry gives another manifest than it names")
    return own


def _kind(answer: Answer, manifest: dict[str, Any]) -> str:
    return str(manifest.get("mediaType") or answer.headers.get("Content-Type", "").partition(";")[0].strip())


def _chosen(index: dict[str, Any]) -> dict[str, Any] | None:
    """The image for linux/amd64; None where the index holds no image at all (a cache of layers)."""
    entries = [entry for entry in _items(index.get("manifests")) if isinstance(entry, dict)]
    images = [entry for entry in entries if entry.get("mediaType") in _IMAGES]
    for entry in images:
        platform = entry.get("platform")
        if isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return entry
    if images:
        raise Gone("an index without an image for linux/amd64")
    return None


def _refuse_the_old(manifest: dict[str, Any], name: str) -> None:
    if manifest.get("schemaVersion") == 1:
        raise Invalid(f"{name} has a manifest of schema 1, which docker itself no longer reads")


def _published(name: str, digest: str, config: dict[str, Any]) -> Published:
    inner = config.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    return Published(name, digest, _date(config.get("created")), tuple(_texts(labels)))


def _texts(labels: Any) -> Iterator[tuple[str, str]]:
    if isinstance(labels, dict):
        yield from ((key, value[:_LONGEST_VALUE]) for key, value in labels.items() if isinstance(value, str))


def _date(created: Any) -> str:
    try:
        moment = datetime.fromisoformat(created).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return ""
    return "" if moment.year < _FIRST_YEAR else moment.isoformat(timespec="microseconds")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Broken("the registry's answer could not be read") from None
    if not isinstance(data, dict):
        raise Broken("the registry's answer could not be read")
    return data
