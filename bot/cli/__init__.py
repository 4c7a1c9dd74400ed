"""The command line. What a verb needs is imported when it runs, so that `snitch --help` is there at once.

Results go to standard output or `--output`, everything else to standard error. Exit codes: 0 nothing at or above
`--fail-on`, 1 findings, 2 usage, settings or policy, 3 a fault of snitch.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Literal

import click

from bot.cli import boarding, connecting, stdout
from bot.errors import Broken, SetupError, SnitchError, Stale, Transient

if TYPE_CHECKING:
    from bot.settings import Settings

FAULT = 3
_LONG_RUN = 50_000
"""How many objects more there are before Python looks for garbage."""
FORMATS = ("text", "json", "sarif", "gitlab", "junit", "markdown")
_OF_THE_SERVICE = frozenset({"aiohttp", "dbos", "gitlab", "psycopg", "sqlalchemy", "prometheus_client", "markdown_it"})


class Stop(click.ClickException):
    """The end of a run, with a sentence for people, a line or several."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.splitlines():
            say(f"snitch: {line}")


class Fault(Stop):
    """The same where snitch, or what it depends on, is to blame."""

    exit_code = FAULT


class Snitch(click.Group):
    """The verbs. Options before any verb are those of `check`: `snitch -n iris`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ("--help", "-h", "--version"):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            raise Stop(_unknown_verb(args[0], sorted(self.commands)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            verb = f" {error.ctx.info_name}" if error.ctx and error.ctx is not ctx else ""
            raise Stop(f"{error.format_message().replace(chr(10), ' ')} (snitch{verb} --help)") from None
        except SnitchError as error:
            ours = isinstance(error, Transient | Stale | Broken)
            raise Fault(str(error)) if ours else Stop(str(error)) from error
        except KeyboardInterrupt:
            ctx.exit(130)
        except Exception as error:
            if _is_of_a_package(error):
                raise Stop(f"{error}.") from None
            raise


def _is_of_a_package(error: Exception) -> bool:
    """Whether an organisation's own package of standards is to blame; without an import for those that have none."""
    plugins = sys.modules.get("checks.plugins")
    return plugins is not None and isinstance(error, plugins.PluginProblem)


def _unknown_verb(verb: str, verbs: list[str]) -> str:
    import difflib
    from pathlib import Path

    if Path(verb).exists():
        return f"{verb!r} is no verb: snitch check {verb}"
    near = difflib.get_close_matches(verb, verbs, 1)
    return (
        f"There is no verb {verb!r}: did you mean {near[0]}?" if near else f"There is no verb {verb!r}: snitch --help"
    )


def say(line: str) -> None:
    """A line to standard error, whatever is in it."""
    from checks.render.visible import visible

    try:
        click.echo(visible(line).encode(errors="backslashreplace"), err=True)
    except OSError:  # nobody can be told; the exit code says it still
        stdout.abandon(sys.stderr)


class Presence(click.Option):
    """A flag that an environment variable of any value but nothing sets, as NO_COLOR is meant."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        return "1" if super().resolve_envvar_value(ctx) else None


_name = click.option("-n", "--name", metavar="NAME", help="The project's name; without PATH it is looked for here.")
_ids = click.option("--standard", "ids", multiple=True, metavar="ID", help="Only this standard or rule (repeatable).")
_policy = click.option("--policy", metavar="FILE|URL", envvar="SNITCH_POLICY", help="The organisation's policy.")
_output = click.option("--output", metavar="FILE", help="Write the result to a file.")
_quiet = click.option("-q", "--quiet", is_flag=True, help="A line a finding, nothing else.")
_verbose = click.option("-v", "--verbose", is_flag=True, help="Also what passed and what was skipped, and why.")
_no_cache = click.option(
    "--no-cache", "anew", cls=Presence, is_flag=True, envvar="SNITCH_NO_CACHE", help="Remember nothing of earlier runs."
)
_no_color = click.option("--no-color", "plain", cls=Presence, is_flag=True, envvar="NO_COLOR", help="No colours.")


@click.group(cls=Snitch, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="snitch-bot", prog_name="snitch", message="%(prog)s %(version)s")
def app() -> None:
    """Judges model repositories by an organisation's Model Standards, and fixes them.

    Without a verb, `snitch -n iris` is `snitch check -n iris`.
    """


@app.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@_name
@_ids
@click.option("--since", metavar="REV", help="Only what the change since the merge base with REV brought in.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@_output
@_policy
@click.option(
    "--fail-on",
    type=click.Choice(["enforce", "warn", "advise", "never"]),
    default="enforce",
    show_default=True,
    help="The mildest level whose findings make the exit code 1.",
)
@_quiet
@_verbose
@_no_cache
@_no_color
def check(
    paths: tuple[str, ...],
    name: str | None,
    ids: tuple[str, ...],
    since: str | None,
    form: str,
    output: str | None,
    policy: str | None,
    fail_on: str,
    quiet: bool,
    verbose: bool,
    anew: bool,
    plain: bool,
) -> None:
    """Judge the projects at PATH, or in this folder."""
    from bot.cli import checking
    from bot.cli.judgement import Asked

    style = checking.Style(not plain and output is None and stdout.is_terminal(), quiet, verbose)
    asked = Asked(paths, name, ids, since, policy, not anew, quiet)
    sys.exit(checking.check(asked, checking.Form(form, output, style, fail_on)))


@app.command()
@click.argument("path", required=False)
@_name
@_ids
@click.option("--unsafe", is_flag=True, help="Also fixes that a person has to look at.")
@click.option("--diff", is_flag=True, help="Print the fixes instead; exit code 1 if there are any.")
@_policy
@_quiet
@_no_cache
@_no_color
def fix(
    path: str | None,
    name: str | None,
    ids: tuple[str, ...],
    unsafe: bool,
    diff: bool,
    policy: str | None,
    quiet: bool,
    anew: bool,
    plain: bool,
) -> None:
    """Write the fixes of findings, all or none."""
    from bot.cli import fixing
    from bot.cli.judgement import Asked

    style = fixing.Style(not plain and stdout.is_terminal(), quiet)
    asked = Asked((path,) if path else (), name, ids, None, policy, not anew, quiet, fixing=True)
    sys.exit(fixing.print_diff(asked, unsafe, style) if diff else fixing.fix(asked, unsafe, style))


@app.command()
@click.argument("id")
@click.option(
    "--project", metavar="P", help="What holds in this project (a folder, or its path on GitLab), and who set it."
)
@_policy
def explain(id: str, project: str | None, policy: str | None) -> None:
    """What a standard or a rule asks for, and why.

    With an example, and how safe its fix is.
    """
    from checks.render.explain import explain_id

    text = explain_id(id)
    if text is None:
        from bot.cli.judgement import wanted
        from bot.errors import Invalid

        wanted([id])
        raise Invalid(f"One standard or rule is explained at a time, not {id!r}: snitch standards lists them")
    if project is not None:
        from bot.cli.explaining import in_project

        text = in_project(id, project, policy)
    put(text)


@app.command()
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--test", "tried", is_flag=True, help="Run the examples of an organisation's own standards instead.")
def standards(form: str, tried: bool) -> None:
    """List the standards and their rules."""
    from checks.render import explain as texts

    if tried:
        from bot.cli.trying import tried_out

        told, well = tried_out()
        put(told)
        sys.exit(0 if well else 1)

    put({"text": texts.listed, "json": texts.listed_json, "markdown": texts.listed_markdown}[form]())


@app.command()
@click.argument("directory", required=False, metavar="[DIR]")
@click.option("--name", metavar="NAME", help="The model's name in words, such as Great Blog Post Detector.")
@click.option("--description", metavar="TEXT", help="What the model does, in one sentence.")
@click.option("--author", metavar="EMAIL", help="The author's e-mail.")
@click.option("--jira", metavar="URL", help="The parent Jira ticket.")
@click.option("--confluence", metavar="URL", help="The Confluence document.")
@_policy
def new(
    directory: str | None,
    name: str | None,
    description: str | None,
    author: str | None,
    jira: str | None,
    confluence: str | None,
    policy: str | None,
) -> None:
    """Make a project that keeps every standard, in DIR; asks for what is missing on a terminal."""
    from bot.cli import making

    given = {"project_name": name, "description": description, "author": author}
    making.new(directory, {**given, "jira_url": jira, "confluence_url": confluence}, policy)


@app.command()
@click.argument("directory", required=False, default=".", metavar="[DIR]")
def update(directory: str) -> None:
    """Bring in what changed in the template since the project in DIR was made; exit code 1 for conflicts."""
    from bot.cli import updating

    sys.exit(updating.update(directory))


@app.command()
def serve() -> None:
    """Run the bot: webhooks and jobs in one process."""
    _run("serve")


@app.command()
def web() -> None:
    """Run only the HTTP side of the bot: deliveries are stored for the workers."""
    _run("web")


@app.command()
def worker() -> None:
    """Run only the jobs of the bot."""
    _run("work")


def _run(part: Literal["serve", "web", "work"]) -> None:
    try:
        from bot import worker
        from bot.settings import Settings
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    gc.set_threshold(_LONG_RUN, 20, 20)
    settings = Settings.read(serving=part != "work")
    {"serve": worker.serve, "web": worker.web, "work": worker.work}[part](settings)


@app.command()
@click.argument("mr_url")
@click.option("--dry-run", is_flag=True, help="Print what would be said, and say nothing.")
def review(mr_url: str, dry_run: bool) -> None:
    """Review one merge request now."""
    try:
        from bot import log
        from bot.once import review_url
        from bot.settings import Settings
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    settings = Settings.read(serving=False)
    # What is done stands in the answer: of the log only what went wrong is wanted, unless more was asked for.
    level = "warning" if settings.log_level == "info" else settings.log_level
    log.set_up(settings.log_format, level, settings.every_secret())
    put(review_url(settings, mr_url, dry_run=dry_run))


@app.command()
@click.option("--group", "groups", multiple=True, metavar="G", help="Only this group and its sub-groups (repeatable).")
@click.option("--project", "projects", multiple=True, metavar="P", help="Only this project, by path (repeatable).")
@click.option("--dry-run", is_flag=True, help="Judge and report; keep nothing, queue nothing, say nothing.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html", "csv"]), default="text", show_default=True)
@_output
@_quiet
def sweep(
    groups: tuple[str, ...], projects: tuple[str, ...], dry_run: bool, form: str, output: str | None, quiet: bool
) -> None:
    """Look at every project's default branch, and report on the fleet."""
    try:
        from bot import log
        from bot.fleet import Scope
        from bot.settings import Settings
        from bot.sweeping import sweep_now
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    from bot.cli.checking import give
    from bot.cli.progress import counter

    gc.set_threshold(_LONG_RUN, 20, 20)
    settings = Settings.read(serving=False)
    level = "error" if settings.log_level == "info" else settings.log_level
    log.set_up(settings.log_format, level, settings.every_secret())
    with counter("projects", quiet) as progress:
        report = sweep_now(settings, Scope(groups, projects), form, dry_run=dry_run, progress=progress)
    give(report, output)


@app.group("policy")
def policy_group() -> None:
    """The organisation's policy: is it valid, and what would it do."""


@policy_group.command("check")
@click.argument("file")
def policy_check(file: str) -> None:
    """Is a policy valid? Exit code 2 with all that is wrong in it."""
    from bot.cli.judgement import load_policy

    found = load_policy(file)
    put(f"{found.origin} is valid (digest {found.digest}).")


@policy_group.command("simulate")
@click.argument("file")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def policy_simulate(file: str, form: str) -> None:
    """What a policy would do to the fleet, from what the last sweep remembers; nobody is told."""
    try:
        from bot import log
        from bot.settings import Settings
        from bot.simulate import simulate_file
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    settings = Settings.read(serving=False)
    log.set_up(settings.log_format, "error", settings.every_secret())
    put(simulate_file(settings, file, form))


for _verb in (connecting.hooks, connecting.doctor, connecting.onboard, connecting.rotate, boarding.board):
    app.add_command(_verb)


@contextmanager
def service() -> Iterator[None]:
    """Around imports of the service's part, which may not be installed. Raises SetupError."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None


def service_settings(*, serving: bool = False) -> Settings:
    """The service's settings for a verb that tells what it does itself: the log says only what went wrong."""
    from bot import log
    from bot.settings import Settings

    settings = Settings.read(serving=serving)
    level = "error" if settings.log_level == "info" else settings.log_level
    log.set_up(settings.log_format, level, settings.every_secret())
    return settings


def _not_installed(error: ModuleNotFoundError) -> Exception:
    missing = (error.name or "").partition(".")[0]
    if missing in _OF_THE_SERVICE:
        return SetupError(f"The service is not installed ({missing} is missing): pip install 'snitch-bot[bot]'")
    return error


def put(text: str) -> None:
    """A result to standard output, ended by a newline. Raises Invalid."""
    ended = text if not text or text.endswith("\n") else text + "\n"
    stdout.write(ended)


def main() -> None:
    """The program."""
    stdout.occupy()
    try:
        app(prog_name="snitch")
    except Exception as error:  # noqa: BLE001 - whatever is left is a fault of snitch, where Python's own 1 means findings
        if isinstance(error, OSError) and stdout.is_to_blame(error):
            say(f"snitch: {stdout.unwritable(error)}")
            sys.exit(Stop.exit_code)
        import traceback

        say("snitch: a fault of snitch, not of what it judged:")
        traceback.print_exc()
        sys.exit(FAULT)
    finally:
        gc.freeze()  # Python would look through all that is left before it ends
