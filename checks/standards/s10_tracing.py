"""`serve.py` must call `ddtrace.patch(tornado=True)` to support Datadog APM tracing.

## Why
kserve answers requests through a web server. Datadog sees these requests only where that server's library is patched,
and ddtrace leaves tornado out of what it patches by itself: `ddtrace.patch_all()`, `import ddtrace.auto`,
`ddtrace-run` and `DD_…` variables do not turn it on. Patching comes first: names that were imported before it stay
unpatched.

## What counts
The call in any spelling, at module level, in `try`, under `if __name__ == "__main__":`, or in a function of serve.py
that these call. Under another condition, or with a value that is not written down, snitch can't know and says nothing.

## Fix safety
Safe: ddtrace is imported and called before everything else, or an existing call gets the missing keyword; nothing else
changes. A call is moved up only if it is a statement of its own with constant arguments; for others a call is added at
the top, which changes when tracing starts: unsafe. So is turning `tornado=False` into True, which somebody has meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.finding import Edit, Finding, Fix, Skip
from checks.policy import Setting, text_list
from checks.project import Absent, Project, TooLarge
from checks.read import Unparsable
from checks.read.dockerfile import read_dockerfile
from checks.read.imports import codebase_of
from checks.read.lint_settings import selects
from checks.read.patching import Patching, Tracing, tracing_of
from checks.read.python import parse_script
from checks.read.syntax import front_span
from checks.regex import regex
from checks.standard import Standard
from checks.tree import Unavailable

standard = Standard(10, "Tracing", __doc__)

TORNADO: tuple[str, ...] = ("tornado",)
apm_integrations = standard.setting(
    Setting(
        "apm_integrations",
        TORNADO,
        "what of ddtrace serve.py must patch (kserve ≥ 0.10: fastapi)",
        text_list,
    )
)

_RUN = regex(r"\bddtrace-run\b")
_SWITCHES = {"CMD": _RUN, "ENTRYPOINT": _RUN, "ENV": regex(r"\bDD_(?:PATCH_MODULES|TRACE_(?:[A-Z]+_)?ENABLED)\b")}
"""What turns ddtrace on from outside, by the instruction of a Dockerfile that it stands in."""

# fmt: off
# ── 10.patch passes ──────────────────────────────────────────────────────────────────────────────────────────────────

standard.good("patch", {"serve.py": """
    import ddtrace; ddtrace.patch(tornado=True)
"""})
standard.good("patch", {"serve.py": """
    from ddtrace import patch as p
    p(redis=True, tornado=True)
"""})
standard.good("patch", {"serve.py": """
    import ddtrace.monkey
    import kserve
    ddtrace.monkey.patch(raise_errors=False, tornado=1)
"""})
standard.good("patch", {"serve.py": """
    import ddtrace as dd
    dd.patch(**{"tornado": True})
"""})
standard.good("patch", {"serve.py": """
    from ddtrace import *
    patch(**dict(redis=True, tornado=True))
    from ddtrace import *
"""})
for after in ("patch = None", "if X:\n    from unittest.mock import patch"):
    standard.good("patch", {"serve.py": f"from ddtrace import *\npatch(tornado=True)\n{after}\n"})
standard.good("patch", {"serve.py": """
    from ddtrace import patch_all
    patch_all(tornado=True)
"""})
standard.good("patch", {"serve.py": """
    try:
        import ddtrace
        ddtrace.patch(tornado=True)
    except ImportError:
        pass
"""})
standard.good("patch", {"serve.py": """
    try:
        from ddtrace import patch
    except ImportError:
        def patch(**integrations):
            pass
    patch(tornado=True)
"""})
standard.good("patch", {"serve.py": """
    import ddtrace

    def trace():
        ddtrace.patch(tornado=True)

    def main():
        trace()

    if __name__ == "__main__":
        main()
"""})
standard.good("patch", {"serve.py": """
    class Server:
        def __init__(self):
            self.trace()

        def trace(self):
            from ddtrace import patch
            patch(tornado=True)

    Server()
"""})
standard.good("patch", {
    "serve.py": """
        from tracing import switch_on
        switch_on(tornado=True)
    """,
    "tracing.py": "from ddtrace import patch as switch_on",
})
standard.good("patch", {"serve.py": """
    import ddtrace
    if not False:
        ddtrace.patch(tornado="yes")
"""})
standard.good("patch", {"serve.py": """
    import ddtrace
    TRACED = {"tornado": True}
    ddtrace.patch(**TRACED)
"""})
standard.good("patch", {"serve.py": "import importlib\nimportlib.import_module('ddtrace').patch(tornado=True)"})
standard.good("patch", {"serve.py": "import ddtrace\nddtrace.patch_all()"}, policy={"apm_integrations": ("fastapi",)})
standard.good("patch", {"serve.py": "import ddtrace.auto"}, policy={"apm_integrations": ("fastapi",)})

# ── 10.patch fails ───────────────────────────────────────────────────────────────────────────────────────────────────

standard.bad("patch", {"serve.py": """
    import ddtrace
    ddtrace.patch(redis=True)  # <- 10.patch
    import kserve
"""}, fixed={"serve.py": """
    import ddtrace
    ddtrace.patch(redis=True, tornado=True)
    import kserve
"""})
standard.bad("patch", {"serve.py": """
    import ddtrace
    ddtrace.patch()  # <- 10.patch
"""}, fixed={"serve.py": """
    import ddtrace
    ddtrace.patch(tornado=True)
"""})
standard.bad("patch", {"serve.py": """
    from ddtrace import patch
    patch(  # <- 10.patch
        redis=True,  # the cache
        grpc=True  # the store
    )
"""}, fixed={"serve.py": """
    from ddtrace import patch
    patch(
        redis=True,  # the cache
        grpc=True,  # the store
        tornado=True
    )
"""})
standard.bad("patch", {"serve.py": """
    from ddtrace import patch
    patch(  # <- 10.patch
        redis=True,
        grpc=(True),
    )
"""}, fixed={"serve.py": """
    from ddtrace import patch
    patch(
        redis=True,
        grpc=(True),
        tornado=True,
    )
"""})
standard.bad("patch", {"serve.py": """
    import ddtrace
    ddtrace.patch_all()  # <- 10.patch
    import kserve
"""}, fixed={"serve.py": """
    import ddtrace
    ddtrace.patch_all(tornado=True)
    import kserve
"""})
standard.bad("patch", {"serve.py": """
    import ddtrace
    ddtrace.patch(tornado=False)  # <- 10.patch
"""}, fixed={"serve.py": """
    import ddtrace
    ddtrace.patch(tornado=True)
"""})
standard.bad("patch", {"serve.py": """
    import os  # <- 10.patch
    import kserve
"""}, fixed={"serve.py": """
    import ddtrace

    ddtrace.patch(tornado=True)

    import os
    import kserve
"""})
standard.bad("patch", {"serve.py": '''
    """The iris model."""
    # Copyright of nobody.
    from __future__ import annotations

    import os  # <- 10.patch
'''}, fixed={"serve.py": '''
    """The iris model."""
    # Copyright of nobody.
    from __future__ import annotations

    import ddtrace

    ddtrace.patch(tornado=True)

    import os
'''})
standard.bad("patch", {"serve.py": """
    #!/usr/bin/env python
    # -*- coding: utf-8 -*-
    try:  # <- 10.patch
        import kserve
    except ImportError:
        import kfserving as kserve
"""}, fixed={"serve.py": """
    #!/usr/bin/env python
    # -*- coding: utf-8 -*-
    import ddtrace

    ddtrace.patch(tornado=True)

    try:
        import kserve
    except ImportError:
        import kfserving as kserve
"""})
standard.bad("patch", {"serve.py": '"""The iris model."""; import kserve  # <- 10.patch\n'}, fixed={
    "serve.py": '"""The iris model."""; import ddtrace; ddtrace.patch(tornado=True); import kserve\n',
})
standard.bad("patch", {"serve.py": '"""The iris model."""  # <- 10.patch'}, fixed={
    "serve.py": '"""The iris model."""\n\nimport ddtrace\n\nddtrace.patch(tornado=True)',
})
standard.bad("patch", {"serve.py": "# <- 10.patch"}, fixed={
    "serve.py": "import ddtrace\n\nddtrace.patch(tornado=True)\n",
})
standard.bad("patch", {"serve.py": """
    import os  # <- 10.patch
    import ddtrace
    import kserve
"""}, fixed={"serve.py": """
    import os
    import ddtrace

    ddtrace.patch(tornado=True)

    import kserve
"""})
standard.bad("patch", {"serve.py": """
    from ddtrace import patch, tracer  # <- 10.patch
    import kserve
"""}, fixed={"serve.py": """
    from ddtrace import patch, tracer

    patch(tornado=True)

    import kserve
"""})
standard.bad("patch", {"serve.py": """
    import kserve  # <- 10.patch
    import ddtrace
"""}, fixed={"serve.py": """
    import ddtrace

    ddtrace.patch(tornado=True)

    import kserve
    import ddtrace
"""})
standard.bad("patch", {"serve.py": """
    import kserve
    import ddtrace
    ddtrace.patch(redis=True)  # <- 10.patch
"""}, fixed={"serve.py": """
    import ddtrace

    ddtrace.patch(tornado=True)

    import kserve
    import ddtrace
    ddtrace.patch(redis=True)
"""})
standard.bad("patch", {
    "serve.py": """
        import os  # <- 10.patch
        from kserve import (
            Model,
            ModelServer,
        )
        import json  # noqa: F401
        if os.environ:
            import math
    """,
    "pyproject.toml": "[tool.ruff.lint]\nselect = ['E', 'F']",
}, fixed={"serve.py": """
    import ddtrace

    ddtrace.patch(tornado=True)

    import os  # noqa: E402
    from kserve import (  # noqa: E402
        Model,
        ModelServer,
    )
    import json  # noqa: F401, E402
    if os.environ:
        import math
"""})
standard.bad("patch", {
    "serve.py": "import os  # <- 10.patch\n",
    "setup.cfg": "[flake8]\nextend-ignore = E203, E402\n",
}, fixed={"serve.py": "import ddtrace\n\nddtrace.patch(tornado=True)\n\nimport os\n"})
standard.bad("patch", {
    "serve.py": "import tracing  # <- 10.patch\n",
    "tracing.py": "import ddtrace\nddtrace.patch(tornado=True)\n",
}, fixed={"serve.py": "import ddtrace\n\nddtrace.patch(tornado=True)\n\nimport tracing\n"})
standard.bad("patch", {"serve.py": """
    from typing import TYPE_CHECKING  # <- 10.patch
    import ddtrace
    if TYPE_CHECKING:
        ddtrace.patch(tornado=True)
"""})
standard.bad("patch", {"serve.py": """
    import ddtrace  # <- 10.patch

    def trace():
        return None
        ddtrace.patch(tornado=True)

    def nobody_calls_this():
        ddtrace.patch(tornado=True)

    trace()
"""})
standard.bad("patch", {"serve.py": """
    import ddtrace  # <- 10.patch

    def patch(**integrations):
        pass

    patch(tornado=True)
"""})
standard.bad("patch", {"serve.py": """
    try:  # <- 10.patch
        import ddtrace
    except ImportError:
        ddtrace = None
    import kserve
"""}, fixed={"serve.py": """
    import ddtrace

    ddtrace.patch(tornado=True)

    try:
        import ddtrace
    except ImportError:
        ddtrace = None
    import kserve
"""})
standard.bad("patch", {"serve.py": """
    from ddtrace.contrib.tornado import patch
    patch()  # <- 10.patch
"""})
standard.bad("patch", {"serve.py": "import ddtrace.auto  # <- 10.patch\nimport kserve\n"})
standard.bad("patch", {"serve.py": "import kserve  # <- 10.patch\n"}, policy={
    "apm_integrations": ("tornado", "fastapi"),
}, fixed={"serve.py": "import ddtrace\n\nddtrace.patch(tornado=True, fastapi=True)\n\nimport kserve\n"})

# ── 10.patch can't be known ──────────────────────────────────────────────────────────────────────────────────────────

standard.skip("patch", {"serve.py": None}, because="see 4.file")
standard.skip("patch", {"serve.py": "import ddtrace\nddtrace.patch(tornado=True"}, because="see 4.file")
standard.skip("patch", {"serve.py": """
    import os
    import ddtrace
    if os.environ.get("TRACE"):
        ddtrace.patch(tornado=True)
"""}, because="whether the call on line 4 is made can't be known")
standard.skip("patch", {"serve.py": """
    import os, ddtrace
    FLAG = os.environ.get("TRACE")
    ddtrace.patch(tornado=FLAG)
"""}, because="what line 3 gives for tornado can't be known")
standard.skip("patch", {"serve.py": """
    import ddtrace
    from settings import integrations
    ddtrace.patch(**integrations)
"""}, because="can't be known")
standard.skip("patch", {"serve.py": """
    from functools import partial
    import ddtrace
    partial(ddtrace.patch, tornado=True)()
"""}, because="what line 3 gives for tornado can't be known")
standard.skip("patch", {"serve.py": """
    import atexit
    import ddtrace

    @atexit.register
    def trace():
        ddtrace.patch(tornado=True)
"""}, because="can't be known")
standard.skip("patch", {"serve.py": """
    import ddtrace

    def trace():
        if __debug__ and len(__file__) > 3:
            return
        ddtrace.patch(tornado=True)

    trace()
"""}, because="can't be known")

standard.skip("patch", {"serve.py": """
    from ddtrace.trace import patch
    patch(tornado=True)
"""}, because="can't be known")

# ── 10.order ─────────────────────────────────────────────────────────────────────────────────────────────────────────

standard.good("order", {"serve.py": """
    import os
    from ddtrace import patch
    patch(tornado=True)
    import kserve
"""})
standard.good("order", {"serve.py": """
    import json
    import ddtrace
    ddtrace.patch(tornado=True)

    def main():
        import kserve
        kserve.ModelServer().start([])

    main()
"""})
standard.good("order", {"serve.py": """
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        import kserve
    import ddtrace
    ddtrace.patch(tornado=True)
    import kserve
"""})
standard.bad("order", {"serve.py": """
    import os
    import kserve
    import ddtrace

    # Datadog
    ddtrace.patch(tornado=True)  # <- 10.order


    class Iris(kserve.Model):
        pass
"""}, fixed={"serve.py": """
    import os
    import ddtrace

    # Datadog
    ddtrace.patch(tornado=True)

    import kserve


    class Iris(kserve.Model):
        pass
"""})
standard.bad("order", {"serve.py": """
    import ddtrace
    from kserve import Model
    import os
    ddtrace.patch(tornado=True)  # <- 10.order
"""}, fixed={"serve.py": """
    import ddtrace
    ddtrace.patch(tornado=True)

    from kserve import Model
    import os
"""})
standard.bad("order", {
    "serve.py": """
        from model import Iris
        import ddtrace
        ddtrace.patch(tornado=True)  # <- 10.order
    """,
    "model.py": "import base",
    "base/__init__.py": "from .deep import Model",
    "base/deep.py": "from kserve import Model",
})
standard.bad("order", {"serve.py": """
    import tornado.web
    import ddtrace
    ddtrace.patch(tornado=True)  # <- 10.order
    import kserve
"""})
standard.bad("order", {"serve.py": """
    import kserve

    if __name__ == "__main__":
        import ddtrace
        ddtrace.patch(tornado=True)  # <- 10.order
"""}, fixed={"serve.py": """
    import ddtrace

    ddtrace.patch(tornado=True)

    import kserve

    if __name__ == "__main__":
        import ddtrace
        ddtrace.patch(tornado=True)
"""})
standard.bad("order", {"serve.py": """
    import kserve
    import os
    import ddtrace
    os.environ["DD_SERVICE"] = "iris"
    ddtrace.patch(tornado=True)  # <- 10.order
"""}, fixed={"serve.py": """
    import ddtrace

    ddtrace.patch(tornado=True)

    import kserve
    import os
    os.environ["DD_SERVICE"] = "iris"
"""})
standard.skip("order", {"serve.py": "import kserve"}, because="see 10.patch")
# fmt: on


@standard.rule("patch")
def patch(project: Project) -> Iterator[Finding]:
    """serve.py calls ddtrace.patch(tornado=True)."""
    tracing = _tracing(project)
    unknown: list[str] = []
    for integration in tracing.integrations:
        state = tracing.state(integration)
        if state == "off":
            yield _missing(project, tracing, integration)
        elif state != "on":
            unknown.append(state)
    if unknown:
        raise Skip(unknown[0])


@standard.rule("order", level="warn")
def order(project: Project) -> Iterator[Finding]:
    """The call stands before the first import that leads to kserve or to the library that it patches."""
    tracing = _tracing(project)
    if any(tracing.state(integration) != "on" for integration in tracing.integrations):
        raise Skip("see 10.patch")
    for integration in tracing.integrations:
        call, lead = tracing.calls_on(integration)[0], tracing.lead(integration)
        if lead and lead.index < call.index:
            library = lead.library if lead.library == lead.path else f"{lead.library} (through {lead.path})"
            message = (
                f"This call comes after the import of {library} on line {tracing.line(lead.happening.origin)}: names "
                f"imported before the patch stay unpatched. Move it, with its import of ddtrace, above that line"
            )
            yield Finding(tracing.path, tracing.span(call.happening.step), message, integration)


@patch.fix(safe=True)
def add_patch(project: Project, finding: Finding) -> Fix | None:
    """The missing keyword in an existing call, else an import and a call before the first other import."""
    from checks.read.python_edit import insert, insert_after

    tracing = _tracing(project)
    if _is_link(project, tracing.path):
        return None
    module, mark = tracing.module, selects(project, "E402", tracing.path)
    wanted, call = tracing.wanted, tracing.insufficient()
    if call and wanted == tracing.missing and not any(tracing.is_late(call, one) for one in wanted):
        extended = _extended(tracing, call, finding.context, wanted)
        if extended:
            return extended
    keywords = ", ".join(f"{one}=True" for one in wanted)
    known = tracing.imported_name(wanted)
    if known:
        index, spelling = known
        return _fix(tracing, insert_after(module, index, [f"{spelling}({keywords})"], mark=mark))
    place = tracing.place(wanted)
    data = insert(module, place, ["import ddtrace", f"ddtrace.patch({keywords})"], mark=mark)
    if tracing.is_optional():
        return _fix(tracing, data, safe=False, note="Without ddtrace, which was optional, serve.py no longer starts.")
    if tracing.is_taken(place):
        return _fix(tracing, data, safe=False, note="The import takes the place of what serve.py calls ddtrace.")
    return _fix(tracing, data)


@order.fix(safe=True)
def move_up(project: Project, finding: Finding) -> Fix | None:
    """The call with its import above the first statement that leads to kserve; else another call there (unsafe)."""
    from checks.read.python_edit import insert, move

    tracing = _tracing(project)
    call, lead = tracing.calls_on(finding.context)[0], tracing.lead(finding.context)
    if lead is None or _is_link(project, tracing.path):
        return None
    module, late = tracing.module, selects(project, "E402", tracing.path)
    target = tracing.statement_of(lead.happening.origin)
    moved = tracing.movable(call, target)
    data = move(module, moved, target, mark=late) if moved else None
    if data:
        settings = tracing.settings_between(target, moved)
        why = "What configures ddtrace stood above the call, and now stands below it."
        return _fix(tracing, data, safe=not settings, note=why if settings else None)
    on = ", ".join(f"{one}=True" for one in tracing.integrations)
    data = insert(module, target, ["import ddtrace", f"ddtrace.patch({on})"], mark=late)
    return _fix(
        tracing, data, safe=False, note="The late call stays; a second one is added, which starts tracing earlier."
    )


def _extended(tracing: Tracing, call: Patching, integration: str, missing: list[str]) -> Fix | None:
    """The call with the keywords that it lacks."""
    from checks.read.python_edit import add_keyword, replace

    if call.call is None or call.kind not in ("patch", "patch_all"):
        return None
    off = call.call.place_of(integration)
    if off:
        why = f"{integration}=False is there on purpose, perhaps."
        return _fix(tracing, replace(tracing.module, off, "True"), safe=False, note=why)
    if any(call.call.place_of(one) or call.verdicts[one] == "off" for one in missing):
        return None
    keywords = ", ".join(f"{one}=True" for one in missing)
    return _fix(tracing, add_keyword(tracing.module, call.call, keywords))


def _fix(tracing: Tracing, data: bytes | None, *, safe: bool = True, note: str | None = None) -> Fix | None:
    if data is None:
        return None
    return Fix((Edit(tracing.path, tracing.module.source.data, data),), safe, note)


def _is_link(project: Project, path: str) -> bool:
    """Another file's content would be edited at the wrong place."""
    entry = project.entry(path)
    return entry is not None and entry.kind == "link"


def _tracing(project: Project) -> Tracing:
    return project.remember("10 tracing", lambda: _found(project))


def _found(project: Project) -> Tracing:
    path, integrations = project.at("serve.py"), project.setting(apm_integrations)
    module = project.need(parse_script, path, "4.file")
    codebase = codebase_of(project)
    return tracing_of(codebase, codebase.main(path, module), integrations)


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _missing(project: Project, tracing: Tracing, integration: str) -> Finding:
    call = tracing.insufficient()
    span = tracing.span(call.happening.step) if call else front_span(tracing.module)
    return Finding(tracing.path, span, _message(project, tracing, call, integration), integration)


def _message(project: Project, tracing: Tracing, call: Patching | None, integration: str) -> str:
    wanted = f"ddtrace.patch({integration}=True)"
    elsewhere = next((p for p in tracing.patches if not p.own and p.verdicts[integration] == "on"), None)
    if elsewhere:
        path = elsewhere.happening.scope.file.path
        return f"{path} calls {wanted}, but serve.py must: write it here, before the other imports"
    match call:
        case Patching(kind="patch" | "patch_all", verdicts=verdicts) if verdicts[integration] == "off":
            return f"This call turns {integration} off: write {wanted}"
        case Patching(kind="patch"):
            return f"This call does not patch {integration}: add {integration}=True to it"
        case Patching(kind="patch_all"):
            return f"patch_all() leaves {integration} off by default: add {integration}=True, or call {wanted}"
        case Patching(kind="contrib"):
            return f"The patch() of an integration's own module does not count: call {wanted} before the other imports"
    if any(p.kind == "auto" for p in tracing.patches):
        return f"ddtrace.auto leaves {integration} off by default: call {wanted} before the other imports"
    missing = f"serve.py does not call {wanted}: import ddtrace and call it before the other imports"
    automatic = _in_dockerfile(project)
    return f"{missing}. {automatic} does not count: it leaves {integration} off by default" if automatic else missing


def _in_dockerfile(project: Project) -> str | None:
    """What the Dockerfile does about tracing that could be taken for it: `ddtrace-run`, or a variable of ddtrace."""
    for name in ("Dockerfile", "Containerfile"):
        try:
            stages = project.parse(read_dockerfile, project.at(name)).stages
        except (Absent, Unparsable, TooLarge, Unavailable):
            continue
        for instruction in (one for stage in stages for one in stage.instructions):
            switch = _SWITCHES.get(instruction.name)
            if switch and (found := switch.search(" ".join(instruction.words))):
                return f"{found[0]} in line {instruction.line} of {name}"
    return None
