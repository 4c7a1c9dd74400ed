"""The names under which a script serves its models, followed through constructors."""

from __future__ import annotations

import pytest

from checks.read.classes import classes
from checks.read.imports import Codebase
from checks.read.naming import names_of
from checks.read.python import parse

HEAD = "import kserve\nclass A(kserve.Model): pass\n"
OWN = "import kserve\nclass A(kserve.Model):\n    def __init__(self, {given}):\n        {body}\n"


def names(text: str, **files: str) -> tuple[str, ...]:
    others = {f"{name}.py": data for name, data in files.items()}
    codebase = Codebase(["."], lambda path: path in others, lambda path: parse(others[path].encode()))
    script = codebase.main("serve.py", parse(text.encode()))
    return names_of(codebase, script, list(classes(script)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HEAD + "A('a')", ("a",)),
        (HEAD + "A(name='a')", ("a",)),
        (HEAD + "kserve.ModelServer().start([A('a'), A('b')])", ("a", "b")),
        (HEAD + "NAME = 'a'\ndef main():\n    model = A(NAME)\n", ("a",)),
        (HEAD + "class B:\n    def f(self):\n        return A('a')\n", ("a",)),
        (HEAD + "if __name__ != '__main__':\n    A('a')", ()),
        (HEAD + "A()", ()),
        (HEAD + "import os\nA(os.environ.get('NAME', 'a'))", ()),
        (HEAD + "A(**options)", ()),
        (HEAD + "A(f'a')", ()),
        (HEAD, ()),
        (OWN.format(given="name", body="super().__init__(name)") + "A('a')", ("a",)),
        (OWN.format(given="path, name", body="super().__init__(name)") + "A('x', 'a')", ("a",)),
        (OWN.format(given="path, name", body="super().__init__(name=name)") + "A('x', name='a')", ("a",)),
        (OWN.format(given="path", body="super(A, self).__init__('a')") + "A('x')", ("a",)),
        (OWN.format(given="path", body="kserve.Model.__init__(self, 'a')") + "A('x')", ("a",)),
        (OWN.format(given="name", body="super().__init__(name + '-x')") + "A('a')", ()),
        (OWN.format(given="name", body="name = name.lower(); super().__init__(name)") + "A('a')", ()),
        (OWN.format(given="name", body="self.name = name") + "A('a')", ()),
        (OWN.format(given="name", body="super().__init__(name)") + "class B(A): pass\nB('b')", ("b",)),
    ],
)
def test_a_name_is_what_is_given_to_kserves_constructor(text: str, found: tuple[str, ...]) -> None:
    assert names(text) == found


def test_constructors_are_followed_into_the_project() -> None:
    base = OWN.format(given="folder, name", body="super().__init__(name)").replace("class A", "class Base")
    text = "from base import Base\nclass A(Base):\n    def __init__(self):\n        super().__init__('x', 'a')\nA()"
    assert names(text, base=base) == ("a",)
