"""Python source is read as Python reads it, and nothing makes the reader fail otherwise than by saying so."""

from __future__ import annotations

import ast
import contextlib
import random
import sys
import sysconfig
import warnings
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.finding import Span
from checks.read import Unparsable
from checks.read.python import NEWER, parse, parse_script
from checks.read.syntax import Bind, Class, Import, Module, Run, front, runs, visible

SAMPLE = 80


@cache
def library() -> tuple[Path, ...]:
    """A sample of the interpreter's own files and of what is installed."""
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    return tuple(random.Random(10).sample(files, min(SAMPLE, len(files))))


def module(text: str) -> Module:
    return parse(text.encode())


def whys(data: bytes) -> Unparsable:
    with pytest.raises(Unparsable) as caught:
        parse(data)
    return caught.value


def test_every_installed_file_is_read_or_refused_as_python_does() -> None:
    for path in library():
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wanted = len(ast.parse(data).body)
            except (SyntaxError, ValueError):
                assert whys(data)
                continue
        read = parse(data)
        assert len(read.statements) == wanted
        assert read.source.encode(read.source.text) == data
        assert list(read.everything()) or wanted >= 0


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    with contextlib.suppress(Unparsable):
        list(parse(data).everything())


@given(st.text(alphabet="ab=()[]{}:;,.*@#\\\"'\n\t \r\f\x00é\ufeff", max_size=60))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    with contextlib.suppress(Unparsable):
        read = parse(text.encode())
        list(read.everything())
        for statement in read.statements:
            start, end = read.source.range(statement.at)
            assert 0 <= start < end <= len(read.source.text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "x = " + "+".join(["1"] * 5000),
        "-" * 100_000 + "1",
        "a" + ".b" * 100_000,
        "9" * 100_000,
        "if x:\n" * 200,
    ],
)
def test_what_is_too_deep_for_python_is_unparsable(text: str) -> None:
    assert str(whys(text.encode()))


def test_what_is_deep_but_valid_is_read() -> None:
    chain = "if a: pass\n" + "elif b: f()\n" * 1500
    assert len([step for step in module(chain).everything() if isinstance(step, Run)]) == 1500
    assert list(module("x = " + "+".join(["f()"] * 900)).everything())
    assert list(module("a" + "()" * 900).everything())


def test_bytes_are_decoded_by_mark_and_cookie() -> None:
    assert parse(b"\xef\xbb\xbfx = '\xc3\xa9'").source.text == "x = 'é'"
    assert parse(b"#!/bin/sh\r\n# vim: set fileencoding=latin-1 :\r\nx = '\xe9'").source.text.endswith("'é'")
    assert parse("# coding: shift_jis\nx = '日'".encode("shift_jis")).source.text.endswith("'日'")


@pytest.mark.parametrize(
    ("data", "why", "line"),
    [
        (b"x = 1\ny = '\xe9'", "not valid utf-8", 2),
        (b"\xe9", "not valid utf-8", 1),
        (b"# coding: klingon\n", "unknown encoding", 1),
        (b"# coding: rot13\n", "can't be read", 1),
        (b"# coding: punycode\n", "can't be read", 1),
        (b"\xef\xbb\xbf# coding: latin-1\n", "can't be read", 1),
        (b"x = 1\0", "null bytes", None),
        (b"\xff\xfex\0", "not valid utf-8", 1),
        (b"x = (\n", "was never closed", 1),
    ],
)
def test_what_is_wrong_is_said(data: bytes, why: str, line: int | None) -> None:
    error = whys(data)
    assert why in error.why
    assert error.line in (line, 1)


def test_nothing_is_printed_and_no_warning_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse(b"x = '\\d'\nif x is 1: pass\nassert (x, 'y')\n1or 0\n")
    assert capsys.readouterr() == ("", "")


def test_columns_are_code_points_and_lines_are_those_of_git() -> None:
    read = parse("x = 'é😀'; import os\r\n\x0cimport sys\r\n".encode())
    places = [read.source.span_of(step.at) for step in read.steps if isinstance(step, Import)]
    assert places == [Span(1, 11, 1, 20), Span(2, 2, 2, 12)]
    old_mac = parse(b"import os\rimport sys\r")
    assert [old_mac.source.span_of(s.at) for s in old_mac.steps] == [Span(1, 1, 1, 10), Span(1, 11, 1, 21)]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("", 0),
        ("# only a comment", 0),
        ("'''doc'''", 1),
        ("'''doc'''\nfrom __future__ import annotations\nimport a", 2),
        ("x = 1\nimport a", 1),
        ("x = 1\ny = 2", 0),
        ("'''doc'''\nx = 1\nif x:\n    import a", 2),
        ("x = 1\ndef f():\n    import a", 0),
    ],
)
def test_an_import_that_must_come_first_goes_before_the_first_other_one(text: str, index: int) -> None:
    assert front(module(text)) == index


def calls(text: str, *, main: bool = True) -> dict[str, str]:
    """Whether each call `name()` of a text is made when the code around it runs."""
    found = {}
    for step in module(text).everything():
        if isinstance(step, Run):
            found[getattr(step.call.function, "id", "?")] = runs(step.arm, main=main)
    return found


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("if True: f()\nelse: g()", {"f": "yes", "g": "no"}),
        ("if not 0 and 1: f()", {"f": "yes"}),
        ("if x or 1: f()\nelif y: g()", {"f": "yes", "g": "no"}),
        ("if x and TYPE_CHECKING: f()\nelse: g()", {"f": "no", "g": "yes"}),
        ("import typing as t\nif t.TYPE_CHECKING: f()", {"f": "no"}),
        ("if '__main__' == __name__: f()\nelse: g()", {"f": "yes", "g": "no"}),
        ("if __name__ != '__main__': f()", {"f": "no"}),
        ("if __name__ == '__main__' and x: f()", {"f": "maybe"}),
        ("while False: f()\nwhile 1: g()", {"f": "no", "g": "yes"}),
        ("while 1:\n    g()\nf()", {"f": "no", "g": "yes"}),
        ("while 1:\n    break\nf()", {"f": "yes"}),
        ("for x in y: f()", {"f": "maybe"}),
        ("try: f()\nexcept E: g()\nelse: h()\nfinally: i()", {"f": "yes", "g": "maybe", "h": "yes", "i": "yes"}),
        ("with x as y: f()", {"f": "yes"}),
        ("match x:\n    case 1: f()", {"f": "maybe"}),
        ("raise E\nf()", {"f": "no"}),
        ("import sys\nif x: sys.exit()\nf()", {"f": "yes", "?": "maybe"}),
        ("def a():\n    if x: return\n    f()", {"f": "maybe"}),
        ("def a():\n    if x: return\n    else: raise E\n    f()", {"f": "no"}),
        ("x and f()", {"f": "maybe"}),
        ("x = f() if True else g()", {"f": "yes", "g": "no"}),
        ("[f() for x in g()]", {"f": "maybe", "g": "yes"}),
        ("x = lambda: f()", {"f": "yes"}),
        ("@f\ndef a(b=g()): pass", {"g": "yes"}),
        ("print(f'{f()}', *g(), **h())", {"print": "yes", "f": "yes", "g": "yes", "h": "yes"}),
    ],
)
def test_a_call_is_made_if_its_branch_is_taken(text: str, made: dict[str, str]) -> None:
    assert calls(text) == made


def test_a_call_inside_a_branch_that_follows_the_script_is_not_made_on_import() -> None:
    assert calls("if __name__ == '__main__': f()\nelse: g()", main=False) == {"f": "no", "g": "yes"}


def seen(text: str) -> list[int]:
    """The lines of the bindings of `a` that the call `use(a)` may see."""
    read = module(text)
    use = next(s for s in read.steps if isinstance(s, Run) and getattr(s.call.function, "id", "") == "use")
    return sorted(b.at[0] for b in visible(read.bindings["a"], use, main=True))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\na = 2\nuse(a)\na = 4", [2]),
        ("a = 1\nif x: a = 2\nuse(a)", [1, 2]),
        ("if x: a = 1\nelse: use(a)\na = 3", [1, 3]),
        ("try: import a\nexcept E: a = None\nuse(a)", [1, 2]),
        ("try: import a\nexcept E: raise\nuse(a)", [1]),
        ("a = 1\nif False: a = 2\nuse(a)", [1]),
        ("a = 1\nif __name__ == '__main__': a = 2\nuse(a)", [2]),
        ("a = 1\ndel a\nuse(a)", [2]),
        ("a = 1\nfor a in b: pass\nuse(a)", [2]),
        ("a = 1\nwith x as (y, a): pass\nuse(a)", [2]),
        ("a = 1\n(a := 2)\nuse(a)", [2]),
    ],
)
def test_a_use_sees_the_last_bindings_before_it(text: str, lines: list[int]) -> None:
    assert seen(text) == lines


def test_a_class_knows_its_bases_and_where_they_stand() -> None:
    read = module("class Iris(a.B, C[int], metaclass=M): ...")
    (step,) = read.steps
    assert isinstance(step, Bind)
    assert isinstance(step.value, Class)
    assert [read.source.span_of(at) for _, at in step.value.bases] == [Span(1, 12, 1, 15), Span(1, 17, 1, 23)]
    assert step.value.is_idle


@pytest.mark.parametrize(
    "text",
    [
        "return 1",
        "if x:\n    return",
        "class A:\n    return",
        "import os\nfrom __future__ import annotations",
        "'doc'\n'another'\nfrom __future__ import annotations",
        "from __future__ import division\n'text'\nfrom __future__ import annotations",
        "from __future__ import nothing",
        "def f(a, a): pass",
        "nonlocal a",
        "def f():\n    from os import *",
        "def f():\n    a = 1\n    global a",
        "await x",
        "def f():\n    async with x: pass",
        "class A:\n    yield 1",
        "for x in y:\n    def f():\n        break",
        "continue",
        "f(a=1, a=2)",
        "a, *b, *c = x",
        "try: pass\nexcept: pass\nexcept A: pass",
        "try: pass\nfinally: x\nreturn 1",
    ],
)
def test_a_script_must_pass_python_s_compiler(text: str) -> None:
    assert module(text).statements
    with pytest.raises(Unparsable):
        parse_script(text.encode())


def test_every_installed_file_passes_as_a_script_as_it_passes_python() -> None:
    for path in library():
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                compile(data, "<source>", "exec", dont_inherit=True)
            except (SyntaxError, ValueError):
                with pytest.raises(Unparsable):
                    parse_script(data)
                continue
        parse_script(data)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads it")
@pytest.mark.parametrize(
    ("text", "is_newer"),
    [
        ('x = f"{a["b"]}"', True),
        ("x = f\"{'\\n'.join(a)}\"", True),
        ("class A[T]: pass", True),
        ("type X = int", True),
        ("async def f[T](x: T): pass", True),
        ("class A(: pass", False),
        ('x = f"{a"', False),
        ("type X int", False),
    ],
)
def test_what_may_be_of_a_newer_python_is_said_to_be(text: str, is_newer: bool) -> None:
    assert whys(text.encode()).why.startswith(NEWER) is is_newer


@pytest.mark.parametrize("flag", ["TYPE_CHECKING as TC", "TYPE_CHECKING  as  TC, Any"])
def test_a_renamed_flag_of_the_type_checker_is_known(flag: str) -> None:
    def runs(source: str) -> set[str]:
        return {arm.runs for step in parse(source.encode()).steps if (arm := step.arm) is not None}

    assert runs(f"from typing import {flag}\nif TC:\n    import numpy\n") == {"no"}
    assert runs(f"from typing import {flag}\nTC = ask()\nif TC:\n    import numpy\n") == {"maybe"}
    assert runs("from mine import TYPE_CHECKING as TC\nif TC:\n    import numpy\n") == {"maybe"}
