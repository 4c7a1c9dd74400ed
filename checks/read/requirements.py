"""A requirements file, read line by line as pip reads it, with places. Nothing is fetched, opened or run.

Sources: pip's "Requirements File Format" and `pip._internal.req.req_file` (how lines are joined, comments and options
found), PEP 440 and PEP 508. A plain pin needs no library; what else is plain is read by `packaging`, options, paths and
addresses by pip-requirements-parser. Both are imported when they are needed: they cost more than a whole check.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Literal

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read import Unparsable
from checks.read.source import Source
from checks.regex import regex

Kind = Literal["index", "url", "vcs", "local"]

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_COOKIE = regex(rb"#[^\n]*coding[:=]\s*([-\w.]+)")
_CODECS = frozenset({"utf-8", "utf8", "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1", "iso-8859-15", "cp1252"})
_COMMENT = regex(r"(?:^|\s+)#.*$")
_NAME = r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_EXTRAS = r"(?P<extras>\[[A-Za-z0-9._, \t-]*\])?"
_PIN = regex(
    rf"{_NAME}\s*{_EXTRAS}\s*(?P<spec>==\s*(?P<version>[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc|\.post|\.dev)[0-9]+)?(?:\+[a-z0-9.]+)?))"
)
_SPECIFIED = regex(rf"\s*{_NAME}\s*{_EXTRAS}\s*(?P<spec>[^;#@\\]*?)\s*(?=$|;|#|\\$|\s--hash\b)")
_OPTIONS = regex(r"(?:\s*\\(?:\r\n|\r|\n)|\s+--hash\b).*", re.DOTALL)  # what stands behind a requirement and its marker
_BLANKS = " \t\\\r\n"
_HASHES = regex(r"(?:(?<=\s)|^)--hash(?:=|\s+)\S+")
_BREAK = regex(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # what ends a line for pip (str.splitlines)
_PLAINLY = {  # what `packaging` says, for people who do not know its grammar
    "Expected semicolon": "behind the name it expects a version, or ; and a marker",
    "Expected end or semicolon": "behind the name it expects a version, or ; and a marker",
    "Expected comma": "behind the version it expects a comma and another one, or ; and a marker",
    "Expected package name": "a line begins with the name of a distribution",
    "Expected matching RIGHT_BRACKET": "the [ of its extras has no ]",
    "Expected matching RIGHT_PARENTHESIS": "a ( has no )",
    "Expected marker operator": "behind ; it expects a condition such as python_version < '3.12'",
    "Expected a marker variable": "behind ; it expects a condition such as python_version < '3.12'",
}
_VARIABLE = regex(r"\$\{[A-Z0-9_]+\}")
_FULL_SHA = regex(r"@(?P<sha>[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$")
_HASH = regex(r"#(?:.*&)?(?:md5|sha1|sha224|sha256|sha384|sha512)=[0-9a-fA-F]+")
_EGG = regex(r"[#&]egg=(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[A-Za-z0-9._,-]*\])?")
_PATH_EXTRAS = regex(r"(?:^|[^#&=])(?P<extras>\[[A-Za-z0-9._, -]+\])$")  # `-e .[serving]`
_SCHEME = regex(r"\s*(?:file|[a-z]+\+[a-z]+):", re.IGNORECASE)
_OF_SSH = regex(r"[\w.-]+@[\w.-]+:(?!/)")  # `git@host:path`: git's own short form, which pip does not know
# Options of a requirement that pip has learnt since (23.1): they change nothing about its version.
_NEWER = regex(r"\s(?:--config-settings?|-C)(?:\s+|=)(?:\"[^\"]*\"|'[^']*'|\S+)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement. `name`: normalized (PEP 503), None where only what it leads to knows; `text`: as written.

    `specifiers`: (operator, version). `marker`: as written. `url`: of what is not asked of an index, or a path.
    `hashed`: it has a hash. `known`: no part of it comes from a variable. `start`, `end`: offsets of its first line;
    `slot`: of its specifiers, where they stand on that line by themselves. `last`: the end of its last line.
    """

    name: str | None
    text: str
    kind: Kind
    extras: frozenset[str]
    specifiers: tuple[tuple[str, str], ...]
    marker: str | None
    url: str | None
    hashed: bool
    known: bool
    start: int
    end: int
    slot: tuple[int, int] | None
    last: int

    @property
    def version(self) -> str | None:
        """The version to which it is pinned: by `==` without `.*`, or by `===`."""
        exact = (v for op, v in self.specifiers if op == "===" or (op == "==" and not v.endswith(".*")))
        return next(exact, None)

    @property
    def revision(self) -> str | None:
        """The full SHA at which a version control's address is pinned."""
        found = _FULL_SHA.search((self.url or "").partition("#")[0]) if self.kind == "vcs" else None
        return found["sha"] if found else None

    @property
    def is_pinned(self) -> bool:
        """Whether it always gives the same; a path in the repository does."""
        match self.kind:
            case "index":
                return self.version is not None
            case "url":
                return self.hashed
            case "vcs":
                return self.revision is not None
            case "local":
                return True


@dataclass(frozen=True, slots=True)
class Reference:
    """Another file that it names: `-r`, or `-c` (`constraint`). `target`: as written."""

    target: str
    constraint: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that pip refuses, and why."""

    why: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pin:
    """The version that a requirement is to be given, and the hashes of its files (`sha256:…`)."""

    version: str
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirements:
    """A whole file. `options`: it has lines of options for pip (indexes, say), other than references."""

    source: Source
    requirements: tuple[Requirement, ...]
    references: tuple[Reference, ...]
    faults: tuple[Fault, ...]
    options: bool = False

    def span(self, line: Requirement | Reference | Fault) -> Span:
        """Where a line stands, without its comment."""
        return self.source.span(line.start, line.end)

    @cached_property
    def hashed(self) -> bool:
        """Whether pip checks hashes here: then it asks for one of every requirement."""
        return any(one.hashed and one.kind == "index" for one in self.requirements)

    def pinned(self, pins: Iterable[tuple[Requirement, Pin]]) -> bytes | None:
        """The file with `==version` in place of the specifiers of requirements; None where that can't be written.

        Hashes are written where the file has some, and only there.
        """
        text = self.source.text
        for one, pin in sorted(pins, key=lambda pair: pair[0].start, reverse=True):
            if self.hashed and not pin.hashes:
                return None
            written = self._pinned(one, pin)
            if written is None:
                return None
            text = f"{text[: one.start]}{written}{text[one.last :]}"
        return self.source.encode(text)

    def _pinned(self, one: Requirement, pin: Pin) -> str | None:
        """A requirement's lines as they are to be: what stands before its specifiers stays, and its marker."""
        if one.slot is None:
            return None
        text, (start, end) = self.source.text, one.slot
        options = _OPTIONS.search(text, end, one.last)
        behind = options.start() if options else one.last
        if options and _HASHES.sub("", options.group()).strip(_BLANKS):  # a comment among them, or another option
            return None
        blank = " " if text[end : end + 1] == "#" else ""
        head = f"{text[one.start : start]}=={pin.version}{blank}{text[end:behind]}"
        newline = self.source.newline_at(one.start)
        hashes = pin.hashes if self.hashed else ()
        return head + "".join(f" \\{newline}    --hash={each}" for each in hashes)


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line: its continuations joined, without its comment. `start` and `end` are those of its first line,
    `last` is the end of its last one."""

    text: str
    start: int
    end: int
    last: int


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def plain(text: str, version: str | None = None) -> str | None:
    """A requirement (pinned to `version`) as `packaging` writes it; None for one with an address, or what is none."""
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        parsed = Parsed(text)
        parsed.specifier = parsed.specifier if version is None else SpecifierSet(f"=={version}")
    except (InvalidRequirement, InvalidSpecifier, RecursionError):
        return None
    written = str(parsed)
    return None if parsed.url or len(written.splitlines()) != 1 else written


def parse(data: bytes) -> Requirements:
    """A requirements file. Raises Unparsable where it can't be decoded; bad lines are its faults."""
    source = _decoded(data)
    requirements: list[Requirement] = []
    references: list[Reference] = []
    faults: list[Fault] = []
    options = False
    for line in _lines(source.text):
        for found in _read(source.text, line):
            match found:
                case None:
                    options = True
                case Requirement():
                    requirements.append(found)
                case Reference():
                    references.append(found)
                case Fault():
                    faults.append(found)
    return Requirements(source, tuple(requirements), tuple(references), tuple(faults), options)


def _decoded(data: bytes) -> Source:
    mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", _cookie(data)))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(mark) + error.start) + 1
        raise Unparsable(f"is not valid {encoding}: save it as UTF-8", line) from None
    if "\0" in text:
        raise Unparsable("holds a NUL byte: save it as UTF-8", text.count("\n", 0, text.index("\0")) + 1)
    return Source(text, encoding, mark, data)


def _cookie(data: bytes) -> str:
    """The encoding that one of the first two lines declares (PEP 263), else UTF-8."""
    for line in data.split(b"\n", 2)[:2]:
        found = _COOKIE.match(line)
        if found and found[1].decode().lower() in _CODECS:
            return found[1].decode().lower()
    return "utf-8"


def _lines(text: str) -> Iterator[_Line]:
    """The lines that say something: joined first, then without comments, as pip does it."""
    parts: list[str] = []
    start = end = last = offset = 0
    for line, raw in zip(text.splitlines(), text.splitlines(keepends=True), strict=True):
        said = _COMMENT.sub("", line).rstrip("\\").rstrip()
        if not parts:
            start, end = offset, offset + len(said)
        last = offset + len(said if said or not parts else line)
        offset += len(raw)
        if line.endswith("\\") and not _COMMENT.match(line):
            parts.append(line.strip("\\"))
            continue
        parts.append(f" {line}" if _COMMENT.match(line) else line)
        yield from _said("".join(parts), text, (start, end, last))
        parts = []
    if parts:
        yield from _said("".join(parts), text, (start, end, last))


def _said(joined: str, text: str, place: tuple[int, int, int]) -> Iterator[_Line]:
    said = _COMMENT.sub("", joined).strip()
    start, end, last = place
    if said:
        first = text[start:end]
        yield _Line(said, start + len(first) - len(first.lstrip()), max(start, end), max(start, last))


def _read(text: str, line: _Line) -> Iterator[Requirement | Reference | Fault | None]:
    """What a line says; None for an option of pip's that is no reference."""
    pin = _PIN.fullmatch(line.text)
    if pin:
        specifiers = (("==", pin["version"]),)
        yield Requirement(
            normalized(pin["name"]), line.text, "index", _extras(pin["extras"]), specifiers, None, None, False, True,
            line.start, line.end, None, line.last,
        )  # fmt: skip
    elif _VARIABLE.search(line.text) and not line.text.startswith("-") and "://" not in line.text:
        yield _variable(line)
    elif _is_plain(line.text):
        yield _plain(text, line)
    else:
        yield from _special(text, line)


def _extras(text: str | None) -> frozenset[str]:
    return frozenset(normalized(one.strip()) for one in (text or "")[1:-1].split(",") if one.strip())


def _slot(text: str, line: _Line) -> tuple[int, int] | None:
    """Where the specifiers of a requirement stand on its first line (an empty range: where they would)."""
    ending = _BREAK.search(text, line.start)
    found = _SPECIFIED.match(text[line.start : ending.start() if ending else len(text)])
    if found is None or re.search(r"(?:^|\s)-", found["spec"]):
        return None
    at = line.start + found.start("spec")
    if not found["spec"]:  # behind the name, not behind the blanks that follow it
        at = line.start + found.end("extras" if found["extras"] else "name")
    return at, at + len(found["spec"])


def _variable(line: _Line) -> Requirement:
    """A requirement of which an environment variable is a part; pip puts it in."""
    found = re.match(_NAME, line.text)
    after = line.text[found.end() :].lstrip() if found else "$"
    name = normalized(found["name"]) if found and after[:1] in ("=", "<", ">", "~", "!", "[", "@") else None
    return Requirement(
        name, line.text, "index", frozenset(), (), None, None, False, False, line.start, line.end, None, line.last
    )


def _is_plain(text: str) -> bool:
    """Whether it is `name[extras] specifiers ; marker`: no option, path or address."""
    if re.search(r"(?:^|\s)-", text) or "://" in text.partition(";")[0] or "@" in text.partition(";")[0]:
        return False
    head = re.sub(r"\[[^\]]*\]", "", text.partition(";")[0])
    if _SCHEME.match(text):
        return False
    return "/" not in head and "\\" not in head and not head.startswith(".") and not _is_archive(head)


def _is_archive(text: str) -> bool:
    return text.strip().lower().endswith((".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar"))


def _plain(text: str, line: _Line) -> Requirement | Fault:
    from packaging.requirements import InvalidRequirement

    try:
        name, extras, specifiers = _parts(line.text if _marker(line.text) else line.text.partition(";")[0])
    except (InvalidRequirement, RecursionError) as error:
        return Fault(_why(line.text, error), line.start, line.end)
    return Requirement(
        name, line.text, "index", extras, specifiers, _marker(line.text), None, False, True,
        line.start, line.end, _slot(text, line), line.last,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[str, frozenset[str], tuple[tuple[str, str], ...]]:
    """Name, extras and specifiers of a requirement. Remembered: each fix of a file is proven on a copy of it that
    differs in a line. Raises InvalidRequirement, RecursionError."""
    from packaging.requirements import Requirement as Parsed

    parsed = Parsed(text)
    specifiers = tuple(sorted((one.operator, one.version) for one in parsed.specifier))
    return normalized(parsed.name), frozenset(map(normalized, parsed.extras)), specifiers


def _marker(text: str) -> str | None:
    return text.partition(";")[2].strip() or None


def _why(text: str, error: Exception) -> str:
    if re.fullmatch(r"[\w.-]+\s*=\s*[\w.*+!-]+(?:=[\w.-]+)?", text):
        return "= is no operator, write =="
    if re.match(r"(?:pip3?|conda|python3?|import|from)\s", text):
        return "it is a command, not a requirement"
    told = str(error).partition("\n")[0].strip()
    for beginning, plainly in _PLAINLY.items():
        if told.startswith(beginning):
            return plainly
    return (told[:1].lower() + told[1:] or "it is nested too deeply").rstrip(".")


# ── options, paths and addresses ─────────────────────────────────────────────────────────────────────────────────────


def _special(text: str, line: _Line) -> Iterator[Requirement | Reference | Fault | None]:
    import pip_requirements_parser as pip

    try:
        said, options, rest = pip.get_line_parser()(_NEWER.sub("", f" {line.text}").strip())
        if said.strip():
            yield _addressed(text, line, said.strip(), hashed=bool(options.hashes))
            return
    except (pip.PipError, pip.InvalidRequirement, pip.OptionParsingError, ValueError, RecursionError) as error:
        yield Fault(_refusal(error), line.start, line.end)
        return
    # Of each of these pip takes the first on a line; with a requirement before them, none.
    if options.editables:
        yield _from(line, " ".join((options.editables[0], *rest)))
    elif options.requirements:
        yield Reference(options.requirements[0].lstrip("="), False, line.start, line.end)
    elif options.constraints:
        yield Reference(options.constraints[0].lstrip("="), True, line.start, line.end)
    else:
        yield None


def _refusal(error: Exception) -> str:
    told = str(getattr(error, "msg", None) or error).strip().partition("\n")[0]
    told = told.removeprefix("pip_requirements_parser: error: ").removeprefix("Invalid requirement: : ")
    return (told[:1].lower() + told[1:])[:200].rstrip(".") or "it can't be read"


def _addressed(text: str, line: _Line, said: str, *, hashed: bool) -> Requirement | Fault:
    """A requirement with options (hashes), or one that is no plain one."""
    import pip_requirements_parser as pip

    if _is_plain(said):
        found = _plain(text, _Line(said, line.start, line.end, line.last))
        if not isinstance(found, Requirement):
            return found
        return Requirement(
            found.name, said, "index", found.extras, found.specifiers, found.marker, None, hashed, True,
            line.start, line.end, found.slot, line.last,
        )  # fmt: skip
    if _OF_SSH.match(said):
        return Fault("it is an address of git's own, write git+ssh://git@host/path@<commit>", line.start, line.end)
    parts = pip.parse_reqparts_from_string(said)
    # As pip splits them: the `;` of an address by itself may be a part of it, that of `name @ address` is not.
    address, _, marker = said.partition("; " if re.match(r"[a-z+]+:", said, re.IGNORECASE) else ";")
    before, at, url = address.partition("@")
    direct = re.fullmatch(rf"{_NAME}\s*{_EXTRAS}\s*", before) if at else None
    named = parts.requirement.name if parts.requirement is not None else None
    extras = _extras(direct["extras"]) if direct else frozenset(parts.extras or ())
    place = url if direct else address
    return _from(line, place.strip(), named, hashed=hashed, marker=marker.strip() or None, extras=extras)


def _from(
    line: _Line,
    url: str,
    name: str | None = None,
    *,
    hashed: bool = False,
    marker: str | None = None,
    extras: frozenset[str] = frozenset(),
) -> Requirement:
    egg = _EGG.search(url)
    asked = egg or (_PATH_EXTRAS.search(url) if _kind(url) == "local" else None)
    extras = frozenset(map(normalized, extras)) | _extras(asked["extras"] if asked else None)
    named = name or (egg["name"] if egg else None)
    known = not _VARIABLE.search(re.sub(r"://[^/@]*@", "://", url))  # who asks changes nothing
    return Requirement(
        normalized(named) if named else None, line.text, _kind(url), extras, (),
        marker, url, hashed or _HASH.search(url) is not None, known, line.start, line.end, None, line.last,
    )  # fmt: skip


def _kind(url: str) -> Kind:
    url = url.partition("@")[2].strip() if re.match(rf"{_NAME}\s*{_EXTRAS}\s*@\s", url) else url
    if re.match(r"(?:git|hg|svn|bzr)[+:]", url, re.IGNORECASE):
        return "vcs"
    return "url" if re.match(r"(?:https?|ftp|s3|gs)://", url, re.IGNORECASE) else "local"
