"""Whether a document keeps OpenAPI's own rules: openapi-spec-validator's judgement, each fault at its place.

The validator is given everything that it may read: its registry of references holds the tree's files, and fetches
nothing. It is imported only here, when a document is really judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote, urldefrag, urljoin

from checks.dataclass import dataclass, field
from checks.finding import Span
from checks.read.openapi import At, Dangling, Document, Library, Outside, scalar
from checks.read.openapi_faults import Fault, ValidationError, deeper_fault, schema_fault
from checks.read.openapi_plain import is_plain
from checks.read.openapi_references import Reference, parts
from checks.read.yaml import Mapping, Node, Scalar, Sequence
from checks.regex import regex

MAX_FAULTS = 50
_MAX_LIST = 300  # of what can't be sorted: whether it is unique takes quadratic time
_UNIQUE = frozenset(("tags", "parameters", "required", "enum", "type", "schemes", "security", "consumes", "produces"))
_MAX_LOOKUPS = 100_000
_MAX_WEIGHT = 20_000  # schemas that one stands for when its parts are put in
_BASE = "http://tree.invalid/"
_COMBINING = ("allOf", "anyOf", "oneOf", "not", "items", "if", "then", "else")
_REPEATS = regex(r"[*+{]")


class Unknowable(Exception):
    """The validator can't judge the document; `why` for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def faults(library: Library, references: Iterable[Reference]) -> Iterator[Fault]:
    """What is wrong with a document, besides its references. Raises Unknowable, after what was found until then."""
    known = list(references)
    _refuse_long_lists(library.document)
    spec = _Values(library.document).of(library.document.root)
    if is_plain(spec):
        return
    from checks.read.openapi_validator import shortcuts

    validator = shortcuts()
    try:
        judge = validator.get_validator_cls(spec)
    except (validator.ValidatorDetectError, TypeError):
        yield from _without_version(library, spec)
        return
    places: set[tuple[str, Span]] = set()
    try:
        for error in _limited(judge.schema_validator.iter_errors(spec)):
            fault = schema_fault(library, error)
            places.add((fault.at.path, fault.at.span))
            yield fault
    except RecursionError:
        raise Unknowable("it is nested too deeply to be judged") from None
    try:
        for fault in _deeper(library, judge, known):
            if (fault.at.path, fault.at.span) not in places:
                places.add((fault.at.path, fault.at.span))  # the same once more, in other words
                yield fault
    except Unknowable:
        if not places:
            raise


def _without_version(library: Library, spec: Any) -> Iterator[Fault]:
    version = next((spec[key] for key in ("openapi", "swagger") if key in spec), None)
    text = str(version)
    if re.match(r"3\.([3-9]|\d\d)", text):
        raise Unknowable(f"OpenAPI {text[:20]} is not known here")
    key = "swagger" if "swagger" in spec else "openapi"
    at = library.step(library.root, (key,))
    if version is None:
        message = 'The document says no version of OpenAPI: add openapi: "3.0.3"'
    elif not isinstance(version, str) and re.match(r"2\.0|3\.[0-2]", text):
        message = f'The version must be a text with all its numbers: write {key}: "{_full(text)}"'
    else:
        message = f'{text[:40]} is no version of OpenAPI: write openapi: "3.0.3"'
    yield Fault(at, message, "/openapi version")


def _full(version: str) -> str:
    return {"2.0": "2.0", "3.0": "3.0.3", "3.1": "3.1.0", "3.2": "3.2.0"}.get(version[:3], "3.0.3")


def _limited(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    for number, error in enumerate(errors):
        if number >= MAX_FAULTS:
            return
        yield error


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Values:
    """A document's nodes as Python values. `tame`: without regular expressions that may take exponential time."""

    document: Document
    tame: bool = False
    _made: dict[int, Any] = field(default_factory=dict)

    def of(self, node: Node) -> Any:
        if isinstance(node, Scalar):
            return scalar(node)
        if id(node) not in self._made:
            self._made[id(node)] = self._made_of(node)
        return self._made[id(node)]

    def _made_of(self, node: Node) -> Any:
        if isinstance(node, Sequence):
            return [self.of(one) for one in node.items]
        found = {name: self.of(value) for name, (_, value) in self.document.entries(node).items()}
        if self.tame:
            if isinstance(found.get("pattern"), str) and _is_wild(found["pattern"]):
                del found["pattern"]
            if isinstance(found.get("patternProperties"), dict) and any(map(_is_wild, found["patternProperties"])):
                found = {k: v for k, v in found.items() if k not in ("patternProperties", "additionalProperties")}
        return found


def _is_wild(pattern: str) -> bool:
    return len(_REPEATS.findall(pattern)) > 1 or len(pattern) > 1000


def _refuse_long_lists(document: Document) -> None:
    """Refuses lists for which it would take quadratic time to see that nothing stands in them twice."""
    for name, _, value, _, named in parts(document, document.root, "", set(), old=False):
        if name == "default" and not named:
            lists = _lists_in(value)
        else:
            lists = iter([value] if isinstance(value, Sequence) and name in _UNIQUE else [])
        if any(len(one.items) > _MAX_LIST and not _is_sortable(one) for one in lists):
            raise Unknowable(f"it has a list of more than {_MAX_LIST} mappings or mixed values, too many to judge")


def _lists_in(node: Node) -> Iterator[Sequence]:
    waiting, seen = [node], {node}
    while waiting:
        match waiting.pop():
            case Sequence(items=items) as found:
                yield found
                inner = items
            case Mapping(pairs=pairs):
                inner = tuple(value for _, value in pairs)
            case _:
                continue
        waiting += [one for one in inner if one not in seen]
        seen.update(inner)


def _is_sortable(found: Sequence) -> bool:
    kinds = {type(scalar(one)) if isinstance(one, Scalar) else None for one in found.items}
    return kinds <= {str} or kinds <= {int, float}


# ── the second look: what the document's schema can't say ────────────────────────────────────────────────────────────


def _deeper(library: Library, judge: Any, references: list[Reference]) -> Iterator[Fault]:
    from referencing.exceptions import Unresolvable

    troubled = any(reference.trouble for reference in references)
    if not _is_light(library):
        raise Unknowable("its schemas stand for too many others to be judged")
    spec, registry = _registered(library, references)
    spec = _without_extensions(spec)
    root = _paths(spec, registry, library.path)
    keywords = _registry(judge.keyword_validators)
    try:
        for error in _limited(keywords["__root__"](root)):
            if str(error.message).startswith("Unknown JSON Schema dialect"):
                raise Unknowable("it names a dialect of JSON Schema that is not known here")
            yield deeper_fault(library, error)
    except RecursionError:
        raise Unknowable("its schemas are nested too deeply to be judged") from None
    except (Unresolvable, *_CRASHES) as error:
        if not troubled:  # otherwise the reference is what is wrong
            raise Unknowable(f"the validator can't judge it ({type(error).__name__})") from None
    finally:
        keywords.clear()  # its validators know it


def _without_extensions(spec: Any) -> Any:
    """Without what stands beside the paths as `x-`: the validator takes it for paths."""
    paths = spec.get("paths") if isinstance(spec, dict) else None
    if not isinstance(paths, dict):
        return spec
    return {**spec, "paths": {name: item for name, item in paths.items() if not name.startswith("x-")}}


_CRASHES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, re.error)
"""What openapi-spec-validator raises on references that lead to something else than what belongs there."""


def _is_light(library: Library) -> bool:
    """Whether no schema stands for very many others when its parts are put in: that would take for ever."""
    weights: dict[int, int] = {}
    schemas = [library.root.document.get("components", "schemas"), library.root.document.get("definitions")]
    for group in schemas:
        for key, node in library.document.entries(group).values():
            if _weight(library, At(library.path, library.document, key, node), weights, 0) > _MAX_WEIGHT:
                return False
    return True


def _weight(library: Library, at: At, weights: dict[int, int], depth: int) -> int:
    """For how many schemas one stands; `weights`: what is known of nodes by their id."""
    try:
        at = library.follow(at)
    except (Dangling, Outside):
        return 1
    if isinstance(at.node, Scalar) or depth > 200:
        return 1
    if id(at.node) not in weights:
        weights[id(at.node)] = 1  # on the way: a circle is the recursion's own limit
        parts = sum(_weight(library, one, weights, depth + 1) for one in _combined(at))
        weights[id(at.node)] = min(1 + parts, _MAX_WEIGHT + 1)
    return weights[id(at.node)]


def _combined(at: At) -> Iterator[At]:
    for keyword in _COMBINING:
        found = at.document.child(at.node, keyword)
        if found is None:
            continue
        if isinstance(found[1], Sequence):
            yield from (At(at.path, at.document, None, one) for one in found[1].items)
        else:
            yield At(at.path, at.document, *found)


def _registered(library: Library, references: list[Reference]) -> tuple[Any, Any]:
    """The document's value, and a registry with every file that it leads to; nothing else is ever retrieved."""
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    values: dict[str, Any] = {library.path: _Values(library.document, tame=True).of(library.document.root)}
    resources = {_uri(library.path): values[library.path]}
    for reference in references:
        if reference.trouble:
            continue
        target = library.target(reference.at.path, reference.text)
        if target.path not in values:
            _refuse_long_lists(target.document)
            values[target.path] = _Values(target.document, tame=True).of(target.document.root)
        address = urldefrag(urljoin(_uri(reference.at.path), reference.text)).url
        resources[address] = resources[_uri(target.path)] = values[target.path]
    made = {False: Resource.opaque, True: DRAFT202012.create_resource}
    pairs = [(uri, made[isinstance(value, dict)](value)) for uri, value in resources.items()]
    return values[library.path], Registry().with_resources(pairs)


def _uri(path: str) -> str:
    return _BASE + quote(path, errors="surrogateescape")


def _paths(spec: Any, registry: Any, path: str) -> Any:
    from jsonschema_path import SchemaPath

    accessor = _counted()(spec, registry.resolver(base_uri=_uri(path)), resolved_cache_maxsize=128)
    return SchemaPath(accessor)


@cache
def _counted() -> Any:
    from jsonschema_path.accessors import SchemaAccessor

    class Counted(SchemaAccessor):
        """Gives up after so many look-ups: references can make a small document endless."""

        left = _MAX_LOOKUPS

        def get_resolved(self, parts: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Unknowable("its schemas stand for too many others to be judged")
            return super().get_resolved(parts)

    return Counted


def _registry(validators: dict[str, Any]) -> Any:
    """The validator's keyword validators, made to say of each error where it was found; for one document."""
    from openapi_spec_validator.validation.registries import KeywordValidatorRegistry

    return KeywordValidatorRegistry({name: _placed(validator) for name, validator in validators.items()})


@cache
def _placed(validator: Any) -> Any:
    """A keyword validator that says of each error where it was found: the innermost knows best."""
    from jsonschema_path import SchemaPath

    class Placed(validator):  # type: ignore[misc]
        def __call__(self, *args: Any, **keywords: Any) -> Iterator[Any]:
            at = next((one for one in reversed(args) if isinstance(one, SchemaPath)), None)
            if validator.__name__ == "OperationValidator":
                at = args[2]
            inside = ("default",) if validator.__name__.endswith("ValueValidator") else ()
            for error in super().__call__(*args, **keywords):
                if at is not None and not hasattr(error, "place"):
                    error.place = (*at.parts, *inside)
                yield error

    return Placed
