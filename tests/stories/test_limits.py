"""Many files, many findings, and places that can't carry a comment."""

from __future__ import annotations

from tests.gitlab import githost
from tests.stories.conftest import Begin
from tests.stories.engine import Stepper
from tests.stories.model_project import CI, ELSEWHERE, GITIGNORE, PROJECT, SERVE, UNIGNORING, UNLABELLED, UNTRACED
from tests.stories.story import BRANCH, Story, place

WORST = {
    "serve.py": "import kserve\n\n\nclass Iris(kserve.Model):\n    pass\n",
    "Dockerfile": UNLABELLED,
    ".gitignore": UNIGNORING,
    ".gitlab-ci.yml": "variables:\n  MODEL_WEIGHTS: s3://x/y\n",
    "weights/model.bin": b"\0",
}
"""1.path, 1.untracked, 1.ignored, 3.include, 4.load, 4.predict, 6 and 10.patch fail: eight threads."""


def test_a_change_of_3_000_files_is_reviewed(story: Story) -> None:
    many = {f"notebooks/{n // 100}/{n}.ipynb": f"{n}\n" for n in range(3_000)}
    story.opened({**many, "serve.py": UNTRACED})
    assert story.rules() == {"10.patch": ("serve.py", 3)}
    assert len(story.calls()) <= 13


def test_a_long_history_is_left_where_it_is(story: Story) -> None:
    """Also where a branch is first seen when it is several commits long, and the base has moved."""
    for number in range(30):
        story.gitlab.push(story.project, "main", {"notes.md": f"{number}\n" * 100})
    for number in range(4):
        story.gitlab.push(story.project, BRANCH, {"serve.py": UNTRACED, f"{number}.md": "A.\n"}, by=story.author)
    story.opened({"Dockerfile": UNLABELLED})
    assert {"6.model", "10.patch"} <= set(story.rules())
    assert isinstance(story.engine, Stepper)
    mirror = story.engine.world.mirrors / f"{story.project.id}.git"
    assert len(githost.git(mirror, "rev-list", "--all").split()) < 6


def test_what_is_over_three_of_a_rule_stands_in_the_summary(story: Story) -> None:
    story.opened({f"weights/{n}.bin": b"\0" for n in range(10)})
    assert len(story.threads()) == 3
    summary = story.summary()
    assert summary is not None and summary.body.count("**1.untracked**") == 7
    assert "10 findings" in story.description()
    story.pushed({"docs/notes.md": "More.\n"})
    assert len(story.threads()) == 3, "the rest does not follow, push by push"


def test_what_is_over_twenty_threads_stands_in_the_summary(begin: Begin) -> None:
    models = [f"model{n}" for n in range(4)]
    story = begin({f"{m}/{path}": data for m in models for path, data in PROJECT.items()} | {"README.md": "# all\n"})
    story.opened({f"{m}/{path}": data for m in models for path, data in WORST.items()})
    assert len(story.threads()) == 20
    summary = story.summary()
    assert summary is not None and "**10.patch**" in summary.body
    assert len(story.gitlab.mails) == 1


def test_a_huge_number_of_findings_makes_a_summary_that_gitlab_takes(story: Story) -> None:
    story.opened({f"weights/{'x' * 150}{n}.bin": b"\0" for n in range(2_000)})
    summary = story.summary()
    assert summary is not None and len(summary.body) < 100_000
    assert "2000 findings" in story.description()


def test_a_diff_that_is_too_large_gets_a_comment_on_the_file(story: Story) -> None:
    story.opened({"serve.py": UNTRACED + "# more\n" * 60_000})
    assert story.rules() == {"10.patch": ("serve.py", None)}
    assert "```diff" in story.thread("10.patch").notes[0].body
    story.say("/snitch fix")
    assert story.status() == "success"


def test_a_deleted_file_gets_a_comment_on_the_file(story: Story) -> None:
    story.opened(delete=[".gitlab-ci.yml"])
    assert story.rules()["3.include"] == (".gitlab-ci.yml", None)
    story.pushed({".gitlab-ci.yml": CI})
    assert (story.open_threads(), story.status()) == ([], "success")


def test_a_file_that_never_was_is_told_in_the_summary(begin: Begin) -> None:
    story = begin({"README.md": "# iris\n"})
    story.opened({path: data for path, data in PROJECT.items() if path != "serve.py"})
    assert "4.file" not in story.rules()
    summary = story.summary()
    assert summary is not None and "**4.file**" in summary.body
    assert story.status() == "failed"


def test_a_binary_file_gets_a_comment_on_the_file(story: Story) -> None:
    story.opened({"weights/model.bin": bytes(range(256))})
    assert story.rules() == {"1.untracked": ("weights/model.bin", None)}


def test_a_finding_in_an_untouched_file_is_told_in_the_summary(story: Story) -> None:
    """`serve.py` did not change: what it imports did."""
    story.opened(
        {
            "base.py": "class Base: ...\n",
            "serve.py": SERVE.replace("kserve.Model", "Base").replace(
                "import kserve  # noqa: E402", "import kserve  # noqa: E402\n\nfrom base import Base  # noqa: E402"
            ),
        }
    )
    assert "4.subclass" in story.rules()


def test_a_line_outside_of_the_diff_of_a_changed_file_carries_its_thread(story: Story) -> None:
    """The labels go at the end of the file; the change is at its head."""
    long = UNLABELLED.replace("COPY . .\n", "COPY . .\n" + "".join(f"RUN echo {n}\n" for n in range(60)))
    story.gitlab.push(
        story.project,
        "main",
        {
            "Dockerfile": PROJECT["Dockerfile"].replace(
                "COPY . .\n", long[long.index("COPY . .\n") : long.index("ARG ")]
            )
        },
        by=story.maintainer,
    )
    story.opened({"Dockerfile": long})
    path, line = story.rules()["6.model"]
    assert path == "Dockerfile" and line is not None
    story.apply(*story.suggestions())
    assert story.status() == "success"


def test_a_renamed_and_changed_file_carries_its_thread(begin: Begin) -> None:
    story = begin({**PROJECT, "build/Containerfile": PROJECT["Dockerfile"]})
    story.opened({"Containerfile": UNLABELLED}, delete=["Dockerfile", "build/Containerfile"])
    assert place(story.thread("6.model"))[0] == "Containerfile"


def test_everything_wrong_at_once_is_one_review(story: Story) -> None:
    story.opened(WORST)
    assert len(story.gitlab.mails) == 1
    assert story.status() == "failed"
    note = story.say("/snitch fix")
    assert {"serve.py", "Dockerfile", ".gitignore", ".gitlab-ci.yml"} >= set(story.changed(story.head))
    assert "Left for a person" in story.reply(note)
    story.pushed({**{path: PROJECT[path] for path in WORST if path in PROJECT}}, delete=["weights/model.bin"])
    assert (story.open_threads(), story.status()) == ([], "success")


def test_two_violations_in_one_file_are_two_threads_and_one_commit(story: Story) -> None:
    story.opened({".gitlab-ci.yml": ELSEWHERE[ELSEWHERE.index("variables:") :], ".gitignore": GITIGNORE})
    assert sorted(story.rules()) == ["1.path", "3.include"]
    story.say("/snitch fix")
    assert list(story.changed(story.head)) == [".gitlab-ci.yml"] and story.status() == "success"
