"""`README.md` says how to run the model, and links to everything that belongs to it.

## Why
Whoever is called at night finds the model's weights, datasets, images, deployments, logs, traces, ticket and document
in one place, without asking.

## What counts
Links of GitLab's Markdown: inline, by reference, bare, in tables and in `<a>`. Of code blocks only what
`aws s3 cp|sync|ls` and `docker pull|run` name. A link whose address is a placeholder is none. What an organisation's
addresses look like is said by the policy's `readme_links`.

## Fix safety
A section "Links" gets what can be derived: the folders of weights and datasets in S3, and the repository of images in
ECR where `.gitlab-ci.yml` names it. Safe, unless other links are missing as well: they get a TODO that a person has to
fill in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, unquote

from checks.finding import Edit, Finding, Fix, Skip, Span
from checks.policy import TEXTS, Setting, bucket
from checks.project import Absent, Project, TooLarge
from checks.read import Excessive, Unparsable
from checks.read.markdown import Heading, Link, Markdown, Rows, parse
from checks.read.markdown_links import registry_references
from checks.regex import regex
from checks.standard import Check, Standard
from checks.tree import Unavailable

standard = Standard(7, "README", __doc__)

KINDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "weights": ("Weights", "the weights in S3", ("weights?",)),
    "datasets": ("Datasets", "the datasets in S3", ("datasets?", "data sets?")),
    "images": ("Images", "the built images in ECR", ("images?", "ecr", "registry")),
    "deployments": ("Deployments", "the live deployments of each environment", ("deploy(?:ed|ments?)?",)),
    "logs": ("Logs", "the live logs in Datadog", ("logs?", "logging")),
    "apm": ("APM", "the APM dashboard in Datadog", ("apm", "trac(?:es?|ing)")),
    "jira": ("Jira", "the parent ticket in Jira", ("jira", "tickets?", "issue", "epic")),
    "confluence": ("Confluence", "the document in Confluence", ("confluence", "wiki", "document")),
}
"""By rule: the word in a list of links, what it leads to, and patterns of words by which a placeholder is known."""

_HEAD = "# iris\n\nTells the kinds of iris apart.\n"


def _section(*lines: str) -> str:
    return _HEAD + "\n## Links\n\n" + "".join(f"- {line}\n" for line in lines)


_LINKS = {
    "weights": "[Weights](s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z)",
    "datasets": "[Datasets](s3://ml-platform-bucket/iris/datasets/2026-03-01T12:00:00Z)",
    "images": "[Images](https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/1/iris)",
    "deployments": "[Deployment](https://iris.example.com)",
    "logs": "[Logs](https://app.datadoghq.com/logs?query=service%3Airis)",
    "apm": "[APM](https://app.datadoghq.com/apm/services/iris)",
    "jira": "[Ticket](https://acme.atlassian.net/browse/ML-1)",
    "confluence": "[Document](https://acme.atlassian.net/wiki/spaces/ML/pages/1/iris)",
}


def _without(kind: str) -> str:
    return _section(*(line for other, line in _LINKS.items() if other != kind))


def _marked(text: str, kind: str) -> str:
    return text.replace("## Links", f"## Links <!-- <- 7.{kind} -->")


# fmt: off
# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────────

standard.good("file", {})
standard.good("file", {"README.md": "Tells the kinds of iris apart.\n"})
standard.good("file", {"README.md": "iris\n====\n![a flower](iris.png)\n"})
standard.good("file", {"README.md": b"\xef\xbb\xbf# iris\r\n\r\nM\xfcller\r\n"})
standard.bad("file", {"README.md": None}, absent=("README.md",))
standard.bad("file", {"README.md": "# iris <!-- <- 7.file -->\n"})
standard.bad("file", {"README.md": "iris\n==== <!-- <- 7.file -->\n\n"})
standard.bad("file", {"README.md": "iris <!-- <- 7.file -->\n"})
standard.bad("file", {"README.md": "# iris\n\n<!-- To be\nwritten. --> <!-- <- 7.file -->\n"})
standard.bad("file", {"README.md": " <!-- <- 7.file -->\n"})
standard.bad("file", {"README.md": "<h1 align='center'>iris</h1> <!-- <- 7.file -->\n"})
standard.good("file", {"README.md": "<h1>iris</h1>\n\n<img src='iris.png'>\n"})
standard.good("file", {"README.md": b"# iris\rTells the kinds of iris apart.\r"})
standard.good("file", {"README.md": "# iris\n" + "Tells the kinds of iris apart.\n" * 10_000})
standard.skip("logs", {"README.md": "# iris\n" + "https://app.datadoghq.com/logs\n" * 10_000}, because="larger than")
standard.bad("logs", {  # what GitLab shows as code
    "README.md": "---\nhomepage: https://app.datadoghq.com/logs\n---\n# iris\n\nKinds. <!-- <- 7.logs -->\n",
})
standard.bad("file", {"README.md": None, "README.rst": "iris\n====\n"}, absent=("README.md",))

_BAD = {
    "weights": (
        "[W](s3://b/iris/checkpoints/1)",
        "[W](s3://acme-models/iris/datasets/1)",
        "[W](s3://b/<name>/models/x)",
        "`s3://b/iris/models/1`",
        "<!-- s3://b/models/1 -->",
    ),
    "datasets": ("[D](https://example.com/datasets)", "[Datasets](#)", "[Datasets]()"),
    "images": (
        "[I](https://hub.docker.com/r/a/iris)",
        "[Images](https://path.to/ecr/iris)",
        "`1.dkr.ecr.{region}.amazonaws.com/iris`",
    ),
    "deployments": (
        "[Staging](https://a.example.com)",
        "Before you deploy the model to a cluster for the first time, read how [Istio](https://istio.io) is set up",
        "[Deployment](#deployment)",
        "[Deployment](https://TODO)",
        "Deployed: https://iris-<env>.example.com",
    ),
    "logs": (
        "[Logs](https://docs.datadoghq.com/logs/)",
        "[L](https://app.datadoghq.com/dashboard/1)",
        "[Logs](https://kibana.example.com/logs)",
        "Logs: https://app.datadoghq.com/logs?query=service:<name>",
    ),
    "apm": ("[APM](https://www.datadoghq.com/apm/)", "[APM](https://app.datadoghq.com/apm/services/[name])"),
    "jira": (
        "[J](https://acme.atlassian.net/browse/KEY)",
        "[Jira](https://acme.atlassian.net/browse/{{ticket}})",
        "Jira: TODO",
    ),
    "confluence": (
        "[C](https://en.wikipedia.org/wiki/Iris)",
        "[C](https://github.com/a/b/spaces/Home)",
        "[Confluence](CHANGEME)",
    ),
}
_GOOD = {
    "weights": (
        "<s3://b/iris/models/1>",
        "s3://b/iris/models",
        "s3://acme-models/iris/1",
        "[w]\n\n[w]: s3://b/models/1 'Weights'",
        "[W](https://s3.console.aws.amazon.com/s3/buckets/b?region=eu-west-1&prefix=iris/models/)",
        "[W](https://eu-west-1.console.aws.amazon.com/s3/buckets/b?prefix=iris%2Fmodels%2F&showversions=false)",
        "```sh\naws s3 cp --recursive \\\n  s3://b/iris/models/1 weights/\n```",
    ),
    "datasets": (
        '<a href="s3://b/datasets/1">D</a>',
        "| what | where |\n|-|-|\n| D | s3://b/iris/datasets/1 |",
        "    $ aws s3 sync s3://b/iris/datasets/1 datasets/",
        "<table>\n<tr><td>Training</td><td>s3://b/iris/Datasets/1</td></tr>\n</table>",
    ),
    "images": (
        "`123456789012.dkr.ecr.eu-west-1.amazonaws.com/iris`",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/iris:1.0",
        "<div>\n<code>123456789012.dkr.ecr.eu-west-1.amazonaws.com/iris</code>\n</div>",
        "https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/iris",
        "```\ndocker pull 123456789012.dkr.ecr.eu-west-1.amazonaws.com/iris:1\n```",
        "https://console.aws.amazon.com/ecr/repositories/iris?region=eu-west-1",
    ),
    "deployments": (
        "Deployed at https://iris.example.com.",
        "[x](https://example.com 'y') is the live deployment",
        "Live deployments:\n\n- [staging](https://s.example.com)",
        "\n## Deployments\n\n### Staging\nhttps://a.example.com",
        "| Deployment | Address |\n|-|-|\n| x | https://x.example.com |",
        "**Deployments**\n\n- www.example.com",
        "<h2>Deployments</h2>\n\n[production](https://p.example.com)",
        "[Runbook of the deployment](https://acme.atlassian.net/wiki/spaces/ML/pages/1)",
    ),
    "logs": (
        "https://us5.datadoghq.com/logs",
        "[Logs](HTTPS://App.DatadogHQ.com:443/logs#live)",
        "[Logs](https://app.datadoghq.com/logs?filter[env]=prod)",
        "[Logs][l]\n\n[l]:\n  <https://app.datadoghq.com/logs>\n  'All of them'",
        "| a |\n|-|\n| https://app.datadoghq.com/logs?query=@code:[400%20TO%20499]&scope={env:prod}<br>more |",
        "https://app.datadoghq.eu/logs/livetail?query=x",
        "https://acme.ddog-gov.com/logs",
    ),
    "apm": ("https://app.datadoghq.eu/apm/service/iris", "<https://ap1.datadoghq.com/apm/traces?query=env%3A%5Ba%5D>"),
    "jira": ("https://jira.acme.com/browse/ML2-17", "[J](https://issues.acme.org/jira/browse/A_B-1?filter=2)"),
    "confluence": (
        "https://wiki.acme.com/display/ML/Iris",
        "https://c.acme.com/pages/viewpage.action?pageId=1",
        "https://c.acme.com/spaces/ML/x",
    ),
}
for _kind in KINDS:
    for _line in _GOOD[_kind]:
        standard.good(_kind, {"README.md": f"{_HEAD}\n{_line}\n"})
    for _line in _BAD[_kind]:
        standard.bad(_kind, {"README.md": f"{_HEAD}\n{_line} <!-- <- 7.{_kind} -->\n"})
    standard.bad(_kind, {"README.md": _marked(_without(_kind), _kind) + "- more\n\n## Tests\n\nRun pytest.\n"})
    standard.skip(_kind, {"README.md": None}, because="see 7.file")

standard.good("jira", {"README.md": f"{_HEAD}\nhttps://tasks.acme.com/t/17\n"}, policy={
    "readme_links": {"jira": ("tasks.acme.com/t/*",)},
})
standard.bad("jira", {"README.md": f"{_HEAD}\nhttps://jira.acme.com/browse/ML-1 <!-- <- 7.jira -->\n"}, policy={
    "readme_links": {"jira": ("tasks.acme.com/t/*",)},
})
standard.skip("apm", {"README.md": _HEAD}, policy={"readme_links": {"apm": ()}}, because="asks for none")
standard.bad("weights", {
    "README.md": _marked(_without("weights"), "weights") + "\n## Tests\n\nRun pytest.\n",
}, fixed={
    "README.md": _without("weights") +
    "- [Weights](https://s3.console.aws.amazon.com/s3/buckets/ml-platform-bucket?prefix=iris/models/)\n"
    "\n## Tests\n\nRun pytest.\n",
})
standard.bad("weights", {  # the text is kept as it is, to the blanks at its end
    "README.md": f"{_HEAD}\nDeployed: https://iris.example.com, https://app.datadoghq.com/logs, "
    "https://app.datadoghq.com/apm, https://jira.acme.com/browse/ML-1, https://c.acme.com/display/ML, s3://b/datasets, "
    "https://console.aws.amazon.com/ecr/repositories/iris  <!-- <- 7.weights -->\n\n\n",
}, fixed={
    "README.md": f"{_HEAD}\nDeployed: https://iris.example.com, https://app.datadoghq.com/logs, "
    "https://app.datadoghq.com/apm, https://jira.acme.com/browse/ML-1, https://c.acme.com/display/ML, s3://b/datasets, "
    "https://console.aws.amazon.com/ecr/repositories/iris\n\n## Links\n\n"
    "- [Weights](https://s3.console.aws.amazon.com/s3/buckets/ml-platform-bucket?prefix=iris/models/)\n\n\n",
})
standard.bad("images", {
    "README.md": "# iris\r\n\r\nTells kinds apart. <!-- <- 7.images -->".replace("\r", ""),
    ".gitlab-ci.yml": """
        include: {project: ml-platform/model-promotion-pipeline}
        variables:
          MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z
          IMAGE: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/models/iris:$CI_COMMIT_SHA
    """,
}, fixed={"README.md": """
    # iris

    Tells kinds apart.

    ## Links

    - [Weights](https://s3.console.aws.amazon.com/s3/buckets/ml-platform-bucket?prefix=iris/models/)
    - [Datasets](https://s3.console.aws.amazon.com/s3/buckets/ml-platform-bucket?prefix=iris/datasets/)
    - Images: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/models/iris`
    - Deployments: TODO
    - Logs: TODO
    - APM: TODO
    - Jira: TODO
    - Confluence: TODO"""})
# fmt: on


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _link_patterns(value: Any) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping of {', '.join(KINDS)} to patterns like jira.example.com/browse/*")
    unknown = [str(kind) for kind in value if kind not in KINDS]
    if unknown:
        raise ValueError(f"{unknown[0]} is no kind of link; there are {', '.join(KINDS)}")
    found: dict[str, tuple[str, ...]] = {}
    for kind, patterns in value.items():
        listed = [patterns] if isinstance(patterns, str) else patterns
        if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
            raise ValueError(f"{kind} must be a pattern like jira.example.com/browse/*, or a list of them")
        found[kind] = tuple(listed)
    return found


_BUILT_IN: Mapping[str, tuple[str, ...]] = {}
readme_links = standard.setting(
    Setting(
        "readme_links",
        _BUILT_IN,
        "by kind of link, patterns of host and path (* for anything) instead of the built-in ones",
        _link_patterns,
        schema={"type": "object", "properties": dict.fromkeys(KINDS, TEXTS), "additionalProperties": False},
    )
)


@standard.rule("file", level="warn")
def file(project: Project) -> Iterator[Finding]:
    """README.md exists and is more than its title."""
    path = project.at("README.md")
    want = "say what the model does, how it is run locally, and link to what belongs to it"
    try:
        page = project.parse(parse, path)
    except Absent:
        yield Finding(path, None, f"There is no README.md: write one, to {want}", "README.md")
        return
    except Excessive:
        return  # it is more than its title
    names = {project.name.casefold(), project.raw_name.casefold()}
    if not page.shown or page.text.strip().casefold() in names:
        yield Finding(path, page.last_line, f"README.md is no more than its title: {want}", "README.md")


def _link_rule(kind: str, what: str) -> Check:
    def check(project: Project) -> Iterator[Finding]:
        page = _page(project)
        patterns = project.setting(readme_links).get(kind)
        if patterns == ():
            raise Skip("the policy asks for none")
        if any(_is_of(kind, link, patterns) and not _is_placeholder(link.url) for link in page.links):
            return
        path = project.at("README.md")
        for link in page.links:
            if _is_placeholder(link.url) and _stands_for(kind, link, patterns):
                shown = " ".join(link.url.split())[:60] or "nothing"
                message = f"The link to {what} still leads to {shown}: put in the address"
                yield Finding(path, link.span, message, kind)
                return
        example = patterns[0] if patterns else _example(project, kind)
        message = f"README.md has no link to {what}: add it (for example {example})"
        yield Finding(path, _place(page), message, kind)

    check.__doc__ = f"README.md links to {what}."
    return check


def add_links(project: Project, finding: Finding) -> Fix | None:
    """A section "Links" with what can be derived, and a TODO for what else is missing."""
    return project.remember("7 fix", lambda: _links_fix(project)).get(finding.context)


for _kind in KINDS:
    standard.rule(_kind, level="warn")(_link_rule(_kind, KINDS[_kind][1])).fix(safe=True)(add_links)


def _page(project: Project) -> Markdown:
    try:
        return project.parse(parse, project.at("README.md"))
    except Excessive as error:
        raise Skip(f"README.md {error.why}") from None
    except (Absent, Unparsable, TooLarge, Unavailable):
        raise Skip("see 7.file") from None


# ── what a link leads to ─────────────────────────────────────────────────────────────────────────────────────────────

_ADDRESS = regex(
    r"(?P<scheme>https?|s3)://(?:[^/?#@]*@)?(?P<host>[^/?#:@]*)(?::\d*)?(?P<path>[^?#]*)(?P<rest>.*)", re.I | re.S
)
_CONSOLE = regex(r"(?:^|\.)console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)$")
_ECR = regex(r"\.dkr\.ecr(?:-fips)?\..+\.amazonaws\.com(?:\.cn)?$")
_DATADOG = regex(r"^(?!(?:docs|www|help|blog)\.)[a-z0-9-]+\.(?:datadoghq\.(?:com|eu)|ddog-gov\.com)$")
_TICKET = regex(r"/browse/[A-Za-z][A-Za-z0-9_]*-[0-9]+(?![A-Za-z0-9])")
_PLACEHOLDER = regex(
    r"(?<![\w-])path\.to(?![\w-])|(?<![A-Za-z0-9])(?:TODO|FIXME|CHANGE_?ME)(?![A-Za-z0-9]|-\d)"
    r"|[<\[{]\s*[A-Za-z_.][\w ./|-]{0,80}\s*[>\]}](?!=)"
)
_NO_CONFLUENCE = ("wikipedia", "wikimedia", "github")


def _is_of(kind: str, link: Link, patterns: tuple[str, ...] | None) -> bool:
    """Whether a link is of a kind, by the policy's patterns where it has some."""
    if link.kind == "command" and kind not in ("weights", "datasets", "images"):
        return False
    if link.kind == "code" and kind != "images":
        return False
    if patterns is not None:
        plain = re.sub(r"^https?://", "", link.url, flags=re.IGNORECASE)
        return any(fnmatchcase(plain, one) or fnmatchcase(plain, one.rstrip("*") + "*") for one in patterns)
    return _TESTS[kind](link)


def _of_s3(folder: str, other: str) -> Callable[[Link], bool]:
    def test(link: Link) -> bool:
        found = _ADDRESS.fullmatch(link.url)
        if not found:
            return False
        host, path = found["host"].lower(), unquote(found["path"]).lower()
        if found["scheme"].lower() == "s3":
            return folder in path or (folder in host and other not in path)
        console = _CONSOLE.search(host) and (host.startswith("s3.") or path.startswith("/s3"))
        return bool(console and folder in path + unquote(found["rest"]).lower())

    return test


def _of_images(link: Link) -> bool:
    if link.kind in ("code", "command"):
        return link.url in registry_references(link.url)
    found = _ADDRESS.fullmatch(link.url)
    if not found or found["scheme"].lower() == "s3":
        return False
    host, path = found["host"].lower(), found["path"]
    if _ECR.search(host):
        return len(path) > 1
    old = path.startswith("/ecs") and "#/repositories" in found["rest"]
    console = _CONSOLE.search(host) and (path.startswith("/ecr") or old or "/ecr" in unquote(found["rest"]))
    return bool(console or (host == "gallery.ecr.aws" and len(path) > 1))


def _of_datadog(folder: str) -> Callable[[Link], bool]:
    def test(link: Link) -> bool:
        found = _ADDRESS.fullmatch(link.url)
        return bool(found and _DATADOG.search(found["host"].lower()) and re.match(rf"/{folder}(?:$|/)", found["path"]))

    return test


def _of_jira(link: Link) -> bool:
    found = _ADDRESS.fullmatch(link.url)
    if not found or not _TICKET.search(found["path"]):
        return False
    host = found["host"].lower()
    return host.endswith(".atlassian.net") or host.startswith(("jira.", "issues."))


def _of_confluence(link: Link) -> bool:
    found = _ADDRESS.fullmatch(link.url)
    if not found or found["scheme"].lower() == "s3":
        return False
    host, path = found["host"].lower(), found["path"]
    if host.endswith(".atlassian.net"):
        return "/wiki/" in path
    if any(one in host for one in _NO_CONFLUENCE):
        return False
    return any(part in path for part in ("/display/", "/spaces/", "/pages/viewpage.action"))


def _of_deployments(link: Link) -> bool:
    if not link.url or link.url.startswith(("#", "mailto:")):
        return False
    if any(_DEPLOYMENT.search(text) for text in (link.text, *link.around, *link.headings)):
        return True
    besides = link.line.replace(link.text or link.url, "", 1)
    return len(besides.split()) <= _FEW and bool(_DEPLOYED.search(besides))


_DEPLOYMENT = regex(r"\bdeploy", re.IGNORECASE)
_DEPLOYED = regex(r"\bdeploy(?:ed|ments?)\b", re.IGNORECASE)
_FEW = 8
"""Words that a line may have besides its link, for the line to be about the link: `Deployed at https://…`."""

_TESTS: Mapping[str, Callable[[Link], bool]] = {
    "weights": _of_s3("models", "datasets"),
    "datasets": _of_s3("datasets", "models"),
    "images": _of_images,
    "deployments": _of_deployments,
    "logs": _of_datadog("logs"),
    "apm": _of_datadog("apm"),
    "jira": _of_jira,
    "confluence": _of_confluence,
}


def _is_placeholder(url: str) -> bool:
    return url.strip() in ("", "#") or bool(_PLACEHOLDER.search(url))


def _stands_for(kind: str, link: Link, patterns: tuple[str, ...] | None) -> bool:
    """Whether a placeholder was put where a link of the kind belongs."""
    if _is_of(kind, link, patterns):
        return True
    words = KINDS[kind][2]
    said = link.text.casefold()
    return link.kind == "link" and any(re.search(rf"(?<![a-z]){word}(?![a-z])", said) for word in words)


# ── places, examples, the fix ────────────────────────────────────────────────────────────────────────────────────────


def _place(page: Markdown) -> Span:
    heading = _heading(page)
    return page.line(heading.line) if heading else page.last_line


def _heading(page: Markdown) -> Heading | None:
    """The heading of the section of links."""
    named = [h for h in page.headings if re.sub(r"[\W_]+", " ", h.text).strip().casefold() == "links"]
    return named[0] if named else None


def _example(project: Project, kind: str) -> str:
    derived = _derived(project, kind)
    if derived:
        return derived.partition("(")[2].rstrip(")") or derived.partition("`")[2].rstrip("`")
    return {
        "images": f"https://<region>.console.aws.amazon.com/ecr/repositories/private/<account>/{project.name}",
        "deployments": f"https://{project.name}.example.com, under a heading Deployments",
        "logs": f"https://app.datadoghq.com/logs?query=service:{project.name}",
        "apm": f"https://app.datadoghq.com/apm/services/{project.name}",
        "jira": "https://<organisation>.atlassian.net/browse/KEY-1",
        "confluence": "https://<organisation>.atlassian.net/wiki/spaces/...",
    }[kind]


def _derived(project: Project, kind: str) -> str | None:
    """A line of Markdown with the link, where what it leads to follows from the project."""
    name = quote(project.name, safe="")
    match kind:
        case "weights" | "datasets":
            folder = "models" if kind == "weights" else "datasets"
            place = f"https://s3.console.aws.amazon.com/s3/buckets/{quote(project.setting(bucket), safe='')}"
            return f"[{KINDS[kind][0]}]({place}?prefix={name}/{folder}/)"
        case "images":
            image = _image(project)
            return f"Images: `{image}`" if image else None
        case _:
            return None


def _image(project: Project) -> str | None:
    """The repository in ECR that `.gitlab-ci.yml` names, if its last part is the project's name."""
    try:
        text = project.bytes(project.ci_path).decode(errors="replace")
    except (Absent, TooLarge, Unavailable):
        return None
    for reference in registry_references(text):
        repository = reference.partition("@")[0]
        host, _, path = repository.partition("/")
        path = path.partition(":")[0]
        plain = re.fullmatch(r"[\w./-]+", f"{host}/{path}")
        if plain and path.rpartition("/")[2] in (project.name, project.raw_name):
            return f"{host}/{path}"
    return None


def _links_fix(project: Project) -> Mapping[str, Fix]:
    """The one fix, for each kind of link that it mends."""
    rules = {kind: standard.rules[kind] for kind in KINDS}
    missing = [kind for kind, rule in rules.items() if _is_missing(project, rule.check)]
    settings = project.setting(readme_links)
    derived = {kind: text for kind in missing if kind not in settings and (text := _derived(project, kind))}
    page = _page(project)
    todo = {kind: f"{KINDS[kind][0]}: TODO" for kind in missing if kind not in derived}
    added = {kind: line for kind, line in todo.items() if line not in page.text}  # once is enough
    lines = [f"- {line}" for kind in missing if (line := derived.get(kind) or added.get(kind))]
    data = page.encode(_with_lines(page, lines))
    if not derived or data is None:
        return {}
    after = parse(data)
    if not all(any(_is_of(kind, link, None) for link in after.links) for kind in derived):
        return {}  # they would stand in a code block or a comment that has no end
    note = f"Put in the addresses of {', '.join(KINDS[kind][0] for kind in added)}." if added else None
    return dict.fromkeys(derived, Fix((Edit(project.at("README.md"), page.data, data),), safe=not added, note=note))


def _is_missing(project: Project, check: Check) -> bool:
    try:
        return any(check(project))
    except (Skip, Unparsable):
        return False


def _with_lines(page: Markdown, lines: list[str]) -> str:
    """The text with items added to the section of links, which is made at the end where there is none."""
    rows, heading = page.rows, _heading(page)
    newline = next((end for end in ("\r\n", "\n", "\r") if end in rows.text), "\n")
    if heading is None:
        added = ["", "", "## Links", "", *lines]
        return _inserted(rows, page.last_row, newline.join(added))
    first, last = heading.line - 1, heading.end - 2
    while last > first and not rows[last].strip():
        last -= 1
    section = [rows[number] for number in range(first + 1, last + 1)]
    in_list = bool(section and re.match(r"[-*+] |\s+\S", section[-1]))
    bullet = next((row[0] for row in reversed(section) if re.match(r"[-*+] ", row)), "-")
    added = ["", *([] if in_list else [""]), *(f"{bullet}{line[1:]}" for line in lines)]
    return _inserted(rows, last, newline.join(added))


def _inserted(rows: Rows, number: int, text: str) -> str:
    """The whole text with another behind a line."""
    at = rows.ends[number]
    return rows.text[:at] + text + rows.text[at:]
