"""docker-compose.yml compared with the compose specification and with the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from producers.http.connections import SPARE_FILES
from sandbox.launch.cli import LOGRHYTHM_PORT, THREATQ_PORT
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from tests.support.deployment import (
    DEFAULTS,
    ROOT,
    VARIABLES,
    complaints,
    compose,
    our_services,
    variables_in,
    words_of,
)
from workers.core.jobs import QUEUES
from workers.settings.model import Settings

PROGRAMS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"])

SERVICES = our_services()


@pytest.fixture(scope="module")
def secrets_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run(
        [sys.executable, ROOT / "deploy/make_secrets.py", folder], check=True, stdout=subprocess.PIPE
    )
    return folder


def test_the_file_follows_the_compose_specification() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    words = (tool, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml")

    checked = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    assert checked.returncode == 0, checked.stdout.decode()


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_is_one_that_we_have(name: str) -> None:
    assert list(complaints(words_of(SERVICES[name]["command"]), PROGRAMS)) == []


def test_every_queue_has_a_worker() -> None:
    commands = " ".join(str(service["command"]) for service in SERVICES.values())
    served = {queue for queues in re.findall(r"-Q (\S+)", commands) for queue in queues.split(",")}

    assert served == set(QUEUES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_variable_is_a_setting(name: str) -> None:
    unknown = [variable for variable in SERVICES[name].get("environment", ()) if variable not in VARIABLES]
    assert unknown == []


@pytest.mark.parametrize("file", ["deploy/tq.env.example", "deploy/sandbox.env"])
def test_every_variable_of_an_env_file_is_a_setting(file: str) -> None:
    assert variables_in((ROOT / file).read_text()) - VARIABLES == set()


@pytest.mark.parametrize("name", SERVICES)
def test_every_part_runs_without_rights(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    users = [re.findall(r"^USER (\S+)$", stage, flags=re.MULTILINE) for stage in stages]

    # Only a stage that installs more becomes root for that time; none ends as root
    assert {named[-1] for named in users if named} == {"10001:10001"}
    assert {tuple(named) for named in users} == {(), ("10001:10001",), ("0:0", "10001:10001")}


def test_only_the_entry_points_are_published_and_on_this_machine_alone() -> None:
    published = {
        name: service["ports"] for name, service in compose()["services"].items() if "ports" in service
    }

    assert published == {
        "http-shim": [
            f"${{DEPLOY_HTTP_BIND:-127.0.0.1}}:${{DEPLOY_HTTP_PORT:-{DEFAULTS.http_port}}}:{DEFAULTS.http_port}"
        ],
        "flower": ["${DEPLOY_FLOWER_BIND:-127.0.0.1}:${DEPLOY_FLOWER_PORT:-5555}:5555"],
        "grafana": ["${DEPLOY_GRAFANA_BIND:-127.0.0.1}:3000:3000"],
        "sandbox": [
            f"127.0.0.1:${{DEPLOY_THREATQ_PORT:-{THREATQ_PORT}}}:{THREATQ_PORT}",
            f"127.0.0.1:${{DEPLOY_LOGRHYTHM_PORT:-{LOGRHYTHM_PORT}}}:{LOGRHYTHM_PORT}",
        ],
    }
    assert compose()["services"]["redis"]["networks"] == ["queue"]
    assert compose()["networks"]["queue"] == {"internal": True}


@pytest.mark.parametrize("name", compose()["services"])
def test_every_secret_that_is_used_is_declared_and_mounted(name: str) -> None:
    service = compose()["services"][name]
    mounted = set(service.get("secrets", ()))
    # by its environment, or by its own configuration
    folders = [ROOT / volume.partition(":")[0] for volume in service.get("volumes", ()) if volume[0] == "."]
    texts = [file.read_text() for folder in folders for file in folder.rglob("*.yml")]

    assert set(re.findall(r"/run/secrets/([\w-]+)", "".join([str(service), *texts]))) == mounted
    assert mounted <= set(compose()["secrets"])


def test_every_secret_is_one_that_is_made(secrets_made: Path) -> None:
    files = {Path(secret["file"]) for secret in compose()["secrets"].values()}

    assert {file.parent for file in files} == {Path("deploy/secrets")}
    assert {file.name for file in files} <= {file.name for file in secrets_made.iterdir()}


def test_making_secrets_again_changes_no_password(secrets_made: Path) -> None:
    before = {file.name: file.read_bytes() for file in secrets_made.iterdir()}

    words = [sys.executable, ROOT / "deploy/make_secrets.py", secrets_made]
    subprocess.run(words, check=True, stdout=subprocess.PIPE)

    assert {file.name: file.read_bytes() for file in secrets_made.iterdir()} == before
    assert secrets_made.stat().st_mode & 0o777 == 0o700


def test_no_password_of_redis_is_in_its_acl_file(secrets_made: Path) -> None:
    acl = (secrets_made / "users.acl").read_text()
    urls = [file.read_text() for file in secrets_made.glob("redis-*")]

    assert len(urls) == acl.count("user ") - 1
    assert not [url for url in urls if url.split(":")[2].partition("@")[0] in acl]


def test_each_part_signs_in_as_the_user_made_for_it() -> None:
    urls = {
        name: service["environment"].get("TQ_REDIS_URL_FILE")
        for name, service in SERVICES.items()
        if name != "sandbox"
    }

    assert urls == {
        "worker-events": "/run/secrets/redis-worker",
        "worker-enrichment": "/run/secrets/redis-worker",
        "worker-sync": "/run/secrets/redis-worker",
        "beat": "/run/secrets/redis-beat",
        "http-shim": "/run/secrets/redis-shim",
        "redis-bridge": "/run/secrets/redis-bridge",
        "flower": "/run/secrets/redis-flower",
    }


def test_the_rehearsal_signs_in_where_the_sandbox_lets_it() -> None:
    lines = (ROOT / "deploy/sandbox.env").read_text().splitlines()
    env = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    command = words_of(SERVICES["sandbox"]["command"])
    share = command[command.index("--share") + 1]

    assert env["TQ_THREATQ_URL"] == f"https://sandbox:{THREATQ_PORT}"
    assert env["TQ_LOGRHYTHM_URL"] == f"https://sandbox:{LOGRHYTHM_PORT}"
    assert (env["TQ_THREATQ_CLIENT_ID"], env["TQ_THREATQ_EMAIL"], env["TQ_THREATQ_PASSWORD"]) == (
        CLIENT_ID,
        EMAIL,
        PASSWORD,
    )
    assert env["TQ_THREATQ_CA_FILE"] == env["TQ_LOGRHYTHM_CA_FILE"] == f"{share}/certificate.pem"
    # What every part is told must be there for every part
    assert env["DEPLOY_LOGRHYTHM_TOKEN_FILE"] == f"{share}/logrhythm-token"
    assert [
        name for name in env if name.startswith("TQ_") and name.endswith("_FILE") and "_CA_" not in name
    ] == []


def test_there_may_be_as_many_workers_for_events_as_are_asked_for() -> None:
    service = SERVICES["worker-events"]
    words = words_of(service["command"])

    # One variable says how many, and one is what there is without it
    assert service["deploy"] == {
        "mode": "replicated",
        "replicas": "${DEPLOY_EVENTS_WORKERS:-1}",
    }
    # Nothing of it can be there only once: no name, no port of the machine, no folder that is written to
    assert not {"container_name", "hostname", "ports"} & set(service)
    assert [mount for mount in service["volumes"] if not mount.endswith(":ro")] == []
    # And each worker has a name of its own
    assert words[words.index("-n") + 1] == "events@%h"


def test_prometheus_asks_every_worker_where_it_tells() -> None:
    config = yaml.safe_load((ROOT / "deploy/monitoring/prometheus/prometheus.yml").read_text())
    workers = {
        name: service["environment"] for name, service in SERVICES.items() if name.startswith("worker-")
    }

    (asked,) = config["scrape_configs"][0]["dns_sd_configs"]
    assert asked["names"] == list(workers)
    assert {asked["port"]} == {environment["TQ_METRICS_PORT"] for environment in workers.values()}
    assert [
        name for name in config["rule_files"] if not (ROOT / "deploy/monitoring/prometheus" / name).exists()
    ] == []


@pytest.mark.parametrize("name", compose()["services"])
def test_every_file_that_is_mounted_is_there(name: str) -> None:
    mounts = [mount.split(":")[0] for mount in compose()["services"][name].get("volumes", ())]
    missing = [mount for mount in mounts if mount.startswith("./") and not (ROOT / mount).exists()]

    assert missing == []
    assert {mount for mount in mounts if not mount.startswith("./")} <= set(compose()["volumes"])


@pytest.mark.parametrize(("age_s", "code"), [(1, 0), (60, 1)])
def test_the_health_check_looks_at_the_age_of_the_heartbeat(tmp_path: Path, age_s: int, code: int) -> None:
    service: dict[str, Any] = SERVICES["worker-events"]
    kind, check = service["healthcheck"]["test"]
    alive = tmp_path / "alive"
    alive.touch()
    os.utime(alive, (time.time() - age_s,) * 2)

    assert kind == "CMD-SHELL"
    assert service["environment"]["TQ_HEARTBEAT_FILE"] == "/tmp/alive"
    command = check.replace("$$", "$").replace("/tmp/alive", str(alive))
    assert subprocess.run(["sh", "-c", command], check=False).returncode == code


def test_what_is_copied_into_the_image_is_let_through_to_the_build() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = {
        word
        for line in re.findall(r"^COPY (?!--)(.*)$", dockerfile, flags=re.MULTILINE)
        for word in line.split()[:-1]
    }
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE))

    assert copied == allowed
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_http_entry_point_may_open_a_file_for_every_connection_and_has_a_limit_of_memory() -> None:
    assert SERVICES["http-shim"]["ulimits"]["nofile"] >= Settings().http_max_connections + SPARE_FILES
    assert "mem_limit" in SERVICES["http-shim"]
