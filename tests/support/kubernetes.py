"""deploy/kubernetes as `kubectl kustomize` renders it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deployment import ROOT

#: An object of Kubernetes.
Object = dict[str, Any]

#: What runs pods.
WORKLOADS = ("Deployment", "StatefulSet")


def render(folder: Path) -> list[Object]:
    """Do what the head of kustomization.yaml says, with the autoscaler; skip the test where kubectl is not here."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here to render deploy/kubernetes")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
    kubernetes = folder / "deploy/kubernetes"
    words = [sys.executable, str(folder / "deploy/make_secrets.py"), str(kubernetes / "secrets")]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(ROOT / "deploy/tq.env.example", kubernetes / "tq.env")
    kustomization = kubernetes / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("#components:", "components:"))
    done = subprocess.run(
        ["kubectl", "kustomize", kubernetes], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def named(objects: list[Object], *kinds: str) -> dict[str, Object]:
    """Return the objects of these kinds by name."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] in kinds}


def pod(workload: Object) -> Object:
    """Return what its pods are made from."""
    template: Object = workload["spec"]["template"]
    return template


def container(workload: Object) -> Object:
    """Return its only container."""
    (only,) = pod(workload)["spec"]["containers"]
    return dict(only)


def variables(workload: Object) -> dict[str, str]:
    """Return what its container is told in its environment, besides what all are told."""
    return {each["name"]: each["value"] for each in container(workload).get("env", ())}
