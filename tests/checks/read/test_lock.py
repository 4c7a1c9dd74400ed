"""Lock files give the versions of what comes from an index."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.lock import packages, pipfile
from checks.read.requirements import Pin

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


def versions(found: dict[str, tuple[Pin, ...]]) -> dict[str, list[str]]:
    return {name: [pin.version for pin in pins] for name, pins in found.items()}


def test_each_tool_is_understood() -> None:
    assert versions(packages(UV.encode())) == {"idna-x": ["3.10"], "numpy": ["1.0", "2.0"]}
    assert versions(packages(POETRY.encode())) == {"idna": ["3.10"], "private": ["1.0"]}
    assert versions(packages(PDM.encode())) == {"idna": ["3.10"]}
    text = b'{"default": {"A_b": {"version": "==1.0"}, "c": {"git": "x"}, "d": {"version": "*"}}, "develop": {"e": {}}}'
    assert versions(pipfile(text)) == {"a-b": ["1.0"]}


OF_UV = """
[[package]]
name = "idna"
version = "3.10"
source = { registry = "https://example.com/simple" }
sdist = { url = "https://example.com/idna-3.10.tar.gz", hash = "sha256:12", size = 190490 }
wheels = [
    { url = "https://example.com/idna-3.10-py3-none-any.whl", hash = "sha256:70", size = 70442 },
]
"""
OF_POETRY = """
[[package]]
name = "idna"
version = "3.10"
optional = false
files = [
    {file = "idna-3.10-py3-none-any.whl", hash = "sha256:70"},
    {file = "idna-3.10.tar.gz", hash = "sha256:12"},
]
"""
OF_OLD_POETRY = """
[[package]]
name = "idna"
version = "3.10"
category = "main"
[metadata.files]
idna = [
    {file = "idna-3.10-py3-none-any.whl", hash = "sha256:70"},
    {file = "idna-3.10.tar.gz", hash = "sha256:12"},
]
"""
OF_OLD_PDM = """
[[package]]
name = "idna"
version = "3.10"
summary = "Internationalized Domain Names"
[metadata.files]
"idna 3.10" = [
    {url = "https://example.com/idna-3.10-py3-none-any.whl", hash = "sha256:70"},
    {url = "https://example.com/idna-3.10.tar.gz", hash = "sha256:12"},
]
"""


@pytest.mark.parametrize("text", [OF_UV, OF_POETRY, OF_OLD_POETRY, OF_OLD_PDM])
def test_the_hashes_of_a_package_are_those_of_all_its_files(text: str) -> None:
    assert packages(text.encode()) == {"idna": (Pin("3.10", ("sha256:12", "sha256:70")),)}


def test_pipenv_keeps_hashes_by_themselves() -> None:
    text = b'{"default": {"idna": {"hashes": ["sha256:70", "sha256:12", 1, "x"], "version": "==3.10"}}}'
    assert pipfile(text) == {"idna": (Pin("3.10", ("sha256:12", "sha256:70")),)}


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
