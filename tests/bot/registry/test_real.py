"""Against Debian's docker-registry: images that buildah built, and images put together byte by byte."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from bot.docker_config import Login, Logins
from bot.errors import Forbidden, Gone
from bot.registry import Home, Registry, Session, SignIn
from checks.standards.s06_labels import LABELS
from tests.bot.registry import debian
from tests.bot.registry.images import Format, image, index, push

Require = Callable[[str], str]
FORMATS: tuple[Format, ...] = ("oci", "docker")


def reader(logins: Logins | None = None, home: Home | None = None) -> Registry:
    session = Session()
    return Registry(session, SignIn(session, logins or Logins(), home))


@pytest.fixture(scope="module")
def registry(require: Require, tmp_path_factory: pytest.TempPathFactory) -> Iterator[debian.Running]:
    with debian.serving(require("docker-registry"), tmp_path_factory.mktemp("registry")) as running:
        yield running


def labels_of(registry: debian.Running, path: str, tag: str = "") -> list[dict[str, str]]:
    found = reader().newest(f"{registry.host}/{path}{tag}")
    return [dict(one.labels) for one in found]


@pytest.mark.parametrize("form", FORMATS)
def test_labels_of_an_image_that_buildah_built_and_pushed(
    require: Require, registry: debian.Running, tmp_path: Path, form: Format
) -> None:
    buildah, name = require("buildah"), f"{registry.host}/built/{form}"
    storage = ["--storage-driver", "vfs", "--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run")]
    given = " ".join(f'{label}="{label} of iris"' for label in LABELS)
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nCOPY Dockerfile /\nLABEL {given}\n")

    def run(*arguments: str) -> None:
        done = subprocess.run([buildah, *storage, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=60)
        assert done.returncode == 0, done.stderr

    # The policy of a machine may forbid all images: this one asks nothing.
    (tmp_path / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    policy = ["--signature-policy", str(tmp_path / "policy.json")]
    run("bud", "--isolation", "chroot", "--format", form, *policy, "-t", f"{name}:1.0", ".")
    run("push", "--tls-verify=false", *policy, f"{name}:1.0")

    [found] = reader().newest(name)
    assert found.reference == f"{name}:1.0" and found.created.startswith("20") and found.digest.startswith("sha256:")
    assert {label: found.value(label) for label in LABELS} == {label: f"{label} of iris" for label in LABELS}
    assert len(registry.asked(f"GET /v2/built/{form}/blobs/")) == 1, "the config's blob, and no layer"


@pytest.mark.parametrize("form", FORMATS)
def test_the_newest_by_its_day_counts_whatever_its_tag(registry: debian.Running, form: Format) -> None:
    path = f"days/{form}"
    push(image({"author": "old"}, "2025-01-01T00:00:00Z", form), registry.origin, path, "v9")
    push(image({"author": "new"}, "2026-01-01T00:00:00+02:00", form), registry.origin, path, "a")
    push(image({"author": "late"}, "2025-12-31T21:59:59.999999999Z", form), registry.origin, path, "latest")
    assert labels_of(registry, path) == [{"author": "new"}]
    assert labels_of(registry, path, ":v9") == [{"author": "old"}]


@pytest.mark.parametrize("form", FORMATS)
def test_of_an_index_the_image_for_linux_on_amd64_counts(registry: debian.Running, form: Format) -> None:
    path = f"indexes/{form}"
    ours, other = image({"author": "amd"}, form=form), image({"author": "arm"}, form=form)
    push(index(form, linux_arm64=other, unknown_unknown=other, linux_amd64=ours), registry.origin, path, "1")
    push(index(form, linux_arm64=image({"author": "x"}, "2027-01-01T00:00:00Z", form)), registry.origin, path, "2")
    assert labels_of(registry, path) == [{"author": "amd"}]
    with pytest.raises(Gone, match="linux/amd64"):
        labels_of(registry, path, ":2")


def test_what_is_no_image_is_passed_over(registry: debian.Running) -> None:
    path, late = "others", "2028-01-01T00:00:00Z"
    push(image({"author": "image"}), registry.origin, path, "1")
    signature = image(None, late)
    push(signature, registry.origin, path, f"{signature.digest.replace(':', '-')}.sig")
    push(image({}, late, config_type="application/vnd.cncf.helm.config.v1+json"), registry.origin, path, "chart")
    push(image({}, late, config_type="application/vnd.buildkit.cacheconfig.v0"), registry.origin, path, "cache")
    assert labels_of(registry, path) == [{"author": "image"}]


@pytest.mark.parametrize(
    "created", [None, "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "soon"]
)
def test_an_image_without_a_day_may_be_the_newest(registry: debian.Running, created: str | None) -> None:
    path = f"undated/{str(created)[:4].lower()}"
    push(image({"author": "dated"}), registry.origin, path, "1")
    push(image({"author": "reproducible"}, created), registry.origin, path, "2")
    assert sorted(one["author"] for one in labels_of(registry, path)) == ["dated", "reproducible"]


def test_two_tags_of_one_image_are_one(registry: debian.Running) -> None:
    for tag in ("1", "latest"):
        push(image({"author": "x"}, created=None), registry.origin, "twice", tag)
    assert len(labels_of(registry, "twice")) == 1


def test_a_repository_without_images_has_no_newest(registry: debian.Running) -> None:
    assert reader().newest(f"{registry.host}/nothing/here") == ()
    with pytest.raises(Gone):
        reader().newest(f"{registry.host}/nothing/here:1")


def test_labels_may_be_missing_or_make_no_sense(registry: debian.Running) -> None:
    push(image(None), registry.origin, "bare", "1")
    assert labels_of(registry, "bare") == [{}]
    push(image({"author": 1, "version": "2", "x": "y" * 9999}), registry.origin, "strange", "1")  # type: ignore[dict-item]
    [found] = labels_of(registry, "strange")
    assert found.keys() == {"version", "x"} and len(found["x"]) < 1000


# ── signing in ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_registry_that_wants_a_password_gets_that_of_its_host(require: Require, tmp_path: Path) -> None:
    with debian.serving(require("docker-registry"), tmp_path, debian.password_file(tmp_path)) as registry:
        with requests.Session() as pushing:
            pushing.auth = (debian.NAME, debian.PASSWORD)
            push(image({"author": "x"}), registry.origin, "iris", "1", pushing)
        logins = Logins({registry.host: Login(debian.NAME, debian.PASSWORD)})
        assert reader(logins).newest(f"{registry.host}/iris")[0].value("author") == "x"
        for wrong in (Logins(), Logins({registry.host: Login(debian.NAME, "x")}), Logins({"other": logins.login("")})):  # type: ignore[dict-item]
            with pytest.raises(Forbidden, match="SNITCH_REGISTRY_AUTH"):
                reader(wrong).newest(f"{registry.host}/iris")


def test_a_registry_that_wants_a_token_is_told_where_from(require: Require, tmp_path: Path) -> None:
    require("openssl")
    with (
        debian.realm(tmp_path, {"snitch": "glpat-1", "reader": "pass"}) as realm,
        debian.serving(require("docker-registry"), tmp_path, realm.auth) as registry,
    ):
        with requests.Session() as pushing:
            pushing.headers["Authorization"] = f"Bearer {realm.token('repository:models/iris:push', ['pull', 'push'])}"
            push(image({"author": "x"}), registry.origin, "models/iris", "1", pushing)
        name, login = f"{registry.host}/models/iris", Logins({registry.host: Login("reader", "pass")})

        assert reader(login).newest(name)[0].value("author") == "x"
        assert realm.scopes == [("reader", "repository:models/iris:pull")], "one token, for pulling alone, serves all"

        home = Home(realm.url, lambda: "glpat-1")
        assert reader(home=home).newest(name)[0].value("author") == "x", "GitLab's own realm takes the bot's token"
        elsewhere = Home("http://127.0.0.1:9", lambda: "glpat-1")
        realm.scopes.clear()
        with pytest.raises(Forbidden):
            reader(home=elsewhere).newest(name)
        assert {who for who, _ in realm.scopes} == {None}, "the bot's token goes to no other realm"
