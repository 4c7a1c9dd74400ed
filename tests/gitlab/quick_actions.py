"""Quick actions, taken out of a note before it is saved, as GitLab does (lib/gitlab/quick_actions/extractor.rb).

A line of a top-level paragraph that begins with `/` and an exact, known name is a command. Code, quotes, lists and HTML
hold none. Every name that GitLab knows counts here, whatever it applies to: a bot's text must hold none of them.
"""

from __future__ import annotations

import re

from tests.gitlab.markdown import paragraph_lines

SUBSTITUTIONS = {"shrug": "¯\\＿(ツ)＿/¯", "tableflip": "(╯°□°)╯︵ ┻━┻"}
KNOWN = """
    add_child add_contacts add_email add_parent approve assign assign_reviewer award blocked_by blocks board_move cc
    checkin_reminder child_of clear_health_status clear_weight clone close confidential convert_to_ticket copy_metadata
    create_merge_request done draft due duplicate epic estimate estimate_time health_status iteration label labels link
    lock merge milestone move page parent_epic promote promote_to promote_to_incident publish q react ready reassign
    reassign_reviewer rebase relabel relate remove_child remove_contacts remove_due_date remove_email remove_epic
    remove_estimate remove_iteration remove_milestone remove_parent remove_parent_epic remove_time_spent remove_zoom
    reopen request_changes request_review reviewer run_pipeline set_parent severity shadow ship shrug spend spend_time
    spent status submit_review subscribe tableflip tag target_branch timeline title todo type unapprove unassign
    unassign_reviewer unlabel unlink unlock unrelate unsubscribe weight zoom
"""
NAMES = frozenset(KNOWN.split())
COMMAND = re.compile(r"/(\w+)(?:[ \t]+(.*))?[ \t]*")


def extract(text: str) -> tuple[str, list[tuple[str, str]]]:
    """What is left of the text, carriage returns and trailing space gone, and (name, argument) of each command."""
    text = text.replace("\r", "")
    lines = text.split("\n")
    left: list[str | None] = list(lines)
    commands = []
    for number in sorted(paragraph_lines(text)):
        matched = COMMAND.fullmatch(lines[number])
        name, argument = (matched[1].lower(), (matched[2] or "").strip()) if matched else ("", "")
        if name in SUBSTITUTIONS:
            left[number] = f"{argument} {SUBSTITUTIONS[name]}".strip()
        elif name in NAMES:
            left[number] = None
            commands.append((name, argument))
    return "\n".join(line for line in left if line is not None).rstrip(), commands
