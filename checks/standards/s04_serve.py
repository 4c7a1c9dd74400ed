"""Inference logic must be implemented in `serve.py` by subclassing `kfserving.KFModel` or `kserve.KFModel`.

## Why
The platform starts every model in the same way: `serve.py` holds a subclass of kserve's model class, whose `load()`
fetches the weights and whose `predict()` answers a request. Since kserve 0.8 `KFModel` is called `kserve.Model`.

## What counts
A class of serve.py that derives from it, directly or through classes of this project; names are followed through
imports, never compared as text. `load` and `predict` may come from a mixin of the project; a stub does not count.
An organisation that has a base class of its own names it in the policy's `base_classes`.

## Fix safety
`KFModel`, `KFServer` and `KFModelRepository` are renamed where requirements.txt asks for a kserve that lacks them: safe
up to 0.9, unsafe from 0.10 on, where the signatures changed as well. A missing `load` or `predict` gets a skeleton that
a person has to complete: unsafe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from checks.finding import Edit, Finding, Fix, Skip, Span
from checks.policy import Setting, text_list
from checks.project import Absent, Project
from checks.read import Unparsable
from checks.read.imports import codebase_of
from checks.read.python import NEWER, parse, parse_script
from checks.read.serving import Serving, serving_of, version
from checks.read.syntax import front_span, header
from checks.regex import regex
from checks.standard import Standard

standard = Standard(4, "Inference logic", __doc__)

BASES: tuple[str, ...] = (
    "kfserving.KFModel",
    "kfserving.kfmodel.KFModel",
    "kserve.KFModel",
    "kserve.kfmodel.KFModel",
    "kserve.Model",
    "kserve.model.Model",
)
base_classes = standard.setting(
    Setting("base_classes", BASES, "full names of the classes that a model may derive from", text_list)
)

_NEW_NAMES = {"KFModel": "Model", "KFServer": "ModelServer", "KFModelRepository": "ModelRepository"}
_NEW_MODULES = {"kfmodel": "model", "kfserver": "model_server", "kfmodel_repository": "model_repository"}
_CHANGED = (0, 10)
_PIN = regex(r"^[ \t]*kserve[ \t]*(?:\[[^\]\n]*\])?[ \t]*\(?[ \t]*(?:===?|~=|>=)[ \t]*v?(\d+(?:\.\d+)*)", re.I | re.M)
LOAD = (
    "def load(self):",
    "    # TODO: load the weights into self.model",
    "    self.ready = True",
    "    return self.ready",
)
PREDICT = (
    "def predict(self, payload, headers=None):",
    "    # TODO: adapt this to the model that load() has put into self.model",
    '    return {"predictions": list(self.model.predict(payload["instances"]))}',
)


# fmt: off
# ── examples: 4.file, 4.import ───────────────────────────────────────────────────────────────────────────────────────

standard.good("file", {})
standard.good("file", {"serve.py": ""})
standard.good("file", {"serve.py": "# -*- coding: latin-1 -*-\nname = 'Müller'\n".encode("latin-1")})
standard.good("file", {"serve.py": b"\xef\xbb\xbfimport os\r\nx = '\\d'\r\n"})
standard.bad("file", {"serve.py": None}, absent=("serve.py",))
standard.bad("file", {"serve.py": "import os\nclass Iris(  # <- 4.file\n"})
standard.bad("file", {"serve.py": "x = 1\nprint 'hello'  # <- 4.file\n"})
standard.bad("file", {"serve.py": "import os\nfrom __future__ import annotations  # <- 4.file\n"})
standard.bad("file", {"serve.py": "if 1:\n    return 1  # <- 4.file\n"})
standard.bad("file", {"serve.py": "x = " + "(" * 5000 + "  # <- 4.file\n"})

standard.good("import", {"serve.py": """
    try:
        from kserve import Model
    except ImportError:
        from kfserving import KFModel as Model
"""})
standard.good("import", {"serve.py": "def main():\n    import kfserving.kfmodel as k\n"})
standard.good("import", {"serve.py": "import importlib\nkserve = importlib.import_module('kserve')\n"})
standard.good("import", {
    "serve.py": "from base import Base\nclass Iris(Base): pass\n",
    "base.py": "import kserve\nclass Base(kserve.Model): pass\n",
})
standard.bad("import", {"serve.py": """
    import os  # <- 4.import
"""})
standard.bad("import", {"serve.py": """
    from typing import TYPE_CHECKING  # <- 4.import
    if TYPE_CHECKING:
        import kserve
"""})
standard.bad("import", {"serve.py": "import mlkserve  # <- 4.import\n"})
standard.skip("import", {"serve.py": "class Iris(type('Base', (), {})): pass\n"}, because="it is computed by a call")
standard.skip("import", {"serve.py": None}, because="see 4.file")

# ── examples: 4.subclass ─────────────────────────────────────────────────────────────────────────────────────────────

standard.good("subclass", {"serve.py": "import kfserving\nclass Iris(kfserving.KFModel): pass\n"})
standard.good("subclass", {"serve.py": "from kserve import Model as M\nclass Iris(M): pass\n"})
standard.good("subclass", {"serve.py": "from kserve.model import Model\nclass Iris(object, Model): pass\n"})
standard.good("subclass", {"serve.py": "from kserve import model as m\nclass Iris(m.Model): pass\n"})
standard.good("subclass", {"serve.py": "from kserve import *\nclass Iris(Model): pass\n"})
standard.good("subclass", {"serve.py": """
    import kserve

    Base = kserve.Model

    if True:
        class Iris(Base):
            pass
"""})
standard.good("subclass", {"serve.py": """
    try:
        import kserve
        Base = kserve.Model
    except (ImportError, AttributeError):
        Base = object

    class Shared(Base):
        pass

    class Iris(Shared):
        pass
"""})
standard.good("subclass", {"serve.py": """
    from typing import Generic, TypeVar
    import kserve

    T = TypeVar("T")

    class Shared(kserve.Model, Generic[T]):
        pass

    class Iris(Shared[int]):
        pass
"""})
standard.good("subclass", {
    "serve.py": "from serving import Base\nclass Iris(Base): pass\n",
    "src/serving/__init__.py": "from .models import *\n",
    "src/serving/models/__init__.py": "from ..deep.base import Base\n",
    "src/serving/deep/base.py": "import kserve\nclass Base(kserve.Model): pass\n",
})
standard.good("subclass", {
    "serve.py": "import lib.serving.base\nclass Iris(lib.serving.base.Base): pass\n",
    "lib/serving/base.py": "from serve_names import KFModel as Base\n",
    "serve_names.py": "from kserve import *\n",
})
standard.good("subclass", {
    "serve.py": "from one import Model\nclass Iris(Model): pass\n",
    "one.py": "from two import Model\n",
    "two.py": "import one\nfrom kserve import Model\n",
})
standard.good("subclass", {"serve.py": "import acme\nclass Iris(acme.Server): pass\n"}, policy={
    "base_classes": ("acme.Server",),
})
standard.good("subclass", {
    "serve.py": "from kserve import KFModel\nclass Iris(KFModel): pass\n",
    "requirements.txt": "kserve==0.7.0",
})
standard.bad("subclass", {"serve.py": """
    from django.db.models import Model
    class Iris(Model):  # <- 4.subclass
        def predict(self, payload):
            return payload
"""})
standard.bad("subclass", {"serve.py": """
    from kserve import Model
    from revscoring import Model
    class Iris(Model):  # <- 4.subclass
        pass
"""})
standard.bad("subclass", {"serve.py": """
    import kserve
    class Model:
        pass
    class Iris(Model):  # <- 4.subclass
        def predict(self, payload):
            return payload
"""})
standard.bad("subclass", {"serve.py": """
    import kserve
    class Iris(Model):  # <- 4.subclass
        pass
"""})
standard.bad("subclass", {"serve.py": """
    from typing import TYPE_CHECKING  # <- 4.subclass
    import kserve
    if TYPE_CHECKING:
        class Iris(kserve.Model):
            pass
"""})
standard.bad("subclass", {
    "serve.py": "import kserve\nfrom model import Iris  # <- 4.subclass\nkserve.ModelServer().start([Iris()])\n",
    "model.py": "import kserve\nclass Iris(kserve.Model): pass\n",
})
standard.bad("subclass", {
    "serve.py": "import kserve\nimport model\nkserve.ModelServer().start([model.Iris()])  # <- 4.subclass\n",
    "model.py": "import kserve\nclass Iris(kserve.Model): pass\n",
})
standard.bad("subclass", {"serve.py": "import os  # <- 4.subclass\nimport kserve\n"})
standard.bad("subclass", {
    "serve.py": """
        from kserve import KFModel, KFServer

        class Iris(KFModel):  # <- 4.subclass
            def load(self): return True
            def predict(self, payload): return payload

        if __name__ == "__main__":
            KFServer(workers=1).start([Iris("iris")])
    """,
    "requirements.txt": "kserve[storage]==0.8.0  # the last good one\n",
}, fixed={"serve.py": """
    from kserve import Model, ModelServer

    class Iris(Model):
        def load(self): return True
        def predict(self, payload): return payload

    if __name__ == "__main__":
        ModelServer(workers=1).start([Iris("iris")])
"""})
standard.bad("subclass", {
    "serve.py": """
        import kserve
        from revscoring import Model
        from kserve import KFModel
        from kserve.kfmodel_repository import KFModelRepository as Repository

        class Iris(KFModel):  # <- 4.subclass
            repository = Repository
            server = kserve.kfserver.KFServer
            def load(self): return True
            def predict(self, payload): return payload
    """,
    "requirements.txt": "kserve~=0.10",
}, fixed={"serve.py": """
    import kserve
    from revscoring import Model
    from kserve import Model as KFModel
    from kserve.model_repository import ModelRepository as Repository

    class Iris(KFModel):
        repository = Repository
        server = kserve.model_server.ModelServer
        def load(self): return True
        def predict(self, payload): return payload
"""})
standard.skip("subclass", {
    "serve.py": "import kserve\nIris = type('Iris', (kserve.Model,), {})\n",
}, because="made by type")
standard.skip("subclass", {"serve.py": "def f(): pass\nclass Iris(f()): pass\n"}, because="it is computed by a call")
standard.skip("subclass", {"serve.py": "from a import *\nfrom b import *\nclass Iris(Model): pass\n"}, because="star")
standard.skip("subclass", {"serve.py": "from .base import Base\nclass Iris(Base): pass\n"}, because="no module .base")
standard.skip("subclass", {
    "serve.py": "from base import Base\nclass Iris(Base): pass\n",
    "base.py": "class Base(\n",
}, because="base.py is not valid Python")
standard.skip("subclass", {
    "serve.py": "import sys\nsys.path.append('lib')\nfrom base import Base\nclass Iris(Base): pass\n",
    "lib/base.py": "import kserve\nclass Base(kserve.Model): pass\n",
}, because="lib/base.py")
standard.skip("subclass", {
    "serve.py": "from common.base import Base\nclass Iris(Base): pass\n",
    "python/common/base.py": "import kserve\nclass Base(kserve.Model): pass\n",
}, because="python/common/base.py")

# ── examples: 4.load, 4.predict ──────────────────────────────────────────────────────────────────────────────────────

standard.good("load", {"serve.py": """
    import kserve
    class Iris(kserve.Model):
        async def load(self):
            self.ready = True
"""})
standard.good("load", {"serve.py": """
    import kserve
    class Transformer(kserve.Model):
        pass
    class Iris(kserve.Model):
        try:
            import torch
            def load(self):
                self.ready = True
        except ImportError:
            load = None
"""})
standard.good("predict", {
    "serve.py": """
        import kserve
        from mixins import Predicts
        class Iris(Predicts, kserve.Model):
            pass
    """,
    "mixins.py": """
        from abc import ABC
        class Predicts(ABC):
            def predict(self, payload, headers=None):
                return {"predictions": []}
    """,
})
standard.good("predict", {"serve.py": """
    import kserve
    def helper(self, payload):
        return payload
    class Iris(kserve.Model):
        predict = helper
"""})
standard.good("predict", {"serve.py": """
    import kserve
    def predict(self, payload):
        return payload
    class Iris(kserve.Model):
        predict = predict
"""})
standard.good("predict", {"serve.py": """
    import kserve
    class Iris(kserve.Model):
        def infer(self, payload):
            return payload
        predict = infer
"""})
standard.bad("load", {"serve.py": """
    import kserve
    class Iris(kserve.Model):  # <- 4.load
        def predict(self, payload):
            return payload
"""}, fixed={"serve.py": """
    import kserve
    class Iris(kserve.Model):
        def predict(self, payload):
            return payload

        def load(self):
            # TODO: load the weights into self.model
            self.ready = True
            return self.ready
"""})
standard.bad("predict", {"serve.py": "import kserve\nclass Iris(kserve.Model): pass  # <- 4.predict\n"})
standard.bad("predict", {"serve.py": """
    import kserve
    class Iris(kserve.Model):  # <- 4.predict
    \tdef load(self):
    \t\tself.ready = True"""}, fixed={"serve.py": """
    import kserve
    class Iris(kserve.Model):
    \tdef load(self):
    \t\tself.ready = True

    \tdef predict(self, payload, headers=None):
    \t\t# TODO: adapt this to the model that load() has put into self.model
    \t\treturn {"predictions": list(self.model.predict(payload["instances"]))}"""})
standard.bad("predict", {"serve.py": """
    import kserve
    class Iris(kserve.Model):  # <- 4.predict
        def load(self):
            def predict(payload):
                return payload
            self.ready = True
"""})
standard.bad("predict", {"serve.py": """
    import kserve
    class Iris(kserve.Model):  # <- 4.predict
        predict = None
"""})
standard.bad("predict", {"serve.py": '''
    import kserve
    class Iris(kserve.Model):  # <- 4.predict
        def predict(self, payload):
            """To be done."""
            raise NotImplementedError("later")
'''})
standard.bad("load", {"serve.py": """
    import abc, kserve
    class Shared(kserve.Model):  # <- 4.load
        @abc.abstractmethod
        def load(self):
            self.ready = True
    class Iris(Shared):
        pass
"""})
standard.skip("load", {"serve.py": """
    import kserve
    class Iris(kserve.Model):
        pass
    setattr(Iris, "load", print)
"""}, because="attached")
standard.skip("predict", {"serve.py": """
    import kserve
    from acme import Mixin
    class Iris(Mixin, kserve.Model):
        pass
"""}, because="acme.Mixin may have predict")
standard.skip("predict", {"serve.py": """
    import kserve
    class Iris(kserve.Model):
        predict = kserve.helper
"""}, because="kserve.helper")
standard.skip("load", {"serve.py": "import kserve\n"}, because="see 4.subclass")
# fmt: on


@standard.rule("file")
def file(project: Project) -> Iterator[Finding]:
    """serve.py exists and is valid Python."""
    path = project.at("serve.py")
    try:
        project.parse(parse_script, path)
    except Absent:
        yield Finding(path, None, "There is no serve.py: add one, with a subclass of kserve.Model")
    except Unparsable as error:
        if error.why.startswith(NEWER):
            raise Skip(error.why) from None
        yield Finding(path, _place_of(project.bytes(path), error), f"serve.py is not valid Python: {error.why}")


@standard.rule("import")
def imported(project: Project) -> Iterator[Finding]:
    """kserve or kfserving is imported by serve.py, or by the project's module that its model class comes from."""
    serving = _serving(project)
    if serving.imports or serving.models or serving.outdated:
        return
    if serving.unknown:
        raise Skip(serving.unknown)
    message = "serve.py imports neither kserve nor kfserving: import kserve, and derive the model from kserve.Model"
    yield Finding(serving.path, front_span(serving.module), message)


@standard.rule("subclass")
def subclass(project: Project) -> Iterator[Finding]:
    """A class of serve.py derives from kserve.Model, or from its older names."""
    serving = _serving(project)
    if serving.models:
        return
    for one in serving.outdated:
        message = (
            f"kserve {serving.pin} has no {one.base.rpartition('.')[2]}, which became Model in 0.8: "
            f"derive {one.name} from kserve.Model"
        )
        yield Finding(serving.path, header(serving.module, one.value.node), message, one.name)
    if serving.outdated:
        return
    if serving.unknown:
        raise Skip(serving.unknown)
    if serving.problem:
        yield Finding(serving.path, serving.problem.span, serving.problem.message, serving.problem.context)


@standard.rule("load")
def load(project: Project) -> Iterator[Finding]:
    """The model class of serve.py implements load()."""
    yield from _implements(project, "load", "it fetches the weights and sets self.ready")


@standard.rule("predict")
def predict(project: Project) -> Iterator[Finding]:
    """The model class of serve.py implements predict()."""
    yield from _implements(project, "predict", "it takes the request's payload and returns the predictions")


@subclass.fix(safe=True)
def rename_old_names(project: Project, finding: Finding) -> Fix | None:
    """All old names of kserve, with their imports, in serve.py and the project's modules that it uses."""
    from checks.read.python_edit import rename

    serving = _serving(project)
    if not serving.outdated or _is_incomplete(serving):
        return None
    edits = []
    for path in serving.files:
        module = project.parse(parse, path)
        if not any(re.search(rf"\b{old}\b", module.source.text) for old in (*_NEW_NAMES, *_NEW_MODULES)):
            continue
        data = rename(module, "kserve", _NEW_NAMES, _NEW_MODULES)
        if data is None or _is_link(project, path):
            return None
        edits.append(Edit(path, module.source.data, data))
    changed = version(serving.pin) >= _CHANGED
    note = "Since kserve 0.10 predict() also gets headers, and the server takes other arguments." if changed else None
    return Fix(tuple(edits), safe=not changed, note=note)


def _is_link(project: Project, path: str) -> bool:
    """Another file's content would be edited at the wrong place."""
    entry = project.entry(path)
    return entry is not None and entry.kind == "link"


def _is_incomplete(serving: Serving) -> bool:
    """Renamed, its models would come to light as without load or predict: these have to be written first."""
    states = [[model.methods[name].state for model in serving.outdated] for name in ("load", "predict")]
    return any(all(state in ("absent", "stub") for state in one) for one in states)


@load.fix(safe=False)
def add_load(project: Project, finding: Finding) -> Fix | None:
    """A skeleton of load() at the end of the class."""
    return _skeleton(project, finding, LOAD)


@predict.fix(safe=False)
def add_predict(project: Project, finding: Finding) -> Fix | None:
    """A skeleton of predict() at the end of the class."""
    return _skeleton(project, finding, PREDICT)


def _skeleton(project: Project, finding: Finding, lines: tuple[str, ...]) -> Fix | None:
    from checks.read.python_edit import add_method

    serving = _serving(project)
    model = next((one for one in serving.models if one.name == finding.context), None)
    name = lines[0].removeprefix("def ").partition("(")[0]
    if model is None or _is_link(project, serving.path) or model.methods[name].state != "absent":
        return None
    data = add_method(serving.module, model.value.node, lines)
    if data is None:
        return None
    return Fix((Edit(serving.path, serving.module.source.data, data),), safe=False, note="A skeleton: fill it in.")


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _serving(project: Project) -> Serving:
    return project.remember("4 serving", lambda: _found(project))


def _found(project: Project) -> Serving:
    path = project.at("serve.py")
    names: tuple[str, ...] = project.setting(base_classes)
    module = project.need(parse_script, path, "4.file")
    codebase = codebase_of(project)
    script = codebase.main(path, module)
    return serving_of(codebase, script, frozenset(names), lambda: _kserve_pin(project), project.paths)


def _kserve_pin(project: Project) -> str:
    """The lowest version of kserve that requirements.txt allows, or an empty text."""
    path = project.at("requirements.txt")
    return project.parse(_pinned, path) if project.exists(path) else ""


def _pinned(data: bytes) -> str:
    found = _PIN.search(data.decode("utf-8-sig", errors="replace"))
    return found[1] if found else ""


def _implements(project: Project, name: str, what: str) -> Iterator[Finding]:
    serving = _serving(project)
    if not serving.models:
        raise Skip("see 4.subclass")
    found = [(model, model.methods[name]) for model in serving.models]
    if any(one.state == "here" for _, one in found):
        return
    for _, one in found:
        if one.state not in ("absent", "stub"):
            raise Skip(one.state)
    model, one = found[0]
    if one.state == "stub":
        message = f"{name}() of {model.name} is only a stub: implement it ({what})"
    else:
        message = f"{model.name} has no {name}(): implement it ({what})"
    yield Finding(serving.path, header(serving.module, model.value.node), message, model.name)


def _place_of(data: bytes, error: Unparsable) -> Span:
    """The line that Python's parser names, from its column on; the first line where it names none."""
    lines = data.decode("utf-8-sig", errors="replace").splitlines() or [""]
    number = min(max(error.line or 1, 1), len(lines))
    text = lines[number - 1]
    column = min(error.column or 1, len(text) + 1) if number == error.line else 1
    return Span(number, column, number, len(text) + 1)
