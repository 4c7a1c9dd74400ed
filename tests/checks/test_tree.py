"""Trees: what git would see, from memory, from a folder, with edits on top."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.tree import MAX_BYTES, Entry, FolderTree, MemoryTree, OverlayTree, Unavailable, blob_id

ODD = "caf\udce9.py"  # a name that is not UTF-8


@settings(deadline=None)  # git is started each time
@given(st.binary(max_size=200))
def test_the_id_of_a_blob_is_gits(data: bytes) -> None:
    ran = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
    assert ran.stdout.decode().strip() == blob_id(data)


def folder_of(tmp_path: Path) -> FolderTree:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/serve.py").write_bytes(b"x\n")
    (tmp_path / "link").symlink_to("a/serve.py")
    (tmp_path / "sub").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).write_bytes(b"odd")
    os.mkfifo(tmp_path / "pipe")
    return FolderTree(tmp_path, ["link", "a/serve.py", "sub", "pipe", "gone", ODD])


def test_a_folder_has_the_paths_that_are_there_sorted(tmp_path: Path) -> None:
    assert folder_of(tmp_path).paths() == ("a/serve.py", ODD, "link", "sub")


def test_a_link_is_its_target_and_a_folder_in_gits_list_a_submodule(tmp_path: Path) -> None:
    tree = folder_of(tmp_path)
    assert (tree.entry("link"), tree.read("link")) == (Entry("link", 10), b"a/serve.py")
    assert tree.blob("link") == blob_id(b"a/serve.py")
    assert tree.entry("sub") == Entry("submodule", 0)
    assert tree.read(ODD) == b"odd"
    assert [tree.entry(path) for path in ("a", "gone", "pipe", "../x")] == [None] * 4


@pytest.mark.parametrize("path", ["gone", "a", "pipe", "nowhere"])
def test_what_is_not_in_a_tree_is_unavailable(tmp_path: Path, path: str) -> None:
    with pytest.raises(Unavailable, match="there is no such file"):
        folder_of(tmp_path).read(path)


def test_a_file_that_became_a_link_since_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    tree = folder_of(tmp_path)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "a/serve.py").unlink()
    (tmp_path / "a/serve.py").symlink_to(tmp_path / "secret")
    with pytest.raises(Unavailable):
        tree.read("a/serve.py")


def test_a_large_file_is_not_read_for_its_id(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"")
    os.truncate(tmp_path / "big", 1 << 40)
    tree = FolderTree(tmp_path, ["big"])
    entry = tree.entry("big")
    assert entry is not None and entry.exceeds(MAX_BYTES) and len(tree.blob("big") or "") == 40


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        (Entry("file", 11), True),
        (Entry("file", 10), False),
        (Entry("file", None, 11), True),
        (Entry("file", None, 10), None),
        (Entry("file", None), None),
    ],
)
def test_whether_a_file_is_larger_may_not_be_known(entry: Entry, answer: bool | None) -> None:
    assert entry.exceeds(10) is answer


FILES = st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e"]), st.binary(max_size=4))
EDITS = st.dictionaries(st.sampled_from(["a", "b", "c/d", "f"]), st.none() | st.binary(max_size=4))


@given(FILES, EDITS)
def test_edits_over_a_tree_are_the_tree_with_these_files(
    files: dict[str, bytes], edits: dict[str, bytes | None]
) -> None:
    overlay = OverlayTree(MemoryTree(files), edits)
    plain = MemoryTree({path: data for path, data in (files | edits).items() if data is not None})
    assert overlay.paths() == plain.paths()
    for path in ["a", "b", "c/d", "c/e", "f", "c"]:
        assert (overlay.entry(path), overlay.blob(path)) == (plain.entry(path), plain.blob(path))
        if plain.entry(path):
            assert overlay.read(path) == plain.read(path)
        else:
            with pytest.raises(Unavailable):
                overlay.read(path)
