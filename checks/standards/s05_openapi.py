"""`openapi.yaml` describes the API that `serve.py` serves, in valid OpenAPI.

## Why
Those who call a model read its document, generate their clients from it and mock it in their tests: a document that is
wrong, or that describes another path, costs each of them a day.

## What counts
The document is judged by openapi-spec-validator, as OpenAPI 2.0, 3.0, 3.1 or 3.2. References are followed within the
repository and nowhere else: what lies on another server is never fetched. The title, the description and the version
say something, and a `post` stands on the path that kserve serves: `/v1/models/<name>:predict` or
`/v2/models/<name>/infer`, with the name that serve.py gives to its model as a literal.

## Fix safety
There is no automatic fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from weakref import proxy

from checks.finding import Finding, Skip, Span
from checks.project import Absent, Project, TooLarge
from checks.read import Excessive, Unparsable
from checks.read.imports import codebase_of
from checks.read.naming import names_of
from checks.read.openapi import (
    At,
    Dangling,
    Document,
    Library,
    Outside,
    fragment,
    fragment_json,
    parse,
    parse_json,
    scalar,
)
from checks.read.openapi_paths import posts, serves
from checks.read.openapi_references import Reference, references
from checks.read.openapi_rules import Unknowable, faults
from checks.read.python import parse as parse_python
from checks.read.serving import serving_of
from checks.read.yaml import Mapping, Node, Scalar
from checks.regex import regex
from checks.scripts import place_of
from checks.standard import Standard
from checks.standards import all_standards
from checks.tree import Unavailable

standard = Standard(5, "OpenAPI", __doc__)

FILES = ("openapi.yaml", "openapi.yml", "openapi.json")
FILLED = {
    "title": "name the API",
    "description": "say what the model predicts, and from what",
    "version": "number it, for example 1.0.0",
}
_PROMPT = regex(
    r"TODO(?:[:.!…].*)?|(?i:FIXME|CHANGE[ _-]?ME)(?:[:.!…].*)?"
    r"|\[[^\[\]]*\]|<(?!https?://)[^<>]*>|\{\{(?:(?!\}\}).)*\}\}",
    re.DOTALL,
)
"""What a whole value is while it waits for a better one; a list of things to do may be called Todo."""

_INFO = 'info: {title: Iris, description: Tells kinds apart., version: "1"}\n'
_POST = 'post: {responses: {"200": {description: The kinds.}}}'


def _spec(version: str = "3.0.3", info: str = _INFO, path: str = "/v1/models/iris:predict", more: str = "") -> str:
    key = "swagger" if version.startswith("2") else "openapi"
    return f'{key}: "{version}"\n{info}paths:\n  {path}:\n    {_POST}\n{more}'


# fmt: off
# ── examples: 5.file ─────────────────────────────────────────────────────────────────────────────────────────────────

standard.good("file", {})
standard.good("file", {"openapi.yaml": None, "openapi.yml": "a: 1\n"})
standard.good("file", {"openapi.yaml": None, "openapi.json": '{\n\t"a": "\\ud83d\\ude00 \\/"\n}'})
standard.good("file", {"openapi.yaml": b"\xef\xbb\xbfa: 1\r\n"})
standard.bad("file", {"openapi.yaml": None}, absent=("openapi.yaml",))
standard.bad("file", {"openapi.yaml": "a: b\nc: [\nd: }  # <- 5.file\n"})
standard.bad("file", {"openapi.yaml": "- a  # <- 5.file\n"})
standard.bad("file", {"openapi.yaml": "# nothing yet  # <- 5.file\n"})
standard.bad("file", {"openapi.yaml": "a: 1\n---  # <- 5.file\n"})
standard.bad("file", {"openapi.yaml": "a: 1\n---  # <- 5.file\nb: 2\n"})
standard.bad("file", {"openapi.yaml": None, "openapi.json": '{\n"a": 1,\n}  // <- 5.file'})
standard.good("file", {"openapi.yaml": '{\n\t"a": "\\ud83d\\ude00 \u2028"\n}'})
standard.good("file", {"openapi.yaml": None, "openapi.json": '{"a": "\x7f\u0085"}'.encode("utf-16")})
standard.skip("file", {"openapi.yaml": "a: " + "[" * 101 + "]" * 101}, because="nested deeper than 100 levels")
standard.skip("valid", {"openapi.yaml": "[\n"}, because="see 5.file")

# ── examples: 5.valid ────────────────────────────────────────────────────────────────────────────────────────────────

for _version in ("2.0", "3.0.0", "3.0.4", "3.1.0", "3.1.1", "3.2.0"):
    standard.good("valid", {"openapi.yaml": _spec(_version)})
standard.good("valid", {"openapi.yaml": _spec(more="x-more: {$ref: nowhere}\n")})
standard.good("valid", {"openapi.yaml": None, "openapi.json": """
    {"openapi": "3.0.3", "info": {"title": "Iris", "version": "1"},
    \t"paths": {"/a": {"get": {"responses": {"200": {"description": "\\ud83d\\ude00"}}}}}}
"""})
standard.good("valid", {"openapi.yaml": """
    openapi: 3.0.3
    info: {title: Iris, version: 2026-03-01}
    x-date: &date 2026-03-01
    paths:
      /a/{id}:
        parameters:
          - $ref: "#/components/parameters/id"
        get:
          responses:
            200:
              description: "yes"
              content:
                application/json:
                  schema: {$ref: schemas/kinds.yaml#/Kinds}
    components:
      parameters:
        id: {name: id, in: path, required: true, schema: {type: string, default: no, example: {$ref: none}}}
      schemas:
        Tree: {type: object, properties: {$ref: {type: string}, left: {$ref: "#/components/schemas/Tree"}}}
""", "schemas/kinds.yaml": """
    Kinds: {type: array, items: {$ref: "#/Kind"}}
    Kind: {allOf: [{$ref: ../schemas/kind.json}, {type: object}]}
""", "schemas/kind.json": '{"type": "object"}'})
standard.bad("valid", {"openapi.yaml": f'openapi: "3.0.3"  # <- 5.valid\n{_INFO}'})
standard.bad("valid", {"openapi.yaml": f"{_INFO}paths: {{}}\n".replace("\n", "  # <- 5.valid\n", 1)})
standard.bad("valid", {"openapi.yaml": f"openapi: 3.0  # <- 5.valid\n{_INFO}paths: {{}}\n"})
standard.bad("valid", {"openapi.yaml": f'openapi: "1.2"  # <- 5.valid\n{_INFO}paths: {{}}\n'})
standard.bad("valid", {"openapi.yaml": _spec(info="info:\n  title: Iris\n  version: 1.0  # <- 5.valid\n")})
standard.bad("valid", {"openapi.yaml": _spec(info="info:  # <- 5.valid\n  title: Iris\n")})
standard.bad("valid", {"openapi.yaml": """
    openapi: 3.0.3
    info: {title: Iris, version: "1"}
    paths:
      /a:
        get:
          respones: {}  # <- 5.valid
          responses:
            "200": {description: x}
"""})
standard.bad("valid", {"openapi.yaml": """
    openapi: 3.1.0
    info: {title: Iris, version: "1"}
    paths:
      /a/{id}:
        get:  # <- 5.valid
          operationId: one
          responses: {"200": {description: x}}
      /b:
        get:
          operationId: one  # <- 5.valid
          responses: {"200": {description: x}}
"""})
standard.bad("valid", {"openapi.yaml": """
    openapi: 3.0.3
    info: {title: Iris, version: "1"}
    paths:
      /a:
        get:
          responses:
            "200":
              description: x
              content:
                application/json:
                  schema:
                    $ref: "#/components/schemas/Kind"
    components:
      schemas:
        Kind:
          type: object
          properties:
            size:
              type: integer
              default: big  # <- 5.valid
"""})
standard.bad("valid", {"openapi.yaml": """
    openapi: 3.0.3
    info: {title: Iris, version: "1"}
    paths:
      /a:
        get:
          responses:
            "200":
              $ref: "#/components/responses/None"  # <- 5.valid
            "400":
              $ref: errors.yaml#/Bad  # <- 5.valid
    components:
      schemas:
        One: {$ref: "#/components/schemas/Two"}  # <- 5.valid
        Two: {$ref: "#/components/schemas/One"}  # <- 5.valid
"""})
standard.bad("valid", {
    "openapi.yaml": _spec(more="components: {schemas: {A: {$ref: a/b.yaml}}}\n"),
    "a/b.yaml": "type: array\nitems:\n  $ref: c.yaml  # <- 5.valid\n",
})
for _text in ("https://example.com/a.yaml", "file:///etc/passwd", "/etc/passwd", "../../a.yaml", "//example.com/a#/b"):
    _more = f"components: {{schemas: {{A: {{$ref: '{_text}'}}}}}}\n"
    standard.skip("valid", {"openapi.yaml": _spec(more=_more)}, because="lies outside of the repository")
standard.good("valid", {  # nothing of it leads to the part of the other file that does not hold
    "openapi.yaml": _spec(more="components: {schemas: {A: {$ref: 'a/b.yaml#/Kinds/0'}}}\n"),
    "a/b.yaml": "Kinds: [{type: string}]\nOther: {$ref: nothing.yaml}\n",
})
standard.bad("valid", {
    "openapi.yaml": _spec(more="components: {schemas: {A: {$ref: Kind}, B: {$ref: '#Kind'}}}  # <- 5.valid\n"),
})
standard.good("valid", {
    "openapi.yaml": _spec(more="components: {schemas: {A: {$ref: list.yaml#/0}, B: {$ref: kind}}}\n"),
    "list.yaml": "- type: string\n",
    "kind": "type: string\n",
})
standard.good("valid", {"openapi.yaml": _spec().replace("paths:\n", "paths:\n  x-owner: ml\n")})
standard.good("valid", {"openapi.yaml": _spec("2.0").replace(
    "description: The kinds.", "description: The kinds., examples: {application/json: {$ref: none}}",
)})
standard.bad("valid", {"openapi.yaml": """
    openapi: 3.0.3
    info:  # <- 5.valid
      description: Kinds.
    paths:
      /a/{id}:
        get:  # <- 5.valid
          responses: {"200": {description: x}}
"""})
standard.skip("valid", {"openapi.yaml": _spec("3.1.0", more="""components:
  schemas:
    A: {$id: "https://example.com/a.json", properties: {b: {$ref: b.json}}}
""")}, because="counted from an $id")
standard.skip("valid", {"openapi.yaml": _spec("3.9.0")}, because="OpenAPI 3.9.0 is not known")
standard.skip("valid", {"openapi.yaml": None}, because="see 5.file")

# ── examples: 5.info ─────────────────────────────────────────────────────────────────────────────────────────────────

_FULL = {"title": "Iris", "description": "Tells kinds apart.", "version": '"1"'}


def _with_info(**changed: str | None) -> dict[str, str]:
    lines = [f"  {key}: {value}\n" for key, value in (_FULL | changed).items() if value is not None]
    missing = any(value is None for value in changed.values())
    return {"openapi.yaml": _spec(info="info:" + ("  # <- 5.info\n" if missing else "\n") + "".join(lines))}


standard.good("info", {})
for _text in ("TODO list", "TODO-list", "TODO - what is to be done", "Todo", "'{{a}} and {{b}}'", "<https://example.com>",
              "|\n    TODO\n    Tells kinds apart.", "'[Iris](https://example.com)'", "<b>Tells</b> kinds",
              "Kinds {{a}} and {{b}}.", "Todos"):
    standard.good("info", _with_info(description=_text))
standard.good("info", _with_info(version="1.0"))
for _text in ("TODO", '""', "null", "' '", "FixMe", "CHANGE_ME", "'[description]'", "<what it does>",
              '"{{ cookiecutter.text }}"', "FIXME", "Changeme", "'TODO: say what it does'"):
    standard.bad("info", _with_info(description=f"{_text}  # <- 5.info"))
standard.bad("info", _with_info(title=None))
standard.bad("info", _with_info(title=None, version=None, description=None))
standard.bad("info", {"openapi.yaml": 'openapi: "3.0.3"  # <- 5.info\npaths: {}\n'})
standard.skip("info", {"openapi.yaml": None}, because="see 5.file")

# ── examples: 5.predict ──────────────────────────────────────────────────────────────────────────────────────────────

_CLASS = """
import kserve
class Iris(kserve.Model):
    def load(self): self.ready = True
    def predict(self, payload, headers=None): return payload
"""
_NAMED = _CLASS + "Iris('iris-v2').load()\n"


def _served(path: str, serve: str = _NAMED, **more: str) -> dict[str, str]:
    return {"openapi.yaml": _spec(path=path, **more), "serve.py": serve}


_FAULTY = _spec().replace("paths:", "paths:  # <- 5.predict")

standard.good("predict", {})
standard.good("predict", _served("/v1/models/iris-v2:predict"))
standard.good("predict", _served("/v2/models/iris-v2/infer"))
standard.good("predict", _served("/v1/models/{name}:predict"))
standard.good("predict", _served("/models/iris-v2:predict", more="servers: [{url: 'https://example.com/v1/'}]\n"))
standard.good("predict", _served(
    "/models/iris-v2:predict", more='servers: [{url: "/{v}", variables: {v: {default: v1}}}]\n',
))
standard.good("predict", _served("/models/iris-v2:predict", version="2.0", more="basePath: /v1\n"))
standard.good("predict", _served("/v1/models/anything:predict", _CLASS + "import os\nIris(os.environ['NAME'])\n"))
standard.good("predict", _served("/v1/models/anything:predict", _CLASS))
standard.good("predict", _served(
    "/v1/models/a:predict", _CLASS + "NAME = 'a'\nif __name__ == '__main__':\n    Iris(name=NAME)\n",
))
standard.good("predict", _served("/v1/models/a:predict", """
import kserve
class Iris(kserve.Model):
    def __init__(self):
        super().__init__("a")
    def load(self): self.ready = True
    def predict(self, payload, headers=None): return payload
Iris()
"""))
standard.good("predict", _served("/v1/models/a:predict", """
import kserve
class Base(kserve.Model):
    def __init__(self, folder, name):
        kserve.Model.__init__(self, name)
    def load(self): self.ready = True
    def predict(self, payload, headers=None): return payload
class Iris(Base):
    def __init__(self, folder):
        super().__init__(folder, "a")
def main():
    Iris("b")
"""))
standard.good("predict", {"openapi.yaml": """
    openapi: 3.1.0
    info: {title: Iris, description: Kinds., version: "1"}
    paths:
      /v1/models/iris:predict:
        $ref: paths/predict.yaml
""", "paths/predict.yaml": _POST + "\n"})
standard.bad("predict", {"openapi.yaml": _FAULTY, "serve.py": _NAMED})
standard.bad("predict", {"openapi.yaml": _FAULTY.replace("post:", "get:")})
standard.bad("predict", {"openapi.yaml": _FAULTY.replace("/v1/models/iris:predict", "/predict")})
standard.bad("predict", {"openapi.yaml": _FAULTY + "servers: [{url: 'https://example.com/api'}]\n"})
standard.bad("predict", {"openapi.yaml": f'openapi: "3.0.3"  # <- 5.predict\n{_INFO}'})
standard.bad("predict", {"openapi.yaml": _FAULTY, "serve.py": _CLASS + "Iris('iris')\nIris('other')\n"})
standard.skip("predict", {"openapi.yaml": _spec().replace(_POST, "$ref: https://example.com/predict.yaml")},
              because="lies outside of the repository")
for _url, _why in {
    "{base}": "{base}", "{base}/v2": "{base}", "v2": "relative", "./": "relative",
    "https://a.example.com{base}/": "{base}",
}.items():
    standard.skip("predict", _served("/models/iris-v2/infer", more=f"servers: [{{url: '{_url}'}}]\n"), because=_why)
    standard.bad("predict", {
        "openapi.yaml": _FAULTY.replace("iris:predict", "other:predict") + f"servers: [{{url: '{_url}'}}]\n",
        "serve.py": _NAMED,
    })
for _url in ("https://{host}/v1", "{scheme}://{host}:{port}/v1/", "https://iris-{env}.example.com/{version}",
             "//example.com/v1?a=b", "localhost:8080/v1", "example.com/v1/", "/v1", "/{version}"):
    standard.good("predict", _served("/models/iris-v2:predict", more=f"servers: [{{url: '{_url}'}}]\n"))
standard.good("predict", {"openapi.yaml": _spec().replace(f"    {_POST}", f"    servers: [{{url: /}}]\n    {_POST}") +
                                          "servers: [{url: /api}]\n"})
standard.good("predict", {"openapi.yaml": _spec().replace(
    f"    {_POST}", f"    $ref: https://example.com/other.yaml\n    {_POST}",
)})
standard.bad("predict", {"openapi.yaml": _FAULTY.replace(_POST, "post: null")})
standard.bad("predict", {
    "openapi.yaml": _FAULTY.replace("/v1/models/iris:predict", "/health").replace(_POST, "$ref: https://example.com/a.yaml"),
})
standard.bad("predict", {"openapi.yaml": _FAULTY.replace("iris:predict", "{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}:infer")})
standard.skip("predict", {"openapi.yaml": None}, because="see 5.file")
standard.skip("predict", {"serve.py": None}, because="see 4.file")
# fmt: on


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@standard.rule("file")
def file(project: Project) -> Iterator[Finding]:
    """openapi.yaml (or .yml, .json) exists and can be read."""
    path = _path(project)
    try:
        _document(project, path)
    except Absent:
        message = "There is no openapi.yaml: add one that describes the API of serve.py"
        yield Finding(path, None, message, "openapi")
    except Excessive as error:
        raise Skip(f"{path.rpartition('/')[2]} {error.why}: too much for snitch to judge") from None
    except Unparsable as error:
        hint = "correct it there" if "valid" in error.why else "it must be one mapping, with openapi, info and paths"
        message = f"{path.rpartition('/')[2]} {error.why}: {hint}"
        yield Finding(path, place_of(project.bytes(path), error), message, "openapi")


@standard.rule("valid")
def valid(project: Project) -> Iterator[Finding]:
    """The document is valid OpenAPI, and its references lead somewhere."""
    library = _library(project)
    known = project.remember("5 references", lambda: tuple(references(library)))
    for reference in known:
        if reference.trouble and not reference.outside:
            yield _dangling(reference)
    try:
        for fault in faults(library, known):
            yield Finding(fault.at.path, fault.at.span, fault.message, fault.context)
    except Unknowable as unknown:
        raise Skip(f"whether it is valid can't be known: {unknown.why}") from None
    outside = next((reference for reference in known if reference.outside), None)
    if outside:
        raise Skip(f"whether it is valid can't be known: a $ref {outside.trouble}")


@standard.rule("info")
def info(project: Project) -> Iterator[Finding]:
    """The document's title, description and version are filled in."""
    library = _library(project)
    document = library.document
    about = document.child(document.root, "info")
    if about and document.reference(about[1]) is not None:
        raise Skip("info is a reference")
    parent = At(library.path, document, *about) if about else library.root
    for name, hint in FILLED.items():
        found = document.child(about[1], name) if about else None
        if found is None:
            yield Finding(library.path, _head(parent), f"info has no {name}: {hint}", name)
        elif _is_empty(found[1]):
            span = document.span(*found)
            yield Finding(library.path, span, f"The {name} in info is not filled in: {hint}", name)


@standard.rule("predict")
def predict(project: Project) -> Iterator[Finding]:
    """The document has a post on the path under which serve.py serves its model."""
    library = _library(project)
    names = project.remember("5 names", lambda: _names(project))
    known = list(posts(library))
    for name in names or (None,):
        if any(not post.why and serves(post, name) for post in known):
            continue
        unknown = next((post.why for post in known if post.why and serves(post, name)), None)
        if unknown:
            raise Skip(f"what its paths lead to can't be known: {unknown}")
        yield _unserved(library, name)


# ── the document ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _path(project: Project) -> str:
    """The document of the project: the first of its names that exists."""
    paths = [project.at(name) for name in FILES]
    return next((path for path in paths if project.exists(path)), paths[0])


def _document(project: Project, path: str) -> Document:
    return project.parse(parse_json if path.endswith(".json") else parse, path)


def _library(project: Project) -> Library:
    return project.remember("5 library", lambda: _opened(project))


def _opened(project: Project) -> Library:
    path = _path(project)
    own: Project = proxy(project)  # which remembers the library

    def load(other: str) -> Document:
        shown = other[:120]
        try:
            return own.parse(fragment_json if other.endswith(".json") else fragment, other)
        except Absent:
            raise Dangling(f"leads nowhere: there is no file {shown}") from None
        except Excessive as error:
            raise Outside(f"leads to {shown}, which {error.why}") from None
        except Unparsable as error:
            raise Dangling(f"leads to {shown}, which {error.why}") from None
        except (TooLarge, Unavailable) as error:
            raise Outside(f"leads to {error}") from None

    try:
        return Library(path, _document(project, path), load)
    except (Absent, Unparsable, TooLarge, Unavailable):
        raise Skip("see 5.file") from None


def _dangling(reference: Reference) -> Finding:
    message = f"The $ref {' '.join(reference.text.split())[:120]} {reference.trouble}: correct it, or add what it names"
    return Finding(reference.at.path, reference.at.span, message, reference.pointer[:500])


def _head(at: At) -> Span:
    """A mapping's key, or the first line of what stands in it."""
    return at.document.span(at.key, at.node) if at.key is not None else at.document.stream.span(*_first(at.document))


def _first(document: Document) -> tuple[int, int]:
    start = document.root.start
    end = document.stream.text.find("\n", start)
    return start, end if end >= 0 else len(document.stream.text)


def _is_empty(node: Node) -> bool:
    """Whether a value is left to be filled in."""
    if not isinstance(node, Scalar):
        return False  # 5.valid tells what is wrong with it
    value = scalar(node)
    text = str(value).strip() if value is not None else ""
    return not text or bool(_PROMPT.fullmatch(text))


# ── what it serves ───────────────────────────────────────────────────────────────────────────────────────────────────


def _names(project: Project) -> tuple[str, ...]:
    """The literal names that serve.py gives to its models."""
    path = project.at("serve.py")
    module = project.need(parse_python, path, "4.file")
    setting = next(one for one in all_standards() if one.number == 4).settings["base_classes"]
    bases: tuple[str, ...] = project.setting(setting)
    codebase = codebase_of(project)
    script = codebase.main(path, module)
    serving = serving_of(codebase, script, frozenset(bases), lambda: "", project.paths)
    return names_of(codebase, script, [model.value for model in serving.models])


def _unserved(library: Library, name: str | None) -> Finding:
    document = library.document
    wanted = f"/v1/models/{name or '<name>'}:predict"
    why = "" if name is None else ", where serve.py serves its model"
    message = f"There is no post on {wanted}{why}: describe it under paths"
    found = document.child(document.root, "paths")
    parent = At(library.path, document, *found) if found and isinstance(found[1], Mapping) else library.root
    return Finding(library.path, _head(parent), message, name or "predict")
