"""A registry that redirects, lies about sizes, does not end, or answers nonsense: a sentence, and nothing worse."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.docker_config import Login, Logins
from bot.errors import Broken, Forbidden, Invalid, RateLimited, SnitchError, Unreachable
from bot.registry import Registry, Session, SignIn, images, session
from tests.bot.registry.images import digest, image
from tests.bot.registry.scripted import Reply, Scripted, scripted

GOOD = image({"author": "x"})
BLOB = "/v2/iris/blobs/" + next(iter(GOOD.blobs))
MANIFEST = "/v2/iris/manifests/v1"
TAGS = "/v2/iris/tags/list?n=1000"


@pytest.fixture
def registry() -> Iterator[Scripted]:
    with scripted() as running:
        yield running.holds("iris", v1=GOOD)


@pytest.fixture
def other() -> Iterator[Scripted]:
    """Another host."""
    with scripted("127.0.0.2") as running:
        yield running


def author(registry: Scripted, logins: Logins | None = None, path: str = "iris") -> str:
    asking = Session()
    [found] = Registry(asking, SignIn(asking, logins or Logins())).newest(f"{registry.host}/{path}")
    return found.value("author")


def test_the_labels_are_read_and_no_layer(registry: Scripted) -> None:
    assert author(registry) == "x"
    assert registry.paths() == [TAGS, MANIFEST, BLOB]


# ── redirects ────────────────────────────────────────────────────────────────────────────────────────────────────────


def redirect(target: str, status: int = 307) -> Reply:
    return Reply(status=status, headers={"Location": target})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_blob_may_lie_elsewhere_and_no_login_goes_there(registry: Scripted, other: Scripted, status: int) -> None:
    there = redirect(f"{other.origin}/bucket/blob?signature=1", status)
    wants = Reply(b"{}", 401, {"WWW-Authenticate": 'Basic realm="x"'})
    for path, reply in [(TAGS, registry.replies[TAGS]), (MANIFEST, registry.replies[MANIFEST]), (BLOB, there)]:
        registry.replies[path] = lambda headers, reply=reply: reply if "authorization" in headers else wants  # type: ignore[misc]
    other.replies["/bucket/blob?signature=1"] = Reply(next(iter(GOOD.blobs.values())))
    assert author(registry, Logins({registry.host: Login("a", "b")})) == "x"
    assert [headers.get("authorization") for _, headers in other.asked] == [None]


@pytest.mark.parametrize(
    "target",
    ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://192.0.2.1/x", "https://a:b@example.com/x", "http://[::1"],
)
def test_a_redirect_to_where_it_is_not_safe_is_not_followed(registry: Scripted, target: str) -> None:
    registry.replies[BLOB] = redirect(target)
    with pytest.raises(Broken, match="redirects to where it is not followed"):
        author(registry)


def test_the_body_of_a_redirect_is_not_read(registry: Scripted) -> None:
    endless = replace(redirect(f"{BLOB}?here"), parts=lambda: itertools.repeat(b" " * 65536))
    registry.replies[f"{BLOB}?here"], registry.replies[BLOB] = registry.replies[BLOB], endless
    assert author(registry) == "x"


def test_a_redirect_in_a_circle_ends(registry: Scripted) -> None:
    registry.replies[BLOB] = redirect(BLOB)
    with pytest.raises(Broken, match="redirects without end"):
        author(registry)


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def described(size: object = None, name: str | None = None, **more: object) -> Reply:
    """The manifest with another description of its config."""
    manifest = json.loads(GOOD.manifest)
    config = manifest["config"]
    config |= {"size": config["size"] if size is None else size, "digest": name or config["digest"], **more}
    return Reply(json.dumps(manifest).encode(), headers={"Content-Type": GOOD.kind})


@pytest.mark.parametrize("size", [0, -1, 1 << 60, "5", None, 1.5, True])
def test_a_size_that_makes_no_sense_is_not_asked_for(registry: Scripted, size: object) -> None:
    registry.replies[MANIFEST] = described("none" if size is None else size)
    with pytest.raises(Broken):
        author(registry)


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_content_of_another_size_than_was_said_is_none(registry: Scripted, difference: int) -> None:
    registry.replies[MANIFEST] = described(len(GOOD.blobs[BLOB.rpartition("/")[2]]) + difference)
    with pytest.raises(Broken):
        author(registry)


def test_a_content_that_is_another_one_is_none(registry: Scripted) -> None:
    blob = registry.replies[BLOB]
    assert isinstance(blob, Reply)
    registry.replies[BLOB] = replace(blob, body=blob.body.replace(b'"x"', b'"y"'))
    with pytest.raises(Broken, match="another content"):
        author(registry)


@pytest.mark.parametrize("path", [TAGS, MANIFEST, BLOB])
def test_an_answer_without_end_is_not_read_to_its_end(registry: Scripted, path: str) -> None:
    registry.replies[path] = Reply(parts=lambda: itertools.repeat(b" " * 65536))
    with pytest.raises(Broken, match="more than"):
        author(registry)


@pytest.mark.parametrize("length", [5, 1 << 40])
def test_a_length_that_is_not_the_truth_is_noticed(registry: Scripted, length: int) -> None:
    blob = registry.replies[BLOB]
    assert isinstance(blob, Reply)
    registry.replies[BLOB] = replace(blob, length=length)
    with pytest.raises((Broken, Unreachable)):
        author(registry)


def test_what_a_registry_names_otherwise_than_it_is_is_not_believed(registry: Scripted) -> None:
    registry.replies[MANIFEST] = Reply(GOOD.manifest, headers={"Docker-Content-Digest": digest(b"another")})
    with pytest.raises(Broken, match="another manifest"):
        author(registry)


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_that_drips_is_given_up(registry: Scripted) -> None:
    registry.replies[BLOB] = Reply(parts=lambda: itertools.repeat(b" ", 1000))
    clock = itertools.count(0, 31)
    asking = Session(clock=lambda: next(clock))
    with pytest.raises(Unreachable, match="too slowly"):
        Registry(asking, SignIn(asking, Logins())).newest(f"{registry.host}/iris:v1")


def test_no_answer_in_time_is_said_so(registry: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "TIMEOUT", 0.05)

    def never(_: object) -> Reply:
        released.wait(10)
        return Reply(b"{}")

    from threading import Event

    released = Event()
    registry.replies[TAGS] = never
    with pytest.raises(Unreachable, match="no answer in time"):
        author(registry)
    released.set()


def test_a_repository_that_takes_too_long_is_given_up(registry: Scripted) -> None:
    clock = itertools.count(0, images.LONGEST + 1)
    asking = Session()
    with pytest.raises(Unreachable, match="too slowly"):
        Registry(asking, SignIn(asking, Logins()), clock=lambda: next(clock)).newest(f"{registry.host}/iris")


def test_nobody_there_is_said_so() -> None:
    with scripted() as gone:
        pass
    with pytest.raises(Unreachable, match="can't be reached"):
        author(gone)


# ── nonsense ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [TAGS, MANIFEST])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"tags": 5}', b"null"])
def test_an_answer_that_is_not_what_was_asked_for_is_a_sentence(registry: Scripted, path: str, body: bytes) -> None:
    registry.replies[path] = Reply(body)
    try:
        author(registry)
    except (SnitchError, ValueError) as error:
        assert isinstance(error, SnitchError) or "unpack" in str(error), "no image, or a sentence"


@pytest.mark.parametrize("name", ["sha256:0", "sha256:" + "0" * 63 + "/", "md5:" + "0" * 64, "../../x", 5, None])
def test_a_digest_that_is_none_is_not_put_into_an_address(registry: Scripted, name: object) -> None:
    registry.replies[MANIFEST] = described(digest=name)
    with pytest.raises(Broken):
        author(registry)
    assert registry.paths() == [TAGS, MANIFEST]


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Forbidden), (401, Forbidden), (429, RateLimited), (503, Unreachable), (418, Invalid)]
)
def test_a_refusal_is_told_by_what_can_be_done(registry: Scripted, status: int, kind: type[SnitchError]) -> None:
    registry.replies[TAGS] = Reply(b"{}", status)
    with pytest.raises(kind):
        author(registry)


def test_a_manifest_of_the_first_schema_is_named(registry: Scripted) -> None:
    registry.replies[MANIFEST] = Reply(b'{"schemaVersion": 1, "history": []}')
    with pytest.raises(Invalid, match="schema 1"):
        author(registry)


def test_a_tag_that_went_meanwhile_is_passed_over(registry: Scripted) -> None:
    registry.holds("iris", v1=GOOD, v2=image({"author": "y"}, "2020-01-01T00:00:00Z"))
    del registry.replies["/v2/iris/manifests/v1"]
    assert author(registry) == "y"


# ── many tags ────────────────────────────────────────────────────────────────────────────────────────────────────────


def page(tags: list[str], following: str = "") -> Reply:
    link = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Reply(json.dumps({"name": "iris", "tags": tags}).encode(), headers=link)


def test_all_pages_of_tags_are_read(registry: Scripted) -> None:
    registry.holds("iris", v1=image({"author": "old"}, "2020-01-01T00:00:00Z"), v2=GOOD)
    registry.replies[TAGS] = page(["v1"], "/v2/iris/tags/list?n=1000&last=v1")
    registry.replies["/v2/iris/tags/list?n=1000&last=v1"] = page(["v2"])
    assert author(registry) == "x"


@pytest.mark.parametrize(
    "following", ["https://example.com/v2/iris/tags/list?n=1", "/v2/other/tags/list?n=1", "http://[x"]
)
def test_a_next_page_elsewhere_is_not_asked_for(registry: Scripted, following: str) -> None:
    registry.replies[TAGS] = page(["v1"], following)
    with pytest.raises(Broken, match="somewhere else"):
        author(registry)


def test_pages_without_end_end(registry: Scripted) -> None:
    registry.replies[TAGS] = page(["v1"], TAGS)
    with pytest.raises(Broken, match="has no end"):
        author(registry)


def test_too_many_tags_are_said_to_be(registry: Scripted) -> None:
    registry.replies[TAGS] = page([f"v{number}" for number in range(images.MOST_TAGS + 1)])
    with pytest.raises(Invalid, match="more than 500 tags"):
        author(registry)
    assert registry.paths() == [TAGS]
