"""What a script needs is found through the project's modules, without running anything."""

from __future__ import annotations

from collections.abc import Callable

from checks.read.imports import codebase_of
from checks.read.needs import Choice, choices
from checks.read.python import parse
from checks.read.syntax import Module


class Folder:
    """Files in memory, as a project answers about them."""

    folder = "."

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def at(self, path: str) -> str:
        return path

    def exists(self, path: str) -> bool:
        return path in self._files

    def parse(self, parser: Callable[[bytes], Module], path: str) -> Module:
        return parser(self._files[path].encode())


def needs(serve: str, **files: str) -> list[Choice]:
    folder = Folder({"serve.py": serve} | {f"{name.replace('_', '/')}.py": text for name, text in files.items()})
    codebase = codebase_of(folder)
    return list(choices(codebase, codebase.main("serve.py", parse(serve.encode()))))


def said(found: list[Choice]) -> list[tuple[str, bool]]:
    return [(" | ".join(need.module for need in one.needs), one.sure) for one in found]


def test_every_form_of_import_is_a_need() -> None:
    serve = "import a.b as c, d\nfrom e.f import g, h as i\nfrom j import *\n"
    assert said(needs(serve)) == [("a.b", True), ("d", True), ("e.f.g", True), ("e.f.h", True), ("j", True)]


def test_what_may_not_happen_is_not_sure() -> None:
    serve = "import x\nif x.y:\n    import a\nelse:\n    import b\nwhile x:\n    import c\ndef f():\n    import d\n"
    assert said(needs(serve)) == [("x", True), ("a", False), ("b", False), ("c", False), ("d", True)]


def test_type_checking_and_the_other_main_are_no_needs() -> None:
    serve = "import typing\nif typing.TYPE_CHECKING:\n    import a\nif 0:\n    import b\n"
    assert said(needs(serve)) == [("typing", True)]
    assert said(needs("import m", m="if __name__ == '__main__':\n    import a\n")) == []


def test_the_modules_of_the_project_are_followed() -> None:
    found = needs(
        "import pre\nfrom pack.sub import thing\n",
        pre="import a\ndef f():\n    import b\n",
        pack_sub="from . import other\nimport d\n",
        pack_other="import serve, pre, e\n",
    )
    assert sorted(said(found)) == [("a", True), ("b", False), ("d", True), ("e", True)]


def test_a_module_that_may_not_be_imported_makes_its_needs_unsure() -> None:
    assert said(needs("def f(): import m\n", m="import a")) == [("a", True)]
    assert said(needs("import x\nif x.y:\n    import m\n", m="import a")) == [("x", True), ("a", False)]
    assert said(needs("import n", n="def f():\n    import m\n", m="import a")) == [("a", False)]


def test_alternatives_are_one_choice() -> None:
    inner = "    try:\n        import b\n    except ImportError:\n        import c\n"
    nested = f"try:\n    import a\nexcept ImportError:\n{inner}"
    assert said(needs(nested)) == [("a | b | c", True)]
    [own] = needs("try:\n    import a\nexcept ImportError:\n    import m\n", m="")
    assert own.own


def test_an_optional_import_is_no_need_but_a_demanded_one_is() -> None:
    assert said(needs("try:\n    import a\nexcept ImportError:\n    a = None\n")) == []
    assert said(needs("try:\n    import a\nexcept ImportError:\n    raise SystemExit('pip install a')\n")) == [
        ("a", True)
    ]
    assert said(needs("try:\n    import a\nexcept OSError:\n    pass\n")) == [("a", True)]


def test_circles_and_broken_modules_end() -> None:
    assert said(needs("import m", m="import n, a", n="import m, serve, b")) == [("a", True), ("b", True)]
    assert said(needs("import m, a", m="def")) == [("a", True)]
