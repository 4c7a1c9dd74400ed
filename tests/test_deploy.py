"""What lies in `deploy/` is what it says: locks agree, the image has its labels, the manifests fit each other."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import Settings
from checks.inspection import Repository, inspect
from checks.policy import Policy
from checks.tree import MemoryTree

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", (DEPLOY / lock).read_text(), re.M))


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def test_the_service_runs_on_the_versions_that_were_tested() -> None:
    service, tested = pins("service.lock"), pins("requirements.lock")
    assert "dbos" in service and "pytest" not in service
    assert {name: tested.get(name) for name in service} == service


@pytest.mark.parametrize("lock", ["service.lock", "requirements.lock"])
def test_a_lock_names_no_address(lock: str) -> None:
    assert "://" not in (DEPLOY / lock).read_text()


def test_the_image_of_snitch_carries_the_ten_labels_of_standard_6() -> None:
    tree = MemoryTree({"Dockerfile": (DEPLOY / "Dockerfile").read_bytes()})
    report = inspect(tree, Policy(), date(2026, 6, 1), Repository("snitch", {}, {".": None})).report
    labels = {j.rule.id: j.outcome for project in report.projects for j in project.rules if j.rule.id.startswith("6.")}
    judged = {rule: outcome.result for rule, outcome in labels.items() if rule != "6.image"}
    assert set(judged.values()) == {"pass"} and len(judged) == 11, judged


def test_every_setting_that_a_deployment_names_is_a_setting() -> None:
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.suffix in {".yaml", ".service"}]
    texts.append((DEPLOY / "Dockerfile").read_text())
    named = {name.removesuffix("_FILE") for text in texts for name in re.findall(r"\bSNITCH_[A-Z_]+[A-Z]\b", text)}
    known = {f"SNITCH_{field.upper()}" for field in Settings.__dataclass_fields__}
    known |= {"SNITCH_WEBHOOK_SECRET", "SNITCH_WEBHOOK_SIGNING_TOKEN"}
    assert named <= known and len(named) > 6


def test_the_parts_of_a_manifest_fit_each_other() -> None:
    found = list(manifests())
    kinds = [one["kind"] for one in found]
    assert sorted(set(kinds)) == [
        "Deployment", "Kustomization", "NetworkPolicy", "PodDisruptionBudget", "Service", "StatefulSet"
    ]  # fmt: skip
    for one in found:
        if one["kind"] in ("Deployment", "StatefulSet"):
            assert_a_pod_is_whole(one["spec"])
    resources = next(one for one in found if one["kind"] == "Kustomization")["resources"]
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(resources) == files


def assert_a_pod_is_whole(spec: dict[str, Any]) -> None:
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    volumes = {one["name"] for one in pod["volumes"]}
    volumes |= {one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", ())}
    assert {one["name"] for one in container["volumeMounts"]} == volumes
    assert container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"]
    assert container["args"][0] in ("web", "worker")
    assert pod["terminationGracePeriodSeconds"] <= 30


def test_compose_mounts_only_what_it_declares() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for service in compose["services"].values():
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        assert {one.partition(":")[0] for one in service.get("volumes", ())} <= set(compose["volumes"])
    assert {"web", "database"} < set(compose["services"])


@pytest.mark.parametrize(("unit", "most"), [("snitch.service", 20), ("snitch-rotate.service", 30)])
def test_the_units_are_hardened(unit: str, most: int, require: Callable[[str], str]) -> None:
    """The second is root's: it writes root's files, and starts the first anew."""
    program = require("systemd-analyze")
    path = str(DEPLOY / "systemd" / unit)
    said = subprocess.run(
        [program, "security", "--offline=true", f"--threshold={most}", path], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr
