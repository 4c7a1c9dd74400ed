"""Refuses answers that can't make a project, before anything is made."""

import re
import sys

ANSWERS = {
    "project_name": {{ cookiecutter.project_name | tojson }},
    "description": {{ cookiecutter.description | tojson }},
    "confluence_url": {{ cookiecutter.confluence_url | tojson }},
    "jira_url": {{ cookiecutter.jira_url | tojson }},
    "author": {{ cookiecutter.author | tojson }},
    "project_slug": {{ cookiecutter.project_slug | tojson }},
}
FORMS = {{ cookiecutter._forms | tojson }}

wrong = [f"{key} must be {FORMS[key][1]}" for key, given in ANSWERS.items() if not re.fullmatch(FORMS[key][0], given)]
if wrong:
    sys.exit("\n".join(wrong))
