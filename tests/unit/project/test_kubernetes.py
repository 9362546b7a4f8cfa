"""deploy/kubernetes compared with Kubernetes' schemas, with docker-compose.yml and with the code."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate
import promql_parser
import pytest

from tests.support.deployment import ROOT, VARIABLES, compose, our_services, variables_in, words_of
from tests.support.kubernetes import WORKLOADS, Object, container, named, pod, render, variables

#: The oldest and the newest Kubernetes whose schemas are at hand here; KEDA's objects are not Kubernetes' own.
VERSIONS = ("1.27", "1.34")

#: Each part, as docker-compose.yml names it.
PARTS = {
    "worker-events": "worker-events",
    "worker-enrichment": "worker-enrichment",
    "worker-sync": "worker-sync",
    "beat": "beat",
    "bridge": "redis-bridge",
    "http": "http-shim",
    "flower": "flower",
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    return render(tmp_path_factory.mktemp("kubernetes"))


@pytest.fixture(scope="module")
def workloads(objects: list[Object]) -> dict[str, Object]:
    return named(objects, *WORKLOADS)


def secrets_of(objects: list[Object], workload: Object) -> set[str]:
    """Return the paths of the secrets that its container finds."""
    volumes = {volume["name"]: volume for volume in pod(workload)["spec"]["volumes"] if "secret" in volume}
    secrets = named(objects, "Secret")
    return {
        f"{mount['mountPath']}/{file}"
        for mount in container(workload)["volumeMounts"]
        if mount["name"] in volumes
        for file in secrets[volumes[mount["name"]]["secret"]["secretName"]]["data"]
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_follows_the_schema_of_kubernetes(objects: list[Object], version: str) -> None:
    ours = [each for each in objects if each["kind"] != "ScaledObject"]

    assert len(ours) > 30
    for each in ours:
        # Strict: a field that Kubernetes does not know is an error
        kubernetes_validate.validate(each, version, strict=True)


def test_each_part_runs_what_the_compose_file_runs(workloads: dict[str, Object]) -> None:
    services = our_services()
    assert set(workloads) == {*PARTS, "redis"}
    for name, service in PARTS.items():
        assert words_of(container(workloads[name])["args"]) == words_of(services[service]["command"])
        image = services[service]["image"].partition(":")[0]
        assert container(workloads[name])["image"] == f"registry.example/{image}:local"
    redis, composed = container(workloads["redis"]), compose()["services"]["redis"]
    assert redis["image"] in composed["image"]
    given = " ".join((*redis["command"], *redis["args"])).replace("/redis/users.acl", "/redis-users")
    assert given == " ".join(composed["command"]).replace("${DEPLOY_REDIS_MEMORY:-1gb}", "1gb")


@pytest.mark.parametrize("name", PARTS)
def test_each_part_is_told_what_the_compose_file_tells_it(workloads: dict[str, Object], name: str) -> None:
    told, composed = variables(workloads[name]), our_services()[PARTS[name]]["environment"]
    assert set(told) == set(composed)
    assert set(told) <= VARIABLES
    files = {key: value.rpartition("/")[2] for key, value in told.items() if key.endswith("_FILE")}
    assert files == {key: composed[key].rpartition("/")[2].rstrip("}") for key in files}


@pytest.mark.parametrize("name", PARTS)
def test_each_part_has_the_secrets_that_it_reads_and_no_other(
    objects: list[Object], workloads: dict[str, Object], name: str
) -> None:
    said = f"{container(workloads[name])['args']} {variables(workloads[name])}"
    read = set(re.findall(r"/run/secrets/tq/[\w-]+", said))
    assert read == secrets_of(objects, workloads[name])


def test_the_probes_ask_what_the_health_checks_of_the_compose_file_ask(workloads: dict[str, Object]) -> None:
    for name in ("worker-events", "worker-enrichment", "worker-sync", "beat", "bridge", "redis"):
        check = compose()["services"][PARTS.get(name, name)]["healthcheck"]["test"][1].replace("$$", "$")
        probes = [container(workloads[name])[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
        assert [probe["exec"]["command"] for probe in probes] == [["sh", "-c", check]] * 3
    http = container(workloads["http"])
    assert (http["livenessProbe"]["httpGet"]["path"], http["readinessProbe"]["httpGet"]["path"]) == (
        "/healthz",
        "/readyz",
    )


def test_no_pod_has_more_rights_than_a_restricted_one(workloads: dict[str, Object]) -> None:
    for name, workload in workloads.items():
        spec, rights = pod(workload)["spec"], container(workload)["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] != 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False, name
        assert rights == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container(workload)["resources"]["limits"]["memory"], name


def test_a_pod_has_the_time_to_finish_that_the_compose_file_gives(workloads: dict[str, Object]) -> None:
    for name, workload in workloads.items():
        given = compose()["services"][PARTS.get(name, name)]["stop_grace_period"]
        assert f"{pod(workload)['spec']['terminationGracePeriodSeconds']}s" == given


def test_every_part_can_be_moved_from_a_node_one_pod_at_a_time(
    objects: list[Object], workloads: dict[str, Object]
) -> None:
    budgets = named(objects, "PodDisruptionBudget")
    assert set(budgets) == set(workloads)
    for name, budget in budgets.items():
        assert budget["spec"] == {"maxUnavailable": 1, "selector": workloads[name]["spec"]["selector"]}


def test_only_those_that_sign_in_to_redis_reach_it(
    objects: list[Object], workloads: dict[str, Object]
) -> None:
    reach = {
        name for name, each in workloads.items() if pod(each)["metadata"]["labels"].get("reaches") == "redis"
    }
    assert reach == {name for name, each in workloads.items() if "TQ_REDIS_URL_FILE" in variables(each)}
    policies = named(objects, "NetworkPolicy")
    assert policies["nothing-else"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies["redis"]["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"reaches": "redis"}}}]
    labels = [pod(each)["metadata"]["labels"].items() for each in workloads.values()]
    for name, policy in policies.items():
        wanted = policy["spec"]["podSelector"].get("matchLabels", {}).items()
        assert any(wanted <= given for given in labels), name


def test_the_autoscaler_follows_a_metric_that_workers_have_and_stays_below_its_deployment(
    objects: list[Object], workloads: dict[str, Object]
) -> None:
    (scaled,) = named(objects, "ScaledObject").values()
    (trigger,) = scaled["spec"]["triggers"]
    promql_parser.parse(trigger["metadata"]["query"])
    metrics = set(re.findall(r"tq_\w+", trigger["metadata"]["query"]))
    assert metrics
    assert metrics <= set(re.findall(r"`(tq_\w+)`", (ROOT / "docs/metrics.md").read_text()))
    # A number in the Deployment would undo the autoscaler's at each apply
    assert "replicas" not in workloads[scaled["spec"]["scaleTargetRef"]["name"]]["spec"]


def test_what_all_parts_are_told_are_settings(objects: list[Object]) -> None:
    (settings,) = named(objects, "ConfigMap").values()
    assert set(settings["data"]) == {
        line.partition("=")[0]
        for line in (ROOT / "deploy/tq.env.example").read_text().splitlines()
        if line.startswith("TQ_")
    }
    assert variables_in((ROOT / "deploy/tq.env.example").read_text()) <= VARIABLES


def test_secrets_and_settings_of_a_deployment_are_not_committed() -> None:
    ignored = Path(ROOT / "deploy/kubernetes/.gitignore").read_text().split()
    assert ignored == ["secrets/", "tq.env"]
