"""The template of a model project (`checks/template`): its questions, and a project rendered from answers.

cookiecutter renders with all that Jinja can do, and evaluates answers too, so an answer is only let in if it has the
form that the template asks for: none of them admits a brace.
"""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bot.errors import Invalid, SetupError
from bot.origin import MEMORY

_LONGEST = 50
"""Characters of a name in addresses and paths, as the template's form has it."""
BUILT_IN = Path(__file__).parent.parent / "checks" / "template"


@dataclass(frozen=True, slots=True)
class Template:
    """A template in a folder. `prompts` and `forms`: by answer, what is asked for and which values it may have."""

    folder: Path
    version: str
    prompts: Mapping[str, str]
    forms: Mapping[str, tuple[str, str]]

    def paths(self) -> list[str]:
        """The files of a project that is made from it."""
        (made,) = self.folder.glob("{{*}}")
        return [str(path.relative_to(made)) for path in _files(made)]

    def wrong(self, key: str, value: str) -> str | None:
        """What an answer must be, where it is not."""
        pattern, form = self.forms[key]
        return None if re.fullmatch(pattern, value) else form


def template_in(folder: Path) -> Template:
    """The template that lies in a folder."""
    context: dict[str, Any] = json.loads((folder / "cookiecutter.json").read_text(encoding="utf-8"))
    forms = {key: (pattern, form) for key, (pattern, form) in context["_forms"].items()}
    return Template(folder, context["_version"], context["__prompts__"], forms)


@cache
def newest_version() -> str:
    """The version of the template that this snitch brings."""
    return template_in(BUILT_IN).version


def earlier(template: Template, version: str, folder: Path) -> Template:
    """An earlier version of a template, unpacked into a folder. Raises Invalid where there is none."""
    archive = template.folder / "past" / f"{version}.tar.gz"
    if not re.fullmatch(r"[0-9]{1,6}", version) or not archive.is_file():
        known = f"knows {template.version} and those before it"
        raise Invalid(f"{MEMORY} names version {version!r} of the template; this snitch {known}. Is it too old?")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return template_in(folder)


def render(template: Template, answers: Mapping[str, str]) -> dict[str, bytes]:
    """A project's files by path. What is not answered is the template's default. Raises Invalid, SetupError."""
    for key in sorted(set(answers) - set(template.forms)):
        raise Invalid(f"The template has no question {key!r}.")
    for key, value in answers.items():
        if form := template.wrong(key, value):
            raise Invalid(f"{key} must be {form}, not {value!r}.")
    try:
        from cookiecutter.generate import generate_context, generate_files
        from cookiecutter.prompt import prompt_for_config
    except ModuleNotFoundError as error:
        raise SetupError(
            f"The template needs cookiecutter ({error.name} is missing): pip install 'snitch-bot[new]'"
        ) from None
    context = generate_context(str(template.folder / "cookiecutter.json"), extra_context=dict(answers))
    context["cookiecutter"].update(prompt_for_config(context, no_input=True))
    slug = context["cookiecutter"]["project_slug"]
    if form := template.wrong("project_slug", slug):
        name = answers.get("project_name", "")
        if len(slug) > _LONGEST:
            raise Invalid(
                f"{name!r} is too long: what it is called in addresses and paths ({slug!r}) must be at most {_LONGEST} "
                f"characters, not {len(slug)}. Give a shorter one."
            )
        raise Invalid(f"{name!r} makes no name for addresses and paths ({slug!r}): that must be {form}. Give another.")
    with tempfile.TemporaryDirectory(prefix="snitch-template-") as folder:
        made = Path(generate_files(str(template.folder), context, output_dir=folder, accept_hooks=False))
        return {str(path.relative_to(made)): path.read_bytes() for path in _files(made)}


def _files(folder: Path) -> list[Path]:
    """Every file below a folder. Installing a wheel compiles all Python in it, the template's too: that is left out."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
