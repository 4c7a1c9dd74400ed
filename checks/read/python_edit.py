"""Edits of Python source: statements put in, moved, extended; every other byte of the file stays as it is.

Each edit is spliced into the text at places that Python's parser gave, then parsed again and compared statement by
statement. An edit that can't be made so is None.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from checks.dataclass import dataclass
from checks.read import Unparsable
from checks.read.python import parse
from checks.read.source import Mark, Source
from checks.read.syntax import Bind, Call, Class, Function, Import, Module, Owner, Statement
from checks.regex import regex

_NOQA = regex(r"#\s*noqa(?P<codes>:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?", re.I)
_PRAGMA = regex(r"#\s*(fmt|isort|ruff|flake8|yapf|pylint|mypy|type|pragma|%%|region|endregion|-\*-|!)", re.I)
_SAME_LINE = regex(r"(?:[ \t\f;]|\\(?:\r\n|\r|\n))*")
_PREFIXES = {f"{prefix}{quote}" for prefix in "rbfu" for quote in "\"'"} | {"rb", "br", "fr", "rf"}

Code = tuple[Module, int]
"""A top-level statement of a module."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Text in place of the range of offsets."""

    start: int
    end: int
    text: str


def spliced(source: Source, splices: Iterable[Splice]) -> bytes | None:
    """The file with the splices (which do not overlap) made; None where its encoding does not allow it."""
    text = source.text
    for splice in sorted(splices, key=lambda s: (s.start, s.end), reverse=True):
        text = text[: splice.start] + splice.text + text[splice.end :]
    return source.encode(text)


def insert(module: Module, index: int, lines: Sequence[str], *, mark: bool = False) -> bytes | None:
    """Puts simple statements before a top-level statement. `mark`: imports that come late by it get `# noqa: E402`."""
    new, own = _insertion(module, index, lines, mark=mark)
    late = _late_imports(module, index) if mark else []
    return _proven(module, [new, *late], [*_codes(module)[:index], *own, *_codes(module)[index:]])


def insert_after(module: Module, index: int, lines: Sequence[str], *, mark: bool = False) -> bytes | None:
    """Puts simple statements after a top-level statement."""
    source, (_, end) = module.source, module.source.range(module.statements[index].at)
    late = _late_imports(module, index + 1) if mark else []
    codes = [*_codes(module)[: index + 1], *_codes_of(lines), *_codes(module)[index + 1 :]]
    if _shares_line(module, index):
        return _proven(module, [Splice(end, end, "".join(f"; {line}" for line in lines)), *late], codes)
    return _proven(module, [_below(source, end, lines), *late], codes)


def move(module: Module, moved: Sequence[int], target: int, *, mark: bool = False) -> bytes | None:
    """Moves top-level statements, each alone on its lines, before another one that stands above them."""
    if any(not _is_alone(module, index) for index in (*moved, target)):
        return None
    source, at = module.source, start_of(module, target)
    ranges = [_lines_of(module, index) for index in moved]
    newline = source.newline_at(at)
    texts = [_closed(source.text[start:end], newline) for start, end in ranges]
    new = Splice(at, at, newline.join(texts) + newline)
    late = [s for s in _late_imports(module, target) if not _within(s, ranges)] if mark else []
    codes = _codes(module)
    rest = [code for index, code in enumerate(codes) if index not in moved and index >= target]
    wanted = [*codes[:target], *(codes[index] for index in moved), *rest]
    return _proven(module, [new, *(_removal(source, *one) for one in _joined(source, ranges)), *late], wanted)


def add_keyword(module: Module, call: Call, text: str) -> bytes | None:
    """Adds `name=value` to a call."""
    source = module.source
    close = source.range(call.at)[1] - 1
    if not call.places:
        return _proven(module, [Splice(close, close, text)])
    last = max(source.range(place)[1] for place in call.places)
    tail = source.text[last:close]
    match = re.fullmatch(r"(?P<close>(?:\s*\))*)(?P<comma>\s*,)?(?P<rest>(?:\s|#[^\r\n]*|\\)*)", tail)
    if match is None:
        return None
    at = last + match.end("comma" if match["comma"] else "close")
    own_line = _argument_stands_alone(source, call, last)
    comma = "," if match["comma"] else ""
    if own_line is None:
        return _proven(module, [Splice(at, at, f"{',' * (not comma)} {text}{comma}")])
    below = source.line_end(at)
    new = [Splice(below, below, f"{own_line}{text}{comma}{source.newline_at(last)}")]
    return _proven(module, [*new, *([] if comma else [Splice(at, at, ",")])])


def replace(module: Module, mark: Mark, text: str) -> bytes | None:
    """Puts another expression in the place of one."""
    return _proven(module, [Splice(*module.source.range(mark), text)])


def add_method(module: Module, cls: Class, lines: Sequence[str]) -> bytes | None:
    """Adds a method (its lines without the class's indentation) at the end of a class's body."""
    source = module.source
    start, end = source.range(cls.body[-1])
    first = source.range(cls.body[0])[0]
    head = source.text[source.line_start(first) : first]
    newline = source.newline_at(start)
    margin = re.match(r"[ \t]*", source.text[source.line_start(source.range(cls.at)[0]) :])
    around = margin[0] if margin else ""
    if not head.strip():
        unit = head.removeprefix(around) or "    "
        text = "".join(head + line.replace("    ", unit) + newline for line in lines)
        return _proven(module, [_block_below(source, end, text, newline)])
    if not cls.is_idle:
        return None
    text = "".join(f"{newline}{around}    {line}" for line in lines)
    return _proven(module, [Splice(_trimmed(source, first), end, text)])


def _block_below(source: Source, end: int, text: str, newline: str) -> Splice:
    at = source.line_end(end)
    if at == len(source.text) and not source.text.endswith(("\n", "\r")):
        return Splice(at, at, newline + newline + text.removesuffix(newline))
    return Splice(at, at, newline + text)


def _trimmed(source: Source, offset: int) -> int:
    return len(source.text[:offset].rstrip(" \t"))


def rename(module: Module, package: str, names: Mapping[str, str], modules: Mapping[str, str]) -> bytes | None:
    """Renames what is imported from a package, with its imports and every use; None where a use is not plain.

    `names`: old to new; `modules`: the package's submodules, old to new. Where a new name is taken in the file, the
    import says `New as Old`.
    """
    taken = _bound_names(module)
    splices = []
    words = list(_words(module.source))
    for index, (word, start) in enumerate(words):
        if word[0] in "\"'" or word[:2].lower() in _PREFIXES:
            if any(re.search(rf"\b{old}\b", word) for old in (*names, *modules)):
                return None
            continue
        new = names.get(word) or modules.get(word)
        if new is None:
            continue
        how = _use(module, words, index, package, word)
        if how is None:
            return None
        if how == "imported" and new in taken:
            splices.append(Splice(start, start + len(word), f"{new} as {word}"))
        elif how != "used" or new not in taken:
            splices.append(Splice(start, start + len(word), new))
    data = spliced(module.source, splices) if splices else None
    return data if data and _parses(data) else None


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def start_of(module: Module, index: int) -> int:
    """Where the line of a top-level statement begins."""
    return module.source.line_start(module.source.range(module.statements[index].at)[0])


def _insertion(module: Module, index: int, lines: Sequence[str], *, mark: bool) -> tuple[Splice, list[Code]]:
    own = _codes_of(lines)
    source, statements = module.source, module.statements
    excused = list(lines)
    if mark and any(statement.kind == "other" for statement in statements[:index]):
        excused = [f"{line}  # noqa: E402" if line.startswith(("import ", "from ")) else line for line in lines]
    if index < len(statements):
        start = source.range(statements[index].at)[0]
        if not _begins_line(module, index):
            return Splice(start, start, "".join(f"{line}; " for line in lines)), own
        at, newline = source.line_start(start), source.newline_at(start)
        return Splice(at, at, _spaced(excused, newline) + newline), own
    if index:
        return _below(source, source.range(statements[-1].at)[1], excused), own
    newline, at = source.newline_at(0), len(source.text)
    text, open_line = _spaced(lines, newline), bool(source.text) and not source.text.endswith(("\n", "\r"))
    return Splice(at, at, newline + text.removesuffix(newline) if open_line else text), own


def _below(source: Source, end: int, lines: Sequence[str]) -> Splice:
    """Lines under the line of an offset, with a blank line above, and one below where something follows."""
    at, newline = source.line_end(end), source.newline_at(end)
    text = newline + _spaced(lines, newline)
    if at == len(source.text) and not source.text.endswith(("\n", "\r")):
        return Splice(at, at, newline + text.removesuffix(newline))
    follows = source.text[at : source.line_end(at)].strip() if at < len(source.text) else ""
    return Splice(at, at, text + newline if follows else text)


def _spaced(lines: Sequence[str], newline: str) -> str:
    """Formatters want a blank line between imports and what follows them."""
    text = ""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        is_import = line.startswith(("import ", "from "))
        text += line + newline * (2 if is_import and after and not after.startswith(("import ", "from ")) else 1)
    return text


def _begins_line(module: Module, index: int) -> bool:
    """It follows no other statement on a logical line: `a; b`, or with a backslash between."""
    if not index:
        return True
    source = module.source
    before = source.range(module.statements[index - 1].at)[1]
    return _SAME_LINE.fullmatch(source.text[before : source.range(module.statements[index].at)[0]]) is None


def _shares_line(module: Module, index: int) -> bool:
    """Whether another statement follows on its last line."""
    return index + 1 < len(module.statements) and not _begins_line(module, index + 1)


def _is_alone(module: Module, index: int) -> bool:
    return _begins_line(module, index) and not _shares_line(module, index)


def _argument_stands_alone(source: Source, call: Call, last: int) -> str | None:
    """The indentation of a call's last argument where it has a line for itself, else None."""
    start = max(source.range(place)[0] for place in call.places)
    line = source.text[source.line_start(start) : start]
    closing = source.text[source.line_start(source.range(call.at)[1] - 1) : source.range(call.at)[1] - 1]
    found = re.fullmatch(r"([ \t]*)(?:\*\*|\w+\s*=\s*)?\(*", line)
    return found[1] if found and not closing.strip() and source.line_end(last) <= source.range(call.at)[1] else None


def _lines_of(module: Module, index: int) -> tuple[int, int]:
    """A statement's whole lines; a call takes the comment right above it along."""
    source = module.source
    start, end = source.range(module.statements[index].at)
    first = source.line_start(start)
    while module.statements[index].kind == "other" and first:
        above = source.line_start(first - 1)
        line = source.text[above:first]
        if not line.startswith("#") or _PRAGMA.match(line):
            break
        first = above
    return first, source.line_end(end)


def _closed(text: str, newline: str) -> str:
    return text if text.endswith(("\n", "\r")) else text + newline


def _joined(source: Source, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of lines, those as one between which nothing stands."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and not source.text[joined[-1][1] : start].strip():
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


def _removal(source: Source, start: int, end: int) -> Splice:
    """Takes lines out, and the blank lines above them where there are blank ones below (or nothing) as well."""
    text = source.text
    after = text[end : source.line_end(end)] if end < len(text) else ""
    if not after.strip():
        while start and not text[source.line_start(start - 1) : start].strip():
            start = source.line_start(start - 1)
    if end == len(text) and not text.endswith(("\n", "\r")):
        start = len(text[:start].rstrip("\r\n"))  # the file still ends without a newline
    return Splice(start, end, "")


def _within(splice: Splice, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(start <= splice.start <= end for start, end in ranges)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _words(source: Source) -> Iterator[tuple[str, int]]:
    """The tokens of a file that are neither layout nor comments, with their offsets."""
    kinds = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
    for token in tokenize.generate_tokens(iter(source.lines).__next__):
        if token.type not in kinds and token.string:
            start = token.start[1] + sum(map(len, source.lines[: token.start[0] - 1]))
            yield token.string, start


def _use(
    module: Module, words: Sequence[tuple[str, int]], index: int, package: str, word: str
) -> Literal["imported", "as", "attribute", "used"] | None:
    """How a word that is to be renamed stands at a place; None where it may be something else."""
    before = words[index - 1][0] if index else ""
    if before == ".":
        start = index
        while start > 1 and words[start - 1][0] == ".":
            start -= 2
        root = words[start][0]
        bound = module.bindings.get(root, [])
        from_import = start > 0 and words[start - 1][0] in ("from", "import")
        is_package = bool(bound) and all(isinstance(b, Import) and b.module.split(".")[0] == package for b in bound)
        return "attribute" if (root == package and from_import) or is_package else None
    bound = module.bindings.get(word, [])
    source, offset = module.source, words[index][1]
    for step in module.everything():
        if isinstance(step, Import) and _covers(source.range(step.at), offset):
            if step.level or step.module.split(".")[0] != package:
                return None
            follows = words[index + 1][0] if index + 1 < len(words) else ""
            return "as" if follows == "as" or before == "as" else "imported"
    is_imported = bool(bound) and all(isinstance(b, Import) and b.module.split(".")[0] == package for b in bound)
    return "used" if is_imported and not _is_bound_inside(module, word) else None


def _covers(bounds: tuple[int, int], offset: int) -> bool:
    return bounds[0] <= offset < bounds[1]


def _bound_names(module: Module) -> set[str]:
    return {name for owner in _owners(module) for name in (*owner.bindings, *getattr(owner, "parameters", ()))}


def _is_bound_inside(module: Module, name: str) -> bool:
    inner = [owner for owner in _owners(module) if owner is not module]
    return any(name in owner.bindings or name in getattr(owner, "parameters", ()) for owner in inner)


def _owners(module: Module) -> list[Owner]:
    steps = module.everything()
    return [module, *(s.value for s in steps if isinstance(s, Bind) and isinstance(s.value, Function | Class))]


# ── linters ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _late_imports(module: Module, index: int) -> list[Splice]:
    """`# noqa: E402` for each top-level import from a statement on that no code stood above before."""
    if any(statement.kind == "other" for statement in module.statements[:index]):
        return []
    found = []
    for statement in module.statements[index:]:
        if statement.kind == "other":
            break
        if statement.kind == "import":
            found.append(_excused(module.source, statement))
    return list(dict.fromkeys(splice for splice in found if splice))


def _excused(source: Source, statement: Statement) -> Splice | None:
    start = source.range(statement.at)[0]
    while source.text[: source.line_end(start)].rstrip("\r\n").endswith("\\"):
        start = source.line_end(start)
    stop = source.line_end(start)
    line_end = start + len(source.text[start:stop].rstrip("\r\n"))
    line = source.text[start:line_end]
    found = _NOQA.search(line)
    if found is None:
        at = start + len(line.rstrip())
        return Splice(at, line_end, "  # noqa: E402")
    if not found["codes"] or "E402" in found["codes"].upper():
        return None
    at = start + found.end()
    return Splice(at, at, ",E402" if re.search(r",\S", found["codes"]) else ", E402")


# ── proof ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _codes(module: Module) -> list[Code]:
    return [(module, index) for index in range(len(module.statements))]


def _codes_of(lines: Sequence[str]) -> list[Code]:
    return _codes(parse("\n".join(lines).encode()))


def same(one: Code, other: Code) -> bool:
    """Whether two statements are the same but for layout and comments."""
    if _text(one) == _text(other):
        return True
    (module, index), (second, place) = one, other
    return module.dump(index) == second.dump(place)


def _text(code: Code) -> str:
    module, index = code
    start, end = module.source.range(module.statements[index].at)
    return module.source.text[start:end]


def _parses(data: bytes) -> bool:
    try:
        parse(data)
    except Unparsable:
        return False
    return True


def _proven(module: Module, splices: Sequence[Splice], wanted: Sequence[Code] | None = None) -> bytes | None:
    """The edited file, if it parses and its statements are the wanted ones (None: all but one stay the same)."""
    data = spliced(module.source, splices)
    try:
        found = _codes(parse(data)) if data is not None else []
    except Unparsable:
        return None
    codes = _codes(module) if wanted is None else wanted
    if data is None or len(found) != len(codes):
        return None
    changed = sum(not same(one, other) for one, other in zip(found, codes, strict=True))
    return data if changed <= (wanted is None) else None
