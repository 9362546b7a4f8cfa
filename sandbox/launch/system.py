"""The whole system on one machine: Redis, workers, beat, and the simulated services unless real ones are configured.

The simulated ThreatQ is filled with what a list sync needs: indicators, a data collection, LogRhythm's page.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from sandbox.launch.crew import WORKERS, start_crew
from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer, free_port, own_redis
from sandbox.logrhythm.tokens import mint
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.model import ListSummary
from workers.settings import file as settings_file
from workers.settings.model import Secret, Settings
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM
from workers.threatq.connector import PATH, Connector
from workers.threatq.service import connect

#: What stands in the simulated connector's page, so that the demo has something to leave out.
PRIVATE_IPS = "10.0.0.0/8, 192.168.0.0-192.168.255.255"

#: The file in which the sandbox writes its addresses, that of what ThreatQ holds, and that of the processes.
READY, STATE, PROCESSES = "sandbox.json", "threatq.sqlite", "processes.json"

#: Seconds after which a killed worker's jobs are taken over: a person waits for it.
LEASE_S = "10"

#: The data collection and the list names of the guide.
COLLECTION = "LogRhythm-IOCList"

MAPPING = f'---\n{COLLECTION}:\n  baseName: "ThreatQ: "\n'

#: Indicators that are filled in; enough to see something, few enough to be there at once.
INDICATORS = 2_500


class System(Struct, frozen=True):
    """A running system: its settings, the folder of its `tq.yaml`, its log folder and its processes.

    `ready_file` holds the addresses of the simulated services; `redis` is None where another one is used.
    """

    settings: Settings
    config: Path
    processes: Processes
    ready_file: Path
    redis: RedisServer | None

    @property
    def logrhythm(self) -> str:
        """The simulated LogRhythm's address; empty where ThreatQ is a real one."""
        if not self.ready_file.exists():
            return ""
        return str(json.loads(self.ready_file.read_text())["logrhythm"])


@contextmanager
def running_system(folder: Path, *, threatq_port: int = 0, scheduled: bool = True) -> Iterator[System]:
    """Start everything in `folder`, yield once jobs are worked on, and stop everything at the end.

    An external Redis (TQ_REDIS_URL) and a real ThreatQ (TQ_THREATQ_URL) are used where they are given. Beat
    starts list syncs if they are to be `scheduled`.
    """
    config, logs = folder / "config", folder / "logs"
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis(folder / "redis"))
        redis_url = redis.url if redis else os.environ["TQ_REDIS_URL"]
        environ = {"TQ_CONFIG": str(config), "TQ_REDIS_URL": redis_url, "TQ_SYNC_DIR": str(folder / "sync")}
        environ["TQ_LEASE_S"] = os.environ.get("TQ_LEASE_S", LEASE_S)
        if not scheduled:
            environ["TQ_SYNC_INTERVAL_S"] = "0"
        processes = stack.enter_context(Processes(logs, environ))
        settings = Settings(redis_url=redis_url)
        if not os.environ.get("TQ_THREATQ_URL"):
            settings = start_threatq(
                processes,
                folder,
                settings,
                threatq_port,
                "--state",
                folder / STATE,
                "--processes",
                folder / PROCESSES,
            )
            write_settings(config, settings)
            enable_connector(settings)
            Rehearsal(settings, folder / READY).prepare()
        start_workers(processes)
        yield System(settings, config, processes, folder / READY, redis)


def start_workers(processes: Processes) -> None:
    """Start the workers and beat, and return when they take jobs."""
    start_crew(processes)
    for name in WORKERS:
        log = processes.folder / f"worker-{name}.log"
        processes.wait_until(partial(_says_ready, log), f"the worker {name}")


def _says_ready(log: Path) -> bool:
    return " ready." in log.read_text()


def start_threatq(
    processes: Processes, folder: Path, settings: Settings, port: int, *options: str | Path
) -> Settings:
    """Start the simulated services and return `settings` with the way to ThreatQ.

    LogRhythm gets the next port; port 0 takes free ones.
    """
    ready = folder / READY
    ready.unlink(missing_ok=True)
    # Named, so that they are the same when it is started again.
    ports = (str(port), str(port + 1)) if port else (str(free_port()), str(free_port()))
    command = Path(sys.executable).with_name("tq-sandbox")
    named = ("--threatq-port", ports[0], "--logrhythm-port", ports[1], "--ready-file", ready)
    processes.start("sandbox", command, *named, *options)
    processes.wait_until(ready.exists, "the sandbox")
    return structs.replace(
        settings,
        threatq_url=json.loads(ready.read_text())["threatq"],
        threatq_client_id=CLIENT_ID,
        threatq_email=EMAIL,
        threatq_password=Secret(PASSWORD),
    )


def write_settings(config: Path, settings: Settings) -> None:
    """Write the settings that name Redis and ThreatQ as the folder's `tq.yaml`."""
    names = ("redis_url", "threatq_url", "threatq_client_id", "threatq_email", "threatq_status")
    values = {name: getattr(settings, name) for name in names}
    values["threatq_password"] = settings.threatq_password.reveal()
    path = config / "tq.yaml"
    path.unlink(missing_ok=True)
    settings_file.write(path, values)


def enable_connector(settings: Settings) -> None:
    """Register the connector, then do in the simulated UI what its administrator would do: enable it.

    One that is registered already is left as it is.
    """
    threatq = connect(settings)
    connector = Connector(threatq.caller, settings.connector_name)
    if connector.find():
        return
    page = connector.register(EVENTS_BUILDER)
    change = {"is_active": True, "custom_fields": {"private_ips": PRIVATE_IPS}}
    threatq.caller.call("PUT", f"{PATH}/{page.id}", json=change)


class Rehearsal:
    """The levers of both simulated services."""

    def __init__(self, settings: Settings, ready_file: Path) -> None:
        self.settings = settings
        self._caller = connect(settings).caller
        self.logrhythm: str = json.loads(ready_file.read_text())["logrhythm"]

    def prepare(self) -> None:
        """Fill ThreatQ, share a collection, and do as LogRhythm's administrator does on the connector's page.

        Where that was done before, only LogRhythm's address and token are set anew.
        """
        name = self.settings.logrhythm_connector_name
        connector = Connector(self._caller, name)
        fields = {"logrhythm_host": self.logrhythm, "logrhythm_token": mint()}
        if connector.find():
            self._threatq("connector", {"name": name, "custom_fields": fields})
            return
        self.seed(INDICATORS, start=0)
        query = {"criteria": {}, "filters": {"status_name": "Active"}}
        self._threatq("collections", {"name": COLLECTION, "query": query})
        connector.register(LOGRHYTHM)
        fields |= {
            "logrhythm_owner": "ThreatQ Sync",
            "sync_collections": MAPPING,
            "sync_method": "full",
        }
        self._threatq("connector", {"name": name, "is_active": True, "custom_fields": fields})

    def seed(self, count: int, *, start: int) -> None:
        """Add active indicators of the guide's five types, number `start` and those that follow."""
        self._threatq("seed", {"indicators": count, "start": start})

    def expire(self, every: int) -> None:
        """Let each n-th indicator expire, so that it leaves the collection."""
        self._threatq("expire", {"every": every})

    def lists(self) -> list[ListSummary]:
        """Return LogRhythm's lists as it describes them."""
        settings = structs.replace(
            self.settings, logrhythm_url=self.logrhythm, logrhythm_token=Secret(mint()), logrhythm_ca_file=""
        )
        logrhythm = LogRhythm(settings)
        try:
            return list(logrhythm.lists.every())
        finally:
            logrhythm.close()

    def _threatq(self, lever: str, body: dict[str, Any]) -> None:
        self._caller.call("POST", f"/sandbox/{lever}", json=body)
