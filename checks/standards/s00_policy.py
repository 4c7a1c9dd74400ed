"""A project may ask to have a rule waived, for a reason and until a day; it changes nothing else of the policy.

## Why
A rule may be wrong for one model, or have to wait for something. A waiver says so where everybody can read it, and
ends by itself. In `.snitch.yml`, for the whole project:

```yaml
waive:
  - rule: 10.patch
    until: 2027-01-31
    reason: the agent comes with the base image in January
```

Or in the code, on the line of the finding or above it (in Markdown as an HTML comment):

```python
# snitch: waive 10.patch until 2027-01-31 - the agent comes with the base image in January
```

A waiver that a merge request itself adds counts once it is merged, or earlier where one of the policy's
`waiver_approvers` (by default a Maintainer) wrote it or approves of the merge request.

## Fix safety
There is no fix: whether a waiver is still wanted is for people to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.finding import Finding, Span
from checks.form import PolicyProblem
from checks.project import Absent, Project
from checks.project_file import CONFIGURATION, parse_project_config
from checks.standard import Standard
from checks.waivers import as_finding, stated

standard = Standard(0, "Policy and waivers", __doc__)

_WAIVED = "waive:\n  - rule: 8.train\n    until: 2026-07-31\n    reason: nothing is trained here\n"
_UNTRACED = """
import kserve


class Iris(kserve.Model):
    def load(self):
        self.ready = True

    def predict(self, payload, headers=None):
        return {"predictions": []}
"""

# ── 0.policy ─────────────────────────────────────────────────────────────────────────────────────────────────────────

standard.good("policy", {})
standard.good("policy", {".snitch.yml": ""})
standard.good("policy", {".snitch.yml": "# nothing yet\n"})
standard.good("policy", {".snitch.yml": "name: rose\n"})
standard.good("policy", {".snitch.yml": "name: iris\nwaive: []\n"})
standard.good("policy", {".snitch.yml": _WAIVED, "train.py": None})
standard.bad("policy", {".snitch.yml": "nmae: rose  # <- 0.policy\n"})
standard.bad("policy", {".snitch.yml": "name: a rose  # <- 0.policy\n"})
standard.bad("policy", {".snitch.yml": "levels: {10: off}  # <- 0.policy\n"})
standard.bad("policy", {".snitch.yml": "name: a\nname: b  # <- 0.policy\n"})
standard.bad("policy", {".snitch.yml": "- name  # <- 0.policy\n"})
standard.bad("policy", {".snitch.yml": "waive: 10.patch  # <- 0.policy\n"})
standard.bad("policy", {".snitch.yml": "waive:\n  - 10.patch  # <- 0.policy\n"})
standard.bad("policy", {".snitch.yml": "waive:\n  - {rule: 8.train, until: 2026-07-31}  # <- 0.policy\n"})
standard.bad(
    "policy", {".snitch.yml": "waive:\n  - rule: 8.train  # <- 0.policy\n    util: 2026-07-31  # <- 0.policy\n"}
)
standard.bad("policy", {".snitch.yml": "name: [iris  # <- 0.policy\n"})

# ── 0.waiver ─────────────────────────────────────────────────────────────────────────────────────────────────────────

standard.good("waiver", {})
standard.good("waiver", {".snitch.yml": _WAIVED, "train.py": None})
standard.good("waiver", {"serve.py": "# snitch: waive 10.patch until 2026-07-31 - no agent yet" + _UNTRACED})
standard.good("waiver", {"serve.py": "# snitch: waive 10.patch until 2026-07-31: no agent yet\n\n# kserve" + _UNTRACED})
standard.good(
    "waiver",
    {
        "serve.py": _UNTRACED.replace(
            "import kserve", "import kserve  # snitch: waive 10.patch until 2026-07-31 — no agent yet"
        )
    },
)
standard.good(
    "waiver",
    {"Dockerfile": "# snitch: waive 6.file until 2026-06-01 -- built elsewhere\nFORM scratch\n"},
)
standard.good(
    "waiver",
    {"README.md": "<!-- snitch: waive 7.file until 2026-06-20 - is being written -->\n# iris\n"},
    policy={"max_waiver_days": 20},
)
standard.good(
    "waiver", {"serve.py": '"""Not: # snitch: waive 10.patch"""\nimport ddtrace\nddtrace.patch(tornado=True)\n'}
)
standard.good("waiver", {"README.md": "# iris\n\n```\n<!-- snitch: waive 7.jira until 2026-07-31 - x -->\n```\n"})
standard.bad("waiver", {"serve.py": "# snitch: waive 10.patch until 2026-05-31 - past  # <- 0.waiver" + _UNTRACED})
standard.bad("waiver", {"serve.py": "# snitch: waive 10.patch until 2026-09-30 - far ahead  # <- 0.waiver" + _UNTRACED})
standard.bad("waiver", {"serve.py": "# snitch: waive 10.patch until tomorrow - x  # <- 0.waiver" + _UNTRACED})
standard.bad("waiver", {"serve.py": "# snitch: waive 10.patch until 2026-02-30 - x  # <- 0.waiver" + _UNTRACED})
standard.bad("waiver", {"serve.py": "# snitch: waive 10.patch  # <- 0.waiver" + _UNTRACED})
standard.bad("waiver", {"serve.py": "# snitch: waive 10.patch until 2026-07-31 -  # <- 0.waiver" + _UNTRACED})
standard.bad("waiver", {"serve.py": "# snitch: waive patch until 2026-07-31 - x  # <- 0.waiver" + _UNTRACED})
standard.bad("waiver", {"serve.py": "# snitch: waive 10 until 2026-07-31 - x  # <- 0.waiver" + _UNTRACED})
standard.bad(
    "waiver", {".snitch.yml": "waive:\n  - {rule: 1.untracked, until: 2026-07-31, reason: x}  # <- 0.waiver\n"}
)
standard.bad("waiver", {".snitch.yml": "waive:\n  - {rule: 0.policy, until: 2026-07-31, reason: x}  # <- 0.waiver\n"})
standard.bad("waiver", {".snitch.yml": "waive:\n  - {rule: 10.patch, until: 2026-07-31, reason: x}  # <- 0.waiver\n"})
standard.bad(
    "waiver", {"model.py": "class Iris:\n    pass  # snitch: waive 8.model until 2026-07-31 - x  # <- 0.waiver\n"}
)
standard.bad(
    "waiver",
    {
        ".gitlab-ci.yml": None,
        ".gitignore": "# snitch: waive 1.ignored until 2026-07-31 - x  # <- 0.waiver\nweights/*\ndatasets/*\n",
    },
)


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@standard.rule("policy", waivable=False)
def policy(project: Project) -> Iterator[Finding]:
    """`.snitch.yml` sets nothing but `name` and `waive`, each in its form."""
    path = project.at(CONFIGURATION)
    try:
        data = project.bytes(path)
    except Absent:
        return
    for problem in parse_project_config(data, path)[1]:
        yield Finding(path, problem.span or _line(data, problem), problem.message, problem.about)


@standard.rule("waiver", waivable=False)
def waiver(project: Project) -> Iterator[Finding]:
    """Each waiver names a rule that can be waived and has a finding, gives a reason, and ends on a day to come."""
    # What the rule finds here is each waiver; which of them are in order depends on the day and on the other rules, and
    # is decided where they are applied (`checks.waiving`).
    yield from map(as_finding, stated(project))


def _line(data: bytes, problem: PolicyProblem) -> Span:
    """The line that could not be read."""
    line = problem.line or 1
    lines = data.decode(errors="replace").split("\n")
    return Span.of_line(line, lines[min(line, len(lines)) - 1].rstrip("\r"))
