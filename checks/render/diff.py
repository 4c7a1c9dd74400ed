"""Edits as a diff that `git apply` and `patch -p1` take, byte by byte; and the same to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from checks.finding import Edit
from checks.render.visible import visible_line

_NO_NEWLINE = b"\\ No newline at end of file\n"
_HEADERS = 2
_ESCAPES = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def unified(edits: Iterable[Edit], shown: Callable[[str], str], context: int = 3) -> bytes:
    """The edits, a file after another, as git writes a diff. `shown` gives the names of files in it."""
    return b"".join(b"".join(_file(edit, shown(edit.path), context)) for edit in edits if edit.before != edit.after)


def readable(edit: Edit, context: int = 1) -> Iterator[str]:
    """The changed lines of an edit with their signs, made visible, without headers; `⋮` between hunks."""
    for number, line in enumerate(_hunks(edit, b"", b"", context)):
        if line.startswith(b"@@"):
            if number > _HEADERS:
                yield "⋮"
        elif number >= _HEADERS and not line.startswith(b"\\"):
            yield line[:1].decode() + visible_line(line[1:].rstrip(b"\r\n"))


def painted(patch: bytes, paint: Callable[[str, str], str]) -> str:
    """A diff to be read on a terminal: made visible, in the colours that `paint(text, code)` gives."""
    codes = {b"+": "32", b"-": "31", b"@": "36", b"d": "1"}
    lines = patch.split(b"\n")[:-1]
    return "".join(paint(visible_line(line), codes.get(line[:1], "0")) + "\n" for line in lines)


def _file(edit: Edit, name: str, context: int) -> Iterator[bytes]:
    source, target = _name("a/" + name), _name("b/" + name)
    yield b"diff --git %s %s\n" % (source, target)
    if edit.before is None:
        yield b"new file mode 100644\n"
    if edit.after is None:
        yield b"deleted file mode 100644\n"
    nothing = b"/dev/null"
    yield from _hunks(
        edit, nothing if edit.before is None else source, nothing if edit.after is None else target, context
    )


def _hunks(edit: Edit, source: bytes, target: bytes, context: int) -> Iterator[bytes]:
    import difflib

    before, after = _lines(edit.before), _lines(edit.after)
    for line in difflib.diff_bytes(difflib.unified_diff, before, after, source, target, n=context, lineterm=b"\n"):
        if line.endswith(b"\n"):
            yield line
        else:
            yield line + b"\n"
            yield _NO_NEWLINE


def _lines(data: bytes | None) -> list[bytes]:
    """Lines as git counts them: ended by LF alone."""
    parts = (data or b"").split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _name(path: str) -> bytes:
    """A path as git writes it: in quotes, with octal escapes, where it has to be."""
    data = path.encode("utf-8", "surrogateescape")
    if path.isascii() and path.isprintable() and '"' not in path and "\\" not in path:
        return data
    return b'"%s"' % b"".join(_quoted(byte) for byte in data)


def _quoted(byte: int) -> bytes:
    character = chr(byte)
    if character in _ESCAPES:
        return _ESCAPES[character].encode()
    return character.encode() if 0x20 <= byte < 0x7F else b"\\%03o" % byte
