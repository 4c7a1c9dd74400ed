"""Names are followed through the project's imports as Python would follow them, without running anything."""

from __future__ import annotations

import pytest

from checks.read.classes import classes, method
from checks.read.flow import happenings
from checks.read.imports import Codebase
from checks.read.python import parse
from checks.read.syntax import Class, Import, Module, Run
from checks.read.values import ClassValue, External, File, FunctionValue, Instance, Literal, Opaque, Scope, Undefined

INSTALLED = frozenset({"kserve"})


def codebase(files: dict[str, str], main: str = "serve.py") -> tuple[Codebase, File]:
    parsed: dict[str, Module] = {path: parse(text.encode()) for path, text in files.items()}
    folder = main.rpartition("/")[0] or "."
    found = Codebase((folder, f"{folder}/src", "."), parsed.__contains__, parsed.__getitem__, INSTALLED)
    return found, found.main(main, parsed[main])


def meaning(text: str, **files: str) -> list[str]:
    """What the argument of the call `use(…)` in serve.py may mean; files by path, `__` for a slash."""
    named = {path.replace("__", "/").replace("/init/", "/__init__") + ".py": code for path, code in files.items()}
    return meanings({"serve.py": text, **named})


def meanings(files: dict[str, str]) -> list[str]:
    found, script = codebase(files)
    for step in script.module.steps:
        if isinstance(step, Run) and getattr(step.call.function, "id", "") == "use":
            values = found.values(step.call.arguments[0], Scope(script, script.module), step)
            return [described(value) for value in values]
    raise AssertionError("nothing is used")


def described(value: object) -> str:
    match value:
        case External(dotted=dotted) | ClassValue(dotted=dotted):
            return dotted
        case FunctionValue(node=node, scope=scope):
            return f"{scope.file.dotted}.{node.name}()"
        case Instance(of=cls):
            return f"a {cls.dotted}"
        case Literal(value=constant):
            return repr(constant)
        case Opaque():
            return "?"
        case Undefined():
            return "nothing"
        case _:
            return type(value).__name__


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("import kserve\nuse(kserve.Model)", ["kserve.Model"]),
        ("import kserve.model as m\nuse(m.Model)", ["kserve.model.Model"]),
        ("import kserve.model\nuse(kserve.model.Model)", ["kserve.model.Model"]),
        ("from kserve import Model as M\nX = M\nuse(X)", ["kserve.Model"]),
        ("from kserve import *\nuse(Model)", ["kserve.Model"]),
        ("from kserve import *\nuse(object)", ["builtins.object"]),
        ("from a import *\nfrom b import *\nuse(Model)", ["?"]),
        ("from kserve import Model\nfrom django import Model\nuse(Model)", ["django.Model"]),
        ("try:\n    import a as x\nexcept ImportError:\n    import b as x\nuse(x.Y)", ["b.Y", "a.Y"]),
        ("try:\n    import a\nexcept ImportError:\n    a = None\nuse(a.Y)", ["a.Y"]),
        ("import typing\nif typing.TYPE_CHECKING:\n    import a\nuse(a)", ["nothing"]),
        ("use(object)", ["builtins.object"]),
        ("use(missing)", ["nothing"]),
        ("a = a\nuse(a)", ["?"]),
        ("a = b\nb = a\nuse(a)", ["?"]),
        ("x = a if b else c\nimport a\nfrom d import c\nuse(x)", ["a", "d.c"]),
        ("class A:\n    B = 1\nuse(A.B)", ["1"]),
        ("class A: pass\nuse(A())", ["a serve.A"]),
        ("class A:\n    def f(self): pass\nuse(A().f)", ["serve.f()"]),
        ("class A:\n    def f(self): pass\nclass B(A): pass\nuse(B.f)", ["serve.f()"]),
        ("import kserve as m\nclass A:\n    m = m\nuse(A.m)", ["kserve"]),
        ("class A(B): pass\nclass B(A): pass\nuse(A.x)", ["?"]),
        ("class A(A.B): pass\nuse(A.x)", ["?"]),
        ("import importlib\nuse(importlib.import_module('kserve').Model)", ["kserve.Model"]),
        ("use(__import__('kserve').Model)", ["kserve.Model"]),
        ("import kserve\nuse(getattr(kserve, 'Model'))", ["kserve.Model"]),
        ("import a\nuse(a.make().b)", ["?"]),
        ("import kserve\na, (b, c) = 1, (kserve.Model, 2)\nuse(b)", ["kserve.Model"]),
        ("def f():\n    global x\n    import x\nf()\nuse(x)", ["?"]),
        ("import kserve\nkserve = 1\ndel kserve\nuse(kserve)", ["?"]),
    ],
)
def test_a_name_means_what_was_bound_to_it(text: str, means: list[str]) -> None:
    assert meaning(text) == means


@pytest.mark.parametrize(
    ("files", "means"),
    [
        ({"serve.py": "from m import A\nuse(A)", "m.py": "class A: pass"}, ["m.A"]),
        ({"serve.py": "from m import A\nuse(A)", "src/m.py": "class A: pass"}, ["m.A"]),
        ({"serve.py": "from src.m import A\nuse(A)", "src/m.py": "class A: pass"}, ["src.m.A"]),
        ({"serve.py": "from .m import A\nuse(A)", "m.py": "class A: pass"}, ["m.A"]),
        ({"serve.py": "from ..m import A\nuse(A)"}, ["?"]),
        ({"serve.py": "from .m import A\nuse(A)"}, ["?"]),
        ({"serve.py": "from m import A\nuse(A)"}, ["m.A"]),
        ({"serve.py": "import p.q\nuse(p.q.A)", "p/__init__.py": "", "p/q.py": "class A: pass"}, ["p.q.A"]),
        ({"serve.py": "import p.q.r\nuse(p.q.r.A)", "p/q/r.py": "class A: pass"}, ["p.q.r.A"]),
        ({"serve.py": "from p.q import r\nuse(r.A)", "p/q/r.py": "class A: pass"}, ["p.q.r.A"]),
        ({"serve.py": "from p import A\nuse(A)", "p/__init__.py": "from .q import A", "p/q.py": "A = 1"}, ["1"]),
        ({"serve.py": "from p import A\nuse(A)", "p/__init__.py": "from .q import *", "p/q.py": "A = 1"}, ["1"]),
        ({"serve.py": "from m import *\nuse(A)", "m.py": "__all__ = ['B']\nA = B = 1"}, ["nothing"]),
        ({"serve.py": "from m import *\nuse(_a)", "m.py": "_a = 1"}, ["nothing"]),
        ({"serve.py": "from a import A\nuse(A)", "a.py": "from b import *\nA = 1", "b.py": "from a import *"}, ["1"]),
        ({"serve.py": "from a import A\nuse(A)", "a.py": "from b import *", "b.py": "from a import *\nA = 2"}, ["2"]),
        ({"serve.py": "from a import A\nuse(A)", "a.py": "from b import A", "b.py": "from a import A"}, ["?"]),
        ({"serve.py": "from m import A\nuse(A)", "m.py": "def __getattr__(name): pass"}, ["?"]),
        ({"serve.py": "from m import A\nuse(A)", "m.py": "B = 1"}, ["nothing"]),
        ({"serve.py": "import kserve\nuse(kserve.Model)", "kserve/notes.py": ""}, ["kserve.Model"]),
        ({"serve.py": "from kserve import A\nuse(A)", "kserve.py": "A = 1"}, ["1"]),
        (
            {"serve.py": "from m import A\nuse(A)", "m.py": "if __name__ == '__main__':\n    A = 1\nelse:\n    A = 2"},
            ["2"],
        ),
        ({"serve.py": "from m import A\nuse(A)", "m/__init__.py": "A = 1", "m.py": "A = 2"}, ["1"]),
    ],
)
def test_imports_are_followed_through_the_project(files: dict[str, str], means: list[str]) -> None:
    assert meanings(files) == means


def test_a_chain_of_imports_without_end_is_given_up() -> None:
    files = {f"m{n}.py": f"from m{n + 1} import A" for n in range(200)}
    assert meanings({"serve.py": "from m0 import A\nuse(A)", **files, "m200.py": "A = 1"}) == ["?"]
    assert meanings({"serve.py": "x = " + "a." * 900 + "b\nuse(x)"}) == ["?"]
    many = "\n".join(f"a{n} = a{n + 1} or a{n + 2}" for n in range(3000))
    assert "?" in meanings({"serve.py": f"{many}\nuse(a0)"})


def names(files: dict[str, str], name: str) -> list[str]:
    found, script = codebase(files)
    cls = next(c for c in classes(script) if c.node.name == name)
    return [described(value) for value in found.ancestry(cls)]


def test_classes_are_searched_in_the_order_of_python() -> None:
    text = "class O: pass\nclass A(O): pass\nclass B(O): pass\nclass C(A, B): pass\n"
    assert names({"serve.py": text}, "C") == ["serve.C", "serve.A", "serve.B", "serve.O"]
    assert names({"serve.py": "class A(x.Y, Generic[T]): pass\nimport x\nfrom typing import Generic"}, "A") == [
        "serve.A",
        "x.Y",
        "typing.Generic",
    ]


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("def m(self): return 1", "here"),
        ("async def m(self): await x", "here"),
        ("m = lambda self: 1", "here"),
        ("m = f", "here"),
        ("m = staticmethod(f)", "here"),
        ("if x:\n        def m(self): return 1", "here"),
        ("m = None", "absent"),
        ("def m(self): pass", "stub"),
        ("def m(self): ...", "stub"),
        ("def m(self):\n        '''x'''\n        raise NotImplementedError()", "stub"),
        ("def m(self): return NotImplemented", "stub"),
        ("@abc.abstractmethod\n    def m(self): return 1", "stub"),
        ("def n(self):\n        def m(): return 1", "absent"),
        ("m = make()", "?"),
        ("m = kserve.m", "?"),
    ],
)
def test_a_method_is_found_in_its_class(body: str, state: str) -> None:
    text = f"import kserve\ndef f(self): return 1\nclass A(kserve.Model):\n    {body}\n"
    found, script = codebase({"serve.py": text})
    (cls,) = classes(script)
    got = method(found, cls, "m", frozenset({"kserve.Model"})).state
    assert (got if got in ("here", "stub", "absent") else "?") == state


def test_classes_in_functions_and_classes_are_seen_and_those_in_dead_code_are_not() -> None:
    text = "class A:\n    class B: pass\ndef f():\n    class C: pass\nif False:\n    class D: pass\n"
    _, script = codebase({"serve.py": text})
    assert [cls.node.name for cls in classes(script)] == ["A", "B", "C"]


def happened(text: str, **files: str) -> list[str]:
    """The imports and the calls of plain names, in order, with `?` where they may happen and `~` where later."""
    found, script = codebase({"serve.py": text, **{f"{path}.py": code for path, code in files.items()}})
    said = []
    for one in happenings(found, script):
        match one.step:
            case Import(module=name):
                said.append(f"import {name}")
            case Run(call=call):
                name = getattr(call.function, "id", None) or getattr(call.function, "name", "")
                said.append(f"{name}{'?' * (one.certainty == 'maybe')}{'~' * one.deferred}")
    return said


def test_what_happens_is_told_in_order() -> None:
    assert happened("import m\ng()\nimport m", m="import n\nf()", n="h()") == [
        "import m",
        "import n",
        "h",
        "f",
        "g",
        "import m",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(): g()\nf()\nf()", ["f", "g", "f"]),
        ("def f(): g()\nif x: f()\nf()", ["f?", "g?", "f", "g"]),
        ("def f(): f()\nf()", ["f", "f"]),
        ("def f(): g()\nrun(f)", ["run", "g?~"]),
        ("def f(): g()\nrun([f], x={'a': f})", ["run", "g?~"]),
        ("def f(): g()\n", []),
        ("@app.route('/')\ndef f(): g()\n", ["route", "g?~"]),
        ("import functools\n@functools.cache\ndef f(): g()\n", ["import functools"]),
        ("class A:\n    g()\n    def __init__(self): self.f()\n    def f(self): h()\nA()", ["g", "A", "f", "h"]),
        (
            "class A:\n    def f(self): g()\nclass B(A):\n    def f(self): super().f()\nB().f()",
            ["B", "f", "super", "f", "g"],
        ),
        ("f = lambda: g()\nf()", ["f", "g"]),
        ("async def f(): g()\nasyncio.run(f())", ["f", "g", "run"]),
        ("if __name__ == '__main__':\n    f()", ["f"]),
    ],
)
def test_calls_are_followed_into_functions(text: str, said: list[str]) -> None:
    assert happened(text) == said


def test_a_module_that_is_imported_is_not_the_script() -> None:
    assert happened("import m", m="if __name__ == '__main__':\n    f()\nelse:\n    g()") == ["import m", "g"]


def test_a_class_is_one_value_wherever_it_is_seen() -> None:
    found, script = codebase({"serve.py": "class A: pass\n"})
    step = script.module.steps[0]
    value = found.values(getattr(step, "value"), Scope(script, script.module), step)  # noqa: B009
    assert value == tuple(classes(script))
    assert isinstance(value[0], ClassValue)
    assert isinstance(value[0].node, Class)
