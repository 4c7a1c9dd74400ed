"""`snitch standards --test`: the standards of an organisation's own packages, tried against their examples."""

from __future__ import annotations

from checks.plugins import load, plugins
from checks.standards import all_standards
from checks.trial import troubles


def tried_out() -> tuple[str, bool]:
    """What is wrong with each, and whether nothing is. Raises PluginProblem."""
    all_standards()  # two of one number are found here
    lines, well = [], True
    for plugin in plugins():
        standard = load(plugin)
        found = list(troubles(standard))
        well = well and not found
        rules, examples = len(standard.rules), len(standard.examples)
        lines.append(
            f"{'!!' if found else 'ok'} {standard.number} {standard.title} ({plugin}): "
            f"{rules} rule{'s' * (rules != 1)}, {examples} example{'s' * (examples != 1)}"
        )
        lines += [f"   {one}" for one in found]
    return "\n".join(lines or ["No package here brings standards (entry points of the group snitch.standards)."]), well
