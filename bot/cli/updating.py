"""`snitch update`: what changed in the template since a project was made, merged three ways into what it is now."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from bot.cli import put
from bot.cli.target import own_git
from bot.cli.write import write_edits
from bot.errors import Invalid
from bot.git import folder as own
from bot.git.merge import merge_file
from bot.git.process import Git
from bot.origin import MEMORY, remembered
from bot.template import BUILT_IN, Template, earlier, render, template_in
from checks.dataclass import dataclass
from checks.render.visible import visible
from checks.tree import blob_id

OURS: Final = "the project"
MARK: Final = f"<<<<<<< {OURS}".encode()
"""How a conflict begins."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of a file. `data`: its content, None where it goes. `conflict`: why a person has to look at it."""

    path: str
    kind: Literal["written", "deleted", "left"]
    data: bytes | None = None
    conflict: str = ""


def update(directory: str) -> int:
    """Merges the template into a project. 1 where there are conflicts. Raises Invalid, SetupError, Stale."""
    folder = Path(directory)
    version, answers = remembered(_memory(folder))
    with tempfile.TemporaryDirectory(prefix="snitch-template-") as unpacked:
        new = template_in(BUILT_IN)
        if version == new.version:
            return _up_to_date(folder, new)
        old = earlier(new, version, Path(unpacked))
        before = render(old, {key: answers[key] for key in answers if key in old.forms})
        after = render(new, {key: answers[key] for key in answers if key in new.forms})
    git = own_git()
    merged = list(_merged(git, folder, before, after, (version, new.version)))
    written = {one.path: one.data for one in merged if one.kind != "left"}
    _refuse_unsaved(git, folder, set(written))
    held = {path: _held(folder, path) for path in written}
    write_edits(folder, written, lambda path: None if (data := held[path]) is None else blob_id(data))
    put(_told(merged, version, new.version))
    return 1 if any(one.conflict for one in merged) else 0


def _up_to_date(folder: Path, new: Template) -> int:
    """There is nothing to bring; but what an update before marked may stand there still."""
    marked = [path for path in new.paths() if MARK in (_held(folder, path) or b"").splitlines()]
    if marked:
        put(f"The project is of the template's version {new.version}, with conflicts still in {', '.join(marked)}.")
        return 1
    put(f"Nothing to do: the project is of the template's version {new.version}, and so is snitch's.")
    return 0


def _memory(folder: Path) -> bytes:
    if not folder.is_dir():
        raise Invalid(f"There is no folder {str(folder)!r}.")
    data = _held(folder, MEMORY)
    if data is None:
        raise Invalid(f"{str(folder)!r} was not made from the template, or forgot it: it has no {MEMORY}.")
    return data


def _held(folder: Path, path: str) -> bytes | None:
    """What a project has at a path; None for nothing. Links are not followed: Invalid, as for what is no file."""
    place = folder / path
    for one in (place, *(folder / parent for parent in Path(path).parents)):
        if one != folder and one.is_symlink():
            raise Invalid(f"{path!r} is, or lies behind, a symbolic link: nothing was written.")
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Invalid(f"{path!r} can't be read: {error.strerror}. Nothing was written.") from None


def _merged(
    git: Git, folder: Path, before: Mapping[str, bytes], after: Mapping[str, bytes], versions: tuple[str, str]
) -> Iterator[Merged]:
    """For each file that the template changed, what becomes of it; the project's memory becomes the new one's."""
    for path in sorted({*before, *after}):
        held = _held(folder, path)
        # A checkout with Windows' ends of lines is merged as it was committed, and written with its own.
        windows = held is not None and _ends_in_crlf(held)
        old, new, ours = before.get(path), after.get(path), _as_lf(held) if windows else held
        if path == MEMORY:
            yield Merged(path, "written", new)
        elif old == new or ours == new:
            continue
        elif ours == old:
            yield Merged(path, "deleted" if new is None else "written", _as_crlf(new) if windows else new)
        elif ours is None:
            yield Merged(path, "left", conflict="the project deleted it, and the template changed it")
        elif new is None:
            yield Merged(path, "left", conflict="the template has it no longer, and the project changed it")
        else:
            names = (OURS, f"template {versions[0]}", f"template {versions[1]}")
            data, conflicts = merge_file(git, (ours, old or b"", new), names)
            if data is None:
                yield Merged(path, "left", conflict="it is no text, and both changed it")
            else:
                marked = f"{conflicts} conflict{'s' if conflicts > 1 else ''}, marked with <<<<<<<"
                yield Merged(path, "written", _as_crlf(data) if windows else data, marked if conflicts else "")


def _ends_in_crlf(data: bytes) -> bool:
    """Whether each line ends as on Windows; a file with a NUL is no text."""
    return b"\r\n" in data and data.count(b"\r\n") == data.count(b"\n") and b"\0" not in data


def _as_lf(data: bytes | None) -> bytes | None:
    return None if data is None else data.replace(b"\r\n", b"\n")


def _as_crlf(data: bytes | None) -> bytes | None:
    return None if data is None else data.replace(b"\n", b"\r\n")


def _refuse_unsaved(git: Git, folder: Path, paths: set[str]) -> None:
    """Raises Invalid where something that git does not have yet would be written over."""
    unsaved = own.unsaved(git, folder) & paths
    if unsaved:
        names = ", ".join(sorted(unsaved))
        raise Invalid(f"{names} would be changed, and what they hold is not committed: commit it, and update then.")


def _told(merged: list[Merged], version: str, new: str) -> str:
    lines = [f"The template's version {new} in place of {version}:"]
    lines += [f"  {one.kind} {visible(one.path)}" + (f": {one.conflict}" if one.conflict else "") for one in merged]
    conflicts = sum(bool(one.conflict) for one in merged)
    if conflicts:
        lines.append(f"{conflicts} of them have conflicts: a person has to look at them before they are committed.")
    return "\n".join(lines)
