"""Lock files give the versions of what comes from an index."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.lock import packages, pipfile

UV = """
version = 1
[[package]]
name = "Idna_x"
version = "3.10"
source = { registry = "https://example.com/simple" }
[[package]]
name = "numpy"
version = "1.0"
source = { registry = "https://example.com/simple" }
[[package]]
name = "numpy"
version = "2.0"
source = { registry = "https://example.com/simple" }
[[package]]
name = "own"
version = "0.1"
source = { editable = "." }
[[package]]
name = "fork"
version = "0.1"
source = { git = "https://example.com/fork?rev=1#0" }
"""
POETRY = """
[[package]]
name = "idna"
version = "3.10"
[[package]]
name = "private"
version = "1.0"
[package.source]
type = "legacy"
url = "https://example.com/simple"
[[package]]
name = "fork"
version = "0.1"
[package.source]
type = "git"
url = "https://example.com/fork"
"""
PDM = """
[[package]]
name = "idna"
version = "3.10"
[[package]]
name = "fork"
version = "0.1"
git = "https://example.com/fork"
[[package]]
name = "wheel"
version = "0.1"
path = "./wheel.whl"
"""


def test_each_tool_is_understood() -> None:
    assert packages(UV.encode()) == {"idna-x": {"3.10"}, "numpy": {"1.0", "2.0"}}
    assert packages(POETRY.encode()) == {"idna": {"3.10"}, "private": {"1.0"}}
    assert packages(PDM.encode()) == {"idna": {"3.10"}}
    text = b'{"default": {"A_b": {"version": "==1.0"}, "c": {"git": "x"}, "d": {"version": "*"}}, "develop": {"e": {}}}'
    assert pipfile(text) == {"a-b": {"1.0"}}


@pytest.mark.parametrize(
    "data", [b"", b"package = 1", b"[package]\na=1", b"package = [1]\n[x]", b"[[package]]\nname = 1"]
)
def test_odd_documents_hold_nothing(data: bytes) -> None:
    assert packages(data) == {}


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"default": []}', b'{"default": {"a": 1}}'])
def test_odd_pipfiles_hold_nothing(data: bytes) -> None:
    assert pipfile(data) == {}


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_nothing_but_unparsable_is_raised(data: bytes) -> None:
    for read in (packages, pipfile):
        with suppress(Unparsable):
            read(data)


def test_depth_is_no_crash() -> None:
    for read, data in ((packages, b"a = " + b"[" * 100_000), (pipfile, b"[" * 100_000)):
        with pytest.raises(Unparsable):
            read(data)
