"""Syntax of newer Pythons can't be judged here, and what no Python takes is told from it."""

from __future__ import annotations

import contextlib
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.newer import older
from checks.read.python import NEWER, parse


def why(text: str) -> str:
    """Why a text is refused; that it may be newer where this Python takes it by now."""
    try:
        parse(text.encode())
    except Unparsable as error:
        return error.why
    return NEWER if sys.version_info >= (3, 12) else "nothing"


@pytest.mark.parametrize(
    "text",
    [
        "a = f'{x['a']}'",
        'a = f"{"\\n".join(b)}"',
        'a = f"{\n  1  # one\n}"',
        'a = f"{1 + 2 = # sum\n}"',
        'a = f"{f"{f"{1}"}"}"',
        'a = rf"\\d{"x"}" "y"',
        'a = f"{x!r:>{w["a"]}}"',
        "a = f'''{\n'''x'''}'''",
        'a = f"\\N{LATIN SMALL LETTER A}{"x"}"',
        'a = f"{{{"x"}}}"',
        'a = t"{b}"',
        'a = Rt"{b}" t"c"',
        "type X = int",
        "type X[T, *Ts, **P] = list[T]",
        "def f[T](a: T) -> T: return a",
        "async def f[T: (int, str)](a): pass",
        "class A[T: list[dict[str, int]] = str](B): pass",
        "try: x\nexcept ValueError, TypeError:\n  pass",
        "import socket\ntry: x\nexcept OSError, socket.error:\n  pass",
        "from a import (\n  b,\n  c,\n)\ntry: x\nexcept b, c: pass",
        "class Mine(Exception): pass\ntry: x\nexcept OSError, Mine: pass",
        "ERRORS = (OSError,)\ntry: x\nexcept ValueError, ERRORS: pass",
        "try: x\nexcept A, B, c: pass",
        "try: x\nexcept* a, b: pass",
        "lazy import json",
        "lazy from json import loads",
        "a = [*b for b in c]",
        "a = {**b for b in c}",
    ],
)
def test_what_a_newer_python_may_take_is_no_fault(text: str) -> None:
    assert why(text).startswith(NEWER)


@pytest.mark.parametrize(
    "text",
    [
        "print 'x'",
        "exec 'x'",
        "try: x\nexcept ValueError, e:\n  print(e)",
        "try: x\nexcept (A, B), e:\n  pass",
        "try: x\nexcept os.error, (number, text):\n  pass",
        "try: x\nexcept ValueError, e:\n  print e",
        "import e\ntry: x\nexcept ValueError, e:\n  print e",
        "raise E, 'x'",
        "a = 0777",
        "a = `b`",
        "if a <> b: pass",
        "a = ur'b'",
        "a = f'{b'",
        "a = f'{}'",
        "a = f'{b c}'",
        "a = f'{b!x}'",
        "a = f'b}'",
        'a = f"{1:{2}"',
        'a = f"{"x"',
        "a = '''b",
        "a = f'{b}' print",
        "def f[(a): pass",
        "class A[T: pass",
        "type X",
        "lazy json",
        "a = [*b, *for]",
        "def broken(:",
    ],
)
def test_what_no_python_takes_is_a_fault(text: str) -> None:
    assert not why(text).startswith(NEWER) and why(text) != "nothing"


def test_a_fault_besides_newer_syntax_is_still_one() -> None:
    assert not why("type X = int\nprint 'x'").startswith(NEWER)
    assert not why('a = f"{"x"}"\nb = f"{c d}"').startswith(NEWER)


@given(st.text(alphabet="ft\"'{}!:\\rN#\n=( )[]*,xe", max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    with contextlib.suppress(Unparsable):
        parse(text.encode())
    older(text)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(
        ["f'{", "(*", "except a,", "class A[", "type x[", 'f"{f"{', "'", '"""', "{", "\\", "lazy ", "a for "]
    )
)
def test_what_repeats_takes_no_longer_than_its_length(part: str) -> None:
    older("x = " + part * (200_000 // len(part)))
    older((part + "\n") * (100_000 // len(part)))
