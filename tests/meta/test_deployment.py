"""The files that start Tutti in containers are well formed and keep their promises; no container runs here (A49)."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it brings no types
import pytest
import yaml
from yamllint import linter  # type: ignore[import-untyped]  # it brings no types
from yamllint.config import YamlLintConfig  # type: ignore[import-untyped]

from support.server import ROOT
from tutti import settings

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
PORTS = {7700, 50051, 50052, 50053}
_STYLE = YamlLintConfig("{extends: default, rules: {line-length: {max: 120}, document-start: disable}}")


def service() -> dict[str, Any]:
    """Return the one service of the compose file."""
    (only,) = yaml.safe_load(COMPOSE.read_text())["services"].values()
    return dict(only)


def documents() -> list[dict[str, Any]]:
    """Return all that the cluster is told."""
    return [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text()) if one]


def of_kind(kind: str) -> dict[str, Any]:
    """Return the one document of a kind."""
    (only,) = (one for one in documents() if one["kind"] == kind)
    return only


def pod() -> dict[str, Any]:
    return dict(of_kind("Deployment")["spec"]["template"]["spec"])


@pytest.mark.parametrize("path", [COMPOSE, *MANIFESTS], ids=lambda path: path.name)
def test_the_files_are_well_formed(path: Path) -> None:
    assert [str(problem) for problem in linter.run(path.read_text(), _STYLE)] == []


@pytest.mark.parametrize("document", documents(), ids=lambda document: document["kind"])
def test_a_cluster_takes_the_manifests(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_every_port_is_reachable() -> None:
    exposed = re.search(r"^EXPOSE (.*)$", DOCKERFILE.read_text(), re.MULTILINE)

    assert exposed is not None
    assert set(map(int, exposed[1].split())) == PORTS
    assert {int(port.partition(":")[0]) for port in service()["ports"]} == PORTS
    assert {port["port"] for port in of_kind("Service")["spec"]["ports"]} == PORTS
    assert {port["containerPort"] for port in pod()["containers"][0]["ports"]} == PORTS


def test_all_services_see_one_store() -> None:
    (container,) = pod()["containers"]
    claims = [one["persistentVolumeClaim"]["claimName"] for one in pod()["volumes"] if "persistentVolumeClaim" in one]

    assert claims == [of_kind("PersistentVolumeClaim")["metadata"]["name"]]
    assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]
    assert service()["volumes"] == ["data:/data"]
    assert "TUTTI_DATA_DIR=/data" in DOCKERFILE.read_text()


def test_two_never_work_on_one_store() -> None:
    spec = of_kind("Deployment")["spec"]

    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_the_service_leads_to_the_pod() -> None:
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    names = {port["name"] for port in pod()["containers"][0]["ports"]}

    assert of_kind("Service")["spec"]["selector"].items() <= labels.items()
    assert {port["targetPort"] for port in of_kind("Service")["spec"]["ports"]} == names


def test_whoever_fails_is_noticed_and_started_again() -> None:
    (container,) = pod()["containers"]

    assert service()["restart"] == "unless-stopped"
    assert "/health" in " ".join(service()["healthcheck"]["test"])
    assert "/health" in DOCKERFILE.read_text()
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert "livenessProbe" in container


def test_nobody_runs_as_root() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE.read_text(), re.MULTILINE) == ["7700:7700"]
    assert service()["user"] == "7700:7700"
    assert service()["read_only"]
    assert service()["cap_drop"] == ["ALL"]
    assert pod()["securityContext"]["runAsNonRoot"]
    assert pod()["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_streams_may_finish() -> None:
    assert service()["stop_grace_period"] == "40s"
    assert pod()["terminationGracePeriodSeconds"] == 40


def test_no_secret_is_shipped() -> None:
    """A name without a value is handed through; what has one is no secret."""
    (container,) = pod()["containers"]

    assert [line for line in service()["environment"] if "=" in line] == []
    assert [one["name"] for one in container["env"] if "value" in one] == []
    assert [one for one in documents() if one["kind"] == "Secret"] == []


def test_every_setting_there_is_one() -> None:
    (container,) = pod()["containers"]
    written = re.findall(r"TUTTI_[A-Z_]+", DOCKERFILE.read_text() + COMPOSE.read_text())

    assert {*written, *(one["name"] for one in container["env"])} <= set(settings.names())
