"""The room that mirrors take."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bot.git import Git, Mirror
from bot.housekeeping import IN_USE, pack, tidy

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


def test_what_reviews_left_lying_around_is_packed_where_there_were_some(tmp_path: Path) -> None:
    git = Git("git", {"PATH": os.environ["PATH"]})
    for name in ("1.git", "2.git", "3.git"):
        git.run(None, "init", "--bare", "--quiet", "--template=", str(tmp_path / name))
        files = "".join(f"M 100644 inline {number}\ndata 4\n{number:04}\n" for number in range(900))
        commit = f"commit refs/heads/main\ncommitter a <a@example.com> 1 +0000\ndata 0\n{files}"
        git.run(tmp_path / name, "-c", "fastimport.unpackLimit=1000", "fast-import", "--quiet", stdin=commit.encode())
        os.utime(tmp_path / name, (NOW, NOW) if name != "2.git" else (NOW - 100, NOW - 100))
    (tmp_path / "3.git" / "HEAD").unlink()  # a damaged one keeps no other from its turn
    pack(tmp_path, NOW - 10, lambda place: Mirror(git, place, 1))
    assert [len(list((tmp_path / name).glob("objects/??/*"))) > 500 for name in ("1.git", "2.git")] == [False, True]
