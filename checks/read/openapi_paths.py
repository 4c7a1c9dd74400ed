"""The paths on which an OpenAPI document has a post, and whether kserve serves a model's predictions there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from glob import escape
from urllib.parse import unquote

from checks.dataclass import dataclass
from checks.read.openapi import At, Dangling, Document, Library, Outside, text_of
from checks.read.yaml import Mapping, Node, Scalar
from checks.regex import regex


@dataclass(frozen=True, slots=True)
class Post:
    """The path of a post. `why`: why it can't be known for sure; `tail`: only the end of the path is known."""

    path: str
    why: str | None = None
    tail: bool = False


def posts(library: Library) -> Iterator[Post]:
    """The paths of all posts, with the path of the first server before them."""
    try:
        paths = library.follow(library.step(library.root, ("paths",)))
    except (Dangling, Outside) as trouble:
        yield Post("", f"a $ref {trouble.why}", tail=True)
        return
    if paths.node is library.document.root:
        return
    for name, (key, node) in paths.document.entries(paths.node).items():
        if name.startswith("/"):
            yield from _posts_at(library, name, At(paths.path, paths.document, key, node))


def _posts_at(library: Library, name: str, at: At) -> Iterator[Post]:
    """What one entry of `paths` serves: below the document's server, or one of its own."""
    items, why = [at], None
    try:
        items.append(library.follow(at))
    except (Dangling, Outside) as trouble:
        why = f"a $ref {trouble.why}"
    found = [(item.document, post[1]) for item in items if (post := item.document.child(item.node, "post"))]
    if any(isinstance(post, Mapping) for _, post in found):
        why = None
    elif not why:
        return
    owners = [*((item.document, item.node) for item in items), *found]
    own = [_server(*owner) for owner in owners if owner[0].child(owner[1], "servers")]
    for base in dict.fromkeys([_base(library), *own]):
        yield Post(unquote(base.path + name), why or base.why, base.tail)


def _base(library: Library) -> Post:
    document = library.document
    if "swagger" in document.entries(document.root):
        return Post((text_of(document.get("basePath")) or "").rstrip("/"))
    return _server(document, document.root)


def _server(document: Document, owner: Node) -> Post:
    """The path of the first server, without a slash at its end; and why it can't be known."""
    servers = document.child(owner, "servers")
    first = document.child(servers[1], 0) if servers else None
    address = document.child(first[1], "url") if first else None
    url = (text_of(address[1]) if address else None) or ""
    variables = document.child(first[1], "variables") if first else None
    for name, (_, variable) in document.entries(variables[1] if variables else None).items():
        default = document.child(variable, "default")
        if default and isinstance(default[1], Scalar):
            url = url.replace(f"{{{name}}}", default[1].text)
    return _path_of(url)


def _path_of(url: str) -> Post:
    host = _HOST.match(url)
    path = re.split(r"[?#]", url[host.end() if host else 0 :])[0].rstrip("/")
    if host and (glued := re.search(r"[\w}]\{[^{}]*\}$", host[0])):
        return Post(path, f"what {glued[0][1:][:60]} of the server stands for is not said", tail=True)
    if host or not path or path.startswith("/"):
        return Post(path)
    left = re.match(r"\{[^{}]*\}", path)
    if left is None:
        return Post(path.lstrip("."), "the server's url is relative to where the document lies", tail=True)
    return Post(path[left.end() :], f"the variable {left[0][:60]} of the server has no default", tail=True)


_HOST = regex(r"(?:[^/?#]*:)?//[^/?#]*|[\w-]+(?:\.[\w-]+)+(?::\d+)?(?=[/?#]|$)|[\w-]+:\d+(?=[/?#]|$)")
"""Scheme and host of a server's url; the scheme is forgotten at times."""


def serves(post: Post, name: str | None) -> bool:
    """Whether a path is that of the predictions of a model (None: of any), or may be, for one that is not known.

    `{anything}` in it stands for any name.
    """
    if not post.tail:
        parts = post.path.rstrip("/").split("/")
        return any(_is_form(parts, form, name) for form in _forms(name))
    parts = [part for part in post.path.split("/") if part]
    return any(_is_form(parts, form[-len(parts) :] if parts else [], name) for form in _forms(name))


def _is_form(parts: list[str], form: list[str], name: str | None) -> bool:
    """Whether a path, cut at its slashes, can be read as another. (fnmatch never backtracks.)"""
    if len(parts) != len(form):
        return False
    for part, wanted in zip(parts, form, strict=True):
        pattern = "?*".join(map(escape, re.split(r"\{[^{}]*\}", part)))
        if not fnmatchcase(wanted, pattern) and not (name is None and fnmatchcase(part, wanted)):
            return False
    return True


def _forms(name: str | None) -> list[list[str]]:
    """The paths of the predictions of a model; any name is `?*`."""
    return [form.replace("<name>", "?*" if name is None else name).split("/") for form in _FORMS]


_FORMS = ("/v1/models/<name>:predict", "/v2/models/<name>/infer")
