"""Our data classes behave as the library's do, in all that is used of them."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from checks import dataclass as ours
from checks.finding import Finding, Span
from checks.standards import all_standards
from checks.tree import Entry

SOURCE = '''
@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere."""
    path: str
    line: int = 1
    tags: list[str] = field(default_factory=list, compare=False)
    note: str = field(default="", repr=False)
    def __str__(self): return self.path

@dataclass(frozen=True, slots=True, order=True)
class Point:
    x: int
    y: int = 0

@dataclass(frozen=True, eq=False)
class Node:
    name: str
    @cached_property
    def upper(self): return self.name.upper()

@dataclass(slots=True)
class Work:
    left: int
    found: dict[str, int] = field(default_factory=dict)
    half: int = field(init=False)
    def __post_init__(self): self.half = self.left // 2

@dataclass(frozen=True, slots=True)
class Nothing:
    pass
'''


def classes(library: ModuleType) -> ModuleType:
    """The classes above, made by one library or the other."""
    module = ModuleType(f"made_by_{library.__name__.replace('.', '_')}")
    imports = (f"from {library.__name__} import dataclass, field", "from functools import cached_property")
    header = "\n".join(["from __future__ import annotations", *imports])
    sys.modules[module.__name__] = module
    exec(header + SOURCE, vars(module))
    return module


@pytest.fixture(params=[ours, dataclasses], ids=["ours", "the library's"])
def made(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    module = classes(request.param)
    yield module
    del sys.modules[module.__name__]


def test_values_have_fields_defaults_and_a_repr(made: ModuleType) -> None:
    place = made.Place("a", tags=["b"], note="c")
    assert (place.path, place.line, place.tags, place.note) == ("a", 1, ["b"], "c")
    assert repr(place) == "Place(path='a', line=1, tags=['b'])" and str(place) == "a"
    assert made.Place("a").tags is not made.Place("a").tags
    assert made.Place.__doc__ == "Somewhere." and made.Place.__qualname__ == "Place"
    assert made.Place.__match_args__ == ("path", "line", "tags", "note")
    assert repr(made.Nothing()) == "Nothing()" and made.Nothing() == made.Nothing()


def test_values_are_equal_by_what_is_compared_and_only_within_their_class(made: ModuleType) -> None:
    assert made.Place("a", 1, ["b"]) == made.Place("a", 1, ["c"]) != made.Place("a", 2)
    assert hash(made.Place("a", 1, ["b"])) == hash(made.Place("a", 1, ["c"]))
    assert made.Point(1) != made.Place("a") and made.Point(1) != (1, 0)
    assert made.Node("a") != made.Node("a") and len({made.Node("a"), made.Node("a")}) == 2
    assert made.Work(2) == made.Work(2) != made.Work(3)
    with pytest.raises(TypeError, match="unhashable"):
        hash(made.Work(2))


def test_an_order_is_that_of_the_fields(made: ModuleType) -> None:
    assert made.Point(1, 2) < made.Point(1, 3) <= made.Point(2) and made.Point(3) > made.Point(2) >= made.Point(2)
    with pytest.raises(TypeError):
        _ = made.Point(1) < 1
    with pytest.raises(TypeError):
        _ = made.Place("a") < made.Place("b")


def test_a_frozen_value_cannot_be_changed_and_a_slotted_one_has_no_other_names(made: ModuleType) -> None:
    for name in ("path", "other"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(made.Place("a"), name, "b")
    with pytest.raises((AttributeError, TypeError)):
        del made.Place("a").path
    work = made.Work(4)
    work.left = 5
    assert (work.left, work.half, work.found) == (5, 2, {})
    with pytest.raises(AttributeError):
        work.other = 1
    assert made.Node("a").upper == "A"


def test_what_is_missing_or_too_much_is_a_type_error(made: ModuleType) -> None:
    for _ in range(2):  # the first instance is made in another way
        for given, named in (((), {}), (("a", 1, [], "", 2), {}), (("a",), {"path": "b"}), (("a",), {"other": 1})):
            with pytest.raises(TypeError, match=r"Place\.__init__"):
                made.Place(*given, **named)
        made.Place("a")


def test_values_are_copied_pickled_and_taken_apart(made: ModuleType) -> None:
    for value in (made.Place("a", 2, ["b"]), made.Point(1), made.Work(4), made.Nothing()):
        assert copy.deepcopy(value) == copy.copy(value) == pickle.loads(pickle.dumps(value)) == value
    assert dataclasses.asdict(made.Place("a")) == {"path": "a", "line": 1, "tags": [], "note": ""}
    assert dataclasses.astuple(made.Point(1)) == (1, 0)
    assert dataclasses.is_dataclass(made.Work) and dataclasses.replace(made.Point(1), y=2) == made.Point(1, 2)
    assert [field.name for field in dataclasses.fields(made.Place)] == ["path", "line", "tags", "note"]


def test_replace_changes_what_it_is_told() -> None:
    assert ours.replace(Span(1, 2, 3, 4), line=2) == Span(2, 2, 3, 4)
    with pytest.raises(TypeError, match="lines"):
        ours.replace(Span(1, 2, 3, 4), lines=2)


def test_what_the_checks_do_not_use_is_refused() -> None:
    for kind in ("ClassVar[int]", "InitVar[int]"):
        with pytest.raises(TypeError, match=kind[:7]):
            ours.dataclass(slots=True)(type("Wrong", (), {"__annotations__": {"a": kind}}))


def test_every_class_of_the_checks_takes_what_the_library_would_let_it_take() -> None:
    """Their fields, in order and with the same defaults, and nothing is inherited from another data class."""
    all_standards()
    found = [one for name, module in sys.modules.items() if name.startswith("checks.") for one in _values_of(module)]
    assert {Finding, Span, Entry} <= set(found) and len(found) > 100
    for one in found:
        assert not any(hasattr(base, "__match_args__") for base in one.__mro__[1:]), one
        fields = [f for f in dataclasses.fields(one) if f.init]
        source = ours._init(one, vars(one)["__dataclass_fields__"]._fields, False, False)
        taken = list(inspect.signature(source).parameters.values())[1:]
        assert [parameter.name for parameter in taken] == [f.name for f in fields] == list(one.__match_args__)
        optional = [f.default is not f.default_factory for f in fields]  # both MISSING where it must be given
        assert [parameter.default is not inspect.Parameter.empty for parameter in taken] == optional


def _values_of(module: ModuleType) -> list[Any]:
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in own if "__match_args__" in vars(one)]
