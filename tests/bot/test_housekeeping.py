"""The room that mirrors take."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bot.git import Git, Mirror
from bot.housekeeping import IN_USE, tidy

NOW = 1_000_000.0
SIZE = 400_000


def mirror(folder: Path, name: str, used: float, size: int = SIZE) -> Path:
    place = folder / name
    (place / "objects").mkdir(parents=True)
    (place / "objects" / "pack").write_bytes(os.urandom(size))
    os.utime(place, (used, used))
    return place


def tidied(folder: Path, limit: int) -> list[str]:
    git = Git("git", {"PATH": os.environ["PATH"]})
    tidy(folder, limit, NOW, lambda place: Mirror(git, place, 1))
    return sorted(one.name for one in folder.glob("*.git"))


def test_the_least_recently_used_go_until_there_is_room(tmp_path: Path) -> None:
    for number in range(4):
        mirror(tmp_path, f"{number}.git", NOW - IN_USE - 100 * number)
    mirror(tmp_path, "9.head.git", NOW - IN_USE - 5000)
    assert tidied(tmp_path, 5 * SIZE + 500_000) == ["0.git", "1.git", "2.git", "3.git", "9.head.git"]
    assert tidied(tmp_path, 3 * SIZE + 100_000) == ["0.git", "1.git", "2.git"]
    assert not list(tmp_path.glob("*.old-*"))


def test_what_may_be_at_work_stays(tmp_path: Path) -> None:
    mirror(tmp_path, "1.git", NOW - 10)
    mirror(tmp_path, "2.git", NOW - IN_USE - 10)
    assert tidied(tmp_path, 1) == ["1.git"]


def test_a_link_among_them_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * SIZE)
    place = mirror(tmp_path / "mirrors", "1.git", NOW - IN_USE - 10)
    (place / "link").symlink_to(outside)
    os.utime(place, (NOW - IN_USE - 10,) * 2)
    assert tidied(tmp_path / "mirrors", 1) == []
    assert (outside / "large").exists()
    shutil.rmtree(outside)
