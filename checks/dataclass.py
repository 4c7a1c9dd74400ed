"""The standard library's data classes at a tenth of their price, for a program that is often started.

`dataclasses` writes six methods of each class as text and compiles them where the class is defined: 0.4 ms each, which
was a third of the time that `snitch check` took. Here only `__init__` is written so, when the first instance is made,
and once for all classes of its shape. For mypy, and for `asdict` and its like, these are the library's own; what is
not used here is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

__all__ = ["dataclass", "field", "replace"]

T = TypeVar("T")
_MISSING: Any = object()
_REFUSED = ("ClassVar", "InitVar", "KW_ONLY")
_LEFT_OUT = ("__dict__", "__weakref__")  # of a class that is made anew: they are the old one's


class _Field:
    """A field, with what `field` was told of it."""

    __slots__ = ("compare", "default", "default_factory", "init", "repr")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] = _MISSING,
        init: bool = True,
        repr: bool = True,
        compare: bool = True,
    ) -> None:
        self.default, self.default_factory = default, default_factory
        self.init, self.repr, self.compare = init, repr, compare

    @property
    def may_be_left_out(self) -> bool:
        return self.default is not _MISSING or self.default_factory is not _MISSING


def _dataclass(
    *, frozen: bool = False, slots: bool = False, eq: bool = True, order: bool = False
) -> Callable[[type[T]], type[T]]:
    """`dataclasses.dataclass`, for a class with no data class among its bases."""

    def made(cls: type[T]) -> type[T]:
        fields = _fields(cls)
        members = _members(fields, frozen, eq, order)
        members |= {name: value for name, value in vars(cls).items() if name not in (*fields, *_LEFT_OUT)}
        if slots:
            members["__slots__"] = tuple(fields)
        else:
            members |= {name: one.default for name, one in fields.items() if one.default is not _MISSING}
        new: Any = type(cast("Any", cls))(cls.__name__, cls.__bases__, members)
        new.__qualname__ = cls.__qualname__
        new.__init__ = _written_later(new, fields, frozen, slots)
        return cast("type[T]", new)

    return made


def _fields(cls: type) -> dict[str, _Field]:
    found = {}
    for name, kind in vars(cls).get("__annotations__", {}).items():
        if str(kind).startswith(_REFUSED):
            raise TypeError(f"{cls.__qualname__}.{name}: no {kind} in checks.dataclass")
        given = vars(cls).get(name, _MISSING)
        found[name] = given if isinstance(given, _Field) else _Field(default=given)
    return found


# ── the methods ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _members(fields: Mapping[str, _Field], frozen: bool, eq: bool, order: bool) -> dict[str, Any]:
    key = _key([name for name, one in fields.items() if one.compare])
    given = tuple(name for name, one in fields.items() if one.init)
    members: dict[str, Any] = {
        "__match_args__": given,
        "__dataclass_fields__": _OfTheLibrary(fields),
        "__repr__": _repr([name for name, one in fields.items() if one.repr]),
        "__reduce__": lambda self: (type(self), tuple(getattr(self, name) for name in given)),
    }
    if frozen:
        members |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_set}
    if eq:
        members["__eq__"] = _comparing(operator.eq, key)
        members["__hash__"] = (lambda self: hash(key(self))) if frozen else None
    if order:
        for compare in (operator.lt, operator.le, operator.gt, operator.ge):
            members[f"__{compare.__name__}__"] = _comparing(compare, key)
    return members


def _key(names: list[str]) -> Callable[[Any], Any]:
    return operator.attrgetter(*names) if names else lambda _: ()


def _comparing(compare: Callable[[Any, Any], bool], key: Callable[[Any], Any]) -> Callable[[Any, Any], bool]:
    return lambda self, other: compare(key(self), key(other)) if type(other) is type(self) else NotImplemented


def _repr(names: list[str]) -> Callable[[Any], str]:
    def shown(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return shown


def _refuse_to_set(self: object, name: str, *_: object) -> None:
    raise AttributeError(f"{name!r} of a frozen {type(self).__name__} can't be changed")


def _written_later(cls: Any, fields: Mapping[str, _Field], frozen: bool, slots: bool) -> Callable[..., None]:
    """An `__init__` that puts the real one in its place when it is called."""

    def first(self: object, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = made = _init(cls, fields, frozen, slots)
        made(self, *args, **kwargs)

    return first


def _init(cls: type, fields: Mapping[str, _Field], frozen: bool, slots: bool) -> Callable[..., None]:
    taken = {name: one for name, one in fields.items() if one.init}  # the others are given by __post_init__
    left_out = [one.may_be_left_out for one in taken.values()]
    if left_out != sorted(left_out):
        raise TypeError(f"{cls.__qualname__}: a field without a default follows one with a default")
    shape = tuple(one.default_factory is not _MISSING for one in taken.values())
    code = _code(shape, slots, hasattr(cls, "__post_init__"))
    known: dict[str, Any] = {"_set": object.__setattr__ if frozen else setattr, "_MISSING": _MISSING}
    for number, (name, one) in enumerate(taken.items()):
        # half the time of object.__setattr__
        known[f"_put{number}"] = vars(cls)[name].__set__ if slots else name
        known[f"_make{number}"] = one.default_factory
    names, qualified = ("self", *taken), f"{cls.__qualname__}.__init__"
    defaults = tuple(one.default for one in taken.values() if one.may_be_left_out)
    made = FunctionType(code.replace(co_varnames=names, co_qualname=qualified), known, "__init__", defaults)
    made.__qualname__ = qualified
    return made


@cache
def _code(made: tuple[bool, ...], slots: bool, more: bool) -> CodeType:
    """Of an `__init__` with so many fields, of which some are `made` where they are left out: classes differ in names
    alone, which are put in afterwards. To compile one costs as much as to put names into fifty.
    """
    taken = ["self", *(f"a{number}" for number in range(len(made)))]
    values = [f"_make{n}() if a{n} is _MISSING else a{n}" if one else f"a{n}" for n, one in enumerate(made)]
    lines = [f"_put{n}(self, {value})" if slots else f"_set(self, _put{n}, {value})" for n, value in enumerate(values)]
    body = "".join(f"\n    {line}" for line in (*lines, "self.__post_init__()" if more else "pass"))
    found: dict[str, Any] = {}
    exec(f"def __init__({', '.join(taken)}):{body}", found)  # noqa: S102 - of numbers alone
    return cast("CodeType", found["__init__"].__code__)


class _OfTheLibrary:
    """`__dataclass_fields__`, by which the library knows a data class: made when it asks."""

    def __init__(self, fields: Mapping[str, _Field]) -> None:
        self._fields = fields

    def __get__(self, instance: object, owner: type) -> Mapping[str, Any]:
        import dataclasses

        given = [(name, "Any", self._as_given(name)) for name in self._fields]
        return cast("Mapping[str, Any]", vars(dataclasses.make_dataclass("_", given))["__dataclass_fields__"])

    def _as_given(self, name: str) -> Any:
        import dataclasses

        one = self._fields[name]
        given = {key: getattr(one, key) for key in _Field.__slots__ if getattr(one, key) is not _MISSING}
        return dataclasses.field(**given)


def _replace(value: T, /, **changes: Any) -> T:
    """The same value with some of its fields changed."""
    given = {name: getattr(value, name) for name in cast("Any", value).__match_args__} | changes
    return type(value)(**given)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = _dataclass, _Field, _replace
