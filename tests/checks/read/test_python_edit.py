"""An edit of Python source changes what it is meant to change, and not a byte besides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.python import parse
from checks.read.python_edit import add_keyword, add_method, insert, insert_after, move, rename, replace, same
from checks.read.syntax import Bind, Call, Class, Module, Run, front
from tests.checks.read.test_python import library

PATCH = ["import ddtrace", "ddtrace.patch(tornado=True)"]
ADDED = parse("\n".join(PATCH).encode())


def module(text: str | bytes) -> Module:
    return parse(text.encode() if isinstance(text, str) else text)


def inserted(text: str | bytes, *, mark: bool = False) -> bytes:
    read = module(text)
    data = insert(read, front(read), PATCH, mark=mark)
    assert data is not None
    return data


def is_only_insertion(before: bytes, after: bytes) -> bool:
    """Whether `after` is `before` with the two statements put in at one place."""
    more = len(after) - len(before)
    wanted = [b"".join(line.encode() for line in lines).split() for lines in (PATCH, [f"{line}; " for line in PATCH])]
    shared = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    for start in range(shared, max(shared - more, -1), -1):
        if before[:start] == after[:start] and before[start:] == after[start + more :]:
            new = after[start : start + more].replace(b"\r", b"\n").replace(b"\nddtrace", b"ddtrace")
            if new.split() in wanted or new.replace(b"\n", b"").split() in wanted:
                return True
    return False


def check_insertion(data: bytes) -> None:
    try:
        read = parse(data)
    except Unparsable:
        return
    after = inserted(data)
    assert is_only_insertion(data, after)
    at = front(read)
    old = [(read, index) for index in range(len(read.statements))]
    new = [(again, index) for again in [parse(after)] for index in range(len(again.statements))]
    wanted = [*old[:at], (ADDED, 0), (ADDED, 1), *old[at:]]
    assert all(same(one, other) for one, other in zip(new, wanted, strict=True))
    if data:
        assert after.endswith((b"\n", b"\r")) == data.endswith((b"\n", b"\r"))


def test_the_import_is_put_into_every_installed_file() -> None:
    for number, path in enumerate(library()):
        data = path.read_bytes()
        data = data.replace(b"\r\n", b"\n").replace(b"\n", (b"\n", b"\r\n", b"\r")[number % 3])
        check_insertion(data.rstrip() if number % 5 == 0 else data)


LINES = st.sampled_from(
    [
        "",
        "# comment",
        "'''doc'''",
        "'''doc\nmore'''",
        "from __future__ import annotations",
        "import os",
        "import ddtrace",
        "from os import (path,\n  sep)",
        "import os, \\\n  sys",
        "x = 1",
        "x = 'é'",
        "if x:\n    import os\nelse:\n\timport sys",
        "try:\n    import os\nexcept ImportError: pass",
        "\x0cimport os",
        "def f():\n    import os",
        "@f\nclass A: pass",
        "x = '''\n'''",
        "# a backslash \\",
    ]
)


ENDINGS = st.sampled_from(["\n", "\r\n", "\r", "; ", " ;\n", "; \\\n", "\n\n"])


@given(st.lists(st.tuples(LINES, ENDINGS), max_size=8), st.booleans())
def test_the_import_is_put_into_files_of_every_layout(lines: list[tuple[str, str]], is_closed: bool) -> None:
    text = "".join(line + ending for line, ending in lines)
    check_insertion((text if is_closed else text.rstrip("\r\n;\\ ")).encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "import ddtrace\n\nddtrace.patch(tornado=True)\n"),
        ("# a", "# a\nimport ddtrace\n\nddtrace.patch(tornado=True)"),
        ("import os\r\n", "import ddtrace\r\n\r\nddtrace.patch(tornado=True)\r\n\r\nimport os\r\n"),
        ("'''d'''\r\n# c\r\n", "'''d'''\r\n\r\nimport ddtrace\r\n\r\nddtrace.patch(tornado=True)\r\n\r\n# c\r\n"),
        ("x = 1; \\\nimport os", "x = 1; \\\nimport ddtrace; ddtrace.patch(tornado=True); import os"),
    ],
)
def test_the_layout_around_an_insertion(before: str, after: str) -> None:
    assert inserted(before).decode() == after


@pytest.mark.parametrize("encoding", ["latin-1", "shift_jis", "utf-8-sig", "cp1252"])
def test_the_encoding_stays(encoding: str) -> None:
    cookie = "" if encoding == "utf-8-sig" else f"# coding: {encoding}\n"
    data = (cookie + "import os  # ソ\n" if encoding == "shift_jis" else cookie + "import os  # ä\n").encode(encoding)
    assert is_only_insertion(data, inserted(data))


def test_a_file_that_cannot_be_written_as_it_was_read_is_left_alone() -> None:
    # The escape to single-byte ASCII at the end is one that Python's codec would not write.
    data = b"# coding: iso-2022-jp\nimport os  # \x1b$B\x1b(B\n"
    read = parse(data)
    assert insert(read, front(read), PATCH) is None


def first_call(read: Module) -> Call:
    return next(step.call for step in read.everything() if isinstance(step, Run))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("p()", "p(k=1)"),
        ("p( )", "p( k=1)"),
        ("p(a)", "p(a, k=1)"),
        ("p(a,)", "p(a, k=1,)"),
        ("p((a))", "p((a), k=1)"),
        ("p(a=1, **b)", "p(a=1, **b, k=1)"),
        ("(p)(a)", "(p)(a, k=1)"),
        ("p(\n    a\n)", "p(\n    a,\n    k=1\n)"),
        ("p(\r\n    a,  # x\r\n)", "p(\r\n    a,  # x\r\n    k=1,\r\n)"),
        ("p(\n    a, b\n)", "p(\n    a, b, k=1\n)"),
        ("p(a,\n  b)", "p(a,\n  b, k=1)"),
        ("p(\n    # nothing\n)", "p(\n    # nothing\nk=1)"),
        ("p(a  # x)\n )", "p(a, k=1  # x)\n )"),
        ("x = 'é'; p('é')", "x = 'é'; p('é', k=1)"),
    ],
)
def test_a_keyword_is_added(before: str, after: str) -> None:
    read = module(before)
    assert add_keyword(read, first_call(read), "k=1") == after.encode()


def test_a_value_is_replaced() -> None:
    read = module("p(a=(False), b=False)")
    place = first_call(read).place_of("a")
    assert place is not None
    assert replace(read, place, "True") == b"p(a=(True), b=False)"


@pytest.mark.parametrize(
    ("before", "moved", "after"),
    [
        ("import k\nimport d\nd.p()\n", [1, 2], "import d\n\nd.p()\n\nimport k\n"),
        ("import k\n\n# why\nd.p()\n\nx = 1\n", [1], "# why\nd.p()\n\nimport k\n\nx = 1\n"),
        ("import k\n# fmt: on\nd.p()\nx = 1\n", [1], "d.p()\n\nimport k\n# fmt: on\nx = 1\n"),
        ("import k\nd.p()", [1], "d.p()\n\nimport k"),
        ("import k\nimport d\n\nd.p()", [1, 2], "import d\n\nd.p()\n\nimport k"),
        ("import k\nimport d\nx = 1\nd.p()", [1, 3], "import d\n\nd.p()\n\nimport k\nx = 1"),
        ("import k\r\nd.p()  # y\r\n", [1], "d.p()  # y\r\n\r\nimport k\r\n"),
        ("import k\nd.p(\n    1,\n)\n", [1], "d.p(\n    1,\n)\n\nimport k\n"),
    ],
)
def test_statements_are_moved(before: str, moved: list[int], after: str) -> None:
    assert move(module(before), moved, 0) == after.encode()


@pytest.mark.parametrize("text", ["import k; d.p()", "import k\nd.p(); x = 1\n", "import k; x = 1\nd.p()\n"])
def test_statements_that_share_a_line_are_not_moved(text: str) -> None:
    assert move(module(text), [1], 0) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import d\n", "import d\n\nd.p()\n"),
        ("import d\nimport k\n", "import d\n\nd.p()\n\nimport k\n"),
        ("import d; import k\n", "import d; d.p(); import k\n"),
        ("import d  # the tracer", "import d  # the tracer\n\nd.p()"),
        ("import d\n\nimport k\n", "import d\n\nd.p()\n\nimport k\n"),
    ],
)
def test_a_call_is_put_after_its_import(before: str, after: str) -> None:
    assert insert_after(module(before), 0, ["d.p()"]) == after.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("class A: pass", "class A:\n    def m(self):\n        pass"),
        ("class A: ...  # x\n", "class A:\n    def m(self):\n        pass  # x\n"),
        ("class A:\n  x = 1\n\ny = 2", "class A:\n  x = 1\n\n  def m(self):\n    pass\n\ny = 2"),
        ("if x:\n\tclass A:\n\t\t'''d'''", "if x:\n\tclass A:\n\t\t'''d'''\n\n\t\tdef m(self):\n\t\t\tpass"),
        ("class A:\r\n    x = 1\r\n", "class A:\r\n    x = 1\r\n\r\n    def m(self):\r\n        pass\r\n"),
        ("class A: x = 1", None),
    ],
)
def test_a_method_is_added(before: str, after: str | None) -> None:
    read = module(before)
    (cls,) = [s.value for s in read.steps if isinstance(s, Bind) and isinstance(s.value, Class)]
    data = add_method(read, cls, ["def m(self):", "    pass"])
    assert (data and data.decode()) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from k import Old\nclass A(Old): pass", "from k import New\nclass A(New): pass"),
        ("from k import (\n    Old as O,\n)\nO()", "from k import (\n    New as O,\n)\nO()"),
        ("import k.old as m\nm.Old()", "import k.new as m\nm.New()"),
        ("import k\nk . old . Old ()", "import k\nk . new . New ()"),
        ("from k import Old\nNew = Old", "from k import New as Old\nNew = Old"),
        ("import k\nx = 'é'; k.Old", "import k\nx = 'é'; k.New"),
        ("from k.old import Old\nobj.x = Old", "from k.new import New\nobj.x = New"),
        ("import k\nobj.Old = k.Old", None),
        ("from k import Old\ndef f(Old): return Old", None),
        ("from k import Old\n__all__ = ['Old']", None),
        ("from other import Old\nOld()", None),
        ("import k\nk.Old\nOld = 1", None),
    ],
)
def test_names_of_a_package_are_renamed_if_every_use_is_plain(before: str, after: str | None) -> None:
    data = rename(module(before), "k", {"Old": "New"}, {"old": "new"})
    assert (data and data.decode()) == after


def test_ruff_is_content_with_the_imports_that_come_late(tmp_path: Path) -> None:
    """Where ruff had no E402 before, it has none after, and no `noqa` that is of no use."""
    files = [path.read_bytes() for path in library()[:40]]
    files += [
        b"import os, \\\n  sys\nfrom a import (b,\n c)\nimport x; import y\nif b: import z\nimport q\n",
        b"import os  # why\nimport sys  # noqa\nimport re  # noqa: F401\nimport ast # noqa:F401,F811\n",
        b"__version__ = '1'\nimport os\n",
        b"x = 1\nimport os\n",
    ]
    for number, data in enumerate(files):
        read = parse(data)
        edited = insert(read, front(read), PATCH, mark=True)
        assert edited is not None
        (tmp_path / f"before{number}.py").write_bytes(data)
        (tmp_path / f"after{number}.py").write_bytes(edited)
    before, after = (judged(tmp_path, kind) for kind in ("before", "after"))
    assert {name for name in after if name.replace("after", "before") not in before} == set()


def judged(folder: Path, kind: str) -> set[str]:
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E402", "--output-format"]
    found = subprocess.run([*ruff, "concise", folder], capture_output=True, text=True, check=False)
    assert found.returncode in (0, 1), found.stderr
    names = {Path(line.partition(":")[0]).name for line in found.stdout.splitlines() if "E402" in line}
    return {name for name in names if name.startswith(kind)}
