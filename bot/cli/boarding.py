"""`snitch board`: the words of the command line."""

from __future__ import annotations

import sys

import click


@click.command()
@click.argument("name")
@click.option("--group", metavar="G", help="The group in which it is made; by default the one of SNITCH_GROUPS.")
@click.option("--description", metavar="TEXT", help="What the model does, in one sentence.")
@click.option("--author", metavar="EMAIL", help="The author's e-mail.")
@click.option("--jira", metavar="URL", help="The parent Jira ticket.")
@click.option("--confluence", metavar="URL", help="The Confluence document.")
@click.option("--policy", metavar="FILE|URL", envvar="SNITCH_POLICY", help="The organisation's policy.")
@click.option("--dry-run", is_flag=True, help="Say what would be made, and write nothing.")
def board(
    name: str,
    group: str | None,
    description: str | None,
    author: str | None,
    jira: str | None,
    confluence: str | None,
    policy: str | None,
    dry_run: bool,
) -> None:
    """Make the model NAME on GitLab: project, first commit, protections, webhook, deployment entries.

    NAME is in words, such as "Great Blog Post Detector". What is there is left: repeat it as often as you like.
    """
    from bot.cli import making, put, service, service_settings
    from bot.cli.judgement import load_policy
    from bot.template import BUILT_IN, template_in

    with service():
        from bot import board as boarding
    settings = service_settings()
    where, organisation, template = boarding.group_of(settings, group), load_policy(policy), template_in(BUILT_IN)
    given = {"project_name": name, "description": description, "author": author}
    answers = making.answers_of(template, {**given, "jira_url": jira, "confluence_url": confluence}, organisation)
    told, whole = boarding.boarded(settings, boarding.plan_of(template, answers, where, organisation), dry_run=dry_run)
    put(told)
    sys.exit(0 if whole else 1)
