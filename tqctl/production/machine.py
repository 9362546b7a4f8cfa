"""Everything that does the main job on one machine: started in order, looked after, stopped in order."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from producers.cli.answer_sheet import is_configured
from producers.cli.first_checks import record
from producers.cli.questions import terminal
from producers.events_builder import set_up
from sandbox.launch.crew import WORKERS, start_crew
from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer, is_free
from sandbox.launch.supervisor import Supervisor
from tqctl.production.embedded import STRENGTH, is_embedded, memory_for_redis, new_url, redis_conf
from tqctl.production.unit import unit
from workers.core.errors import ConfigError
from workers.core.files import write_whole
from workers.core.urls import shown_url
from workers.ledger.connection import connect
from workers.ledger.overview import overview
from workers.settings import file as settings_file
from workers.settings.loading import Loaded, load
from workers.settings.model import Settings

#: Who sends and operates with the token that the first start makes.
OPERATOR = "operator:events+actions+read+operate"


def run(config: str | None, options: Namespace) -> int:
    """Run until Ctrl-C or TERM; everything is stopped in order."""
    loaded = load(config)
    folder = options.folder.expanduser().absolute()
    if options.unit:
        print(_unit(loaded, folder), end="")
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    # What is written from here on is for this user alone.
    os.umask(0o077)
    with ExitStack() as stack:
        _make_private(folder)
        made = prepare(loaded, options.redis_port)
        loaded = load(config)
        redis = stack.enter_context(_redis(loaded.settings, folder / "redis"))
        if made:
            record(loaded.settings, loaded.path, made)
        if not is_configured(loaded):
            loaded = set_up(loaded, terminal(takes_pipe=True))
        processes = stack.enter_context(_processes(loaded, folder))
        with suppress(KeyboardInterrupt):
            _start(processes, loaded.settings)
            print(_summary(loaded, folder), flush=True)
            Supervisor(processes, redis, file=folder / "processes.json", say=partial(print, flush=True)).run()
    print("Everything is stopped.", flush=True)
    return 0


def prepare(loaded: Loaded, redis_port: int) -> list[str]:
    """Write into `tq.yaml` what a machine of its own needs and is not set; return the names of these settings."""
    made: dict[str, str] = {}
    if "redis_url" not in loaded.origins:
        _refuse_taken(redis_port, "--redis-port")
        made["redis_url"] = new_url(redis_port)
    if "http_tokens" not in loaded.origins and _has_http():
        made["http_tokens"] = f"{OPERATOR}:{secrets.token_urlsafe(STRENGTH)}"
    if made:
        earlier = settings_file.read(loaded.path) if loaded.has_file else {}
        settings_file.write(loaded.path, {**{name: line.text for name, line in earlier.items()}, **made})
    return list(made)


@contextmanager
def _redis(settings: Settings, folder: Path) -> Iterator[RedisServer | None]:
    """Yield the embedded Redis; None where the settings name another one, which is not ours to start."""
    if not is_embedded(settings.redis_url):
        yield None
        return
    port = urlsplit(settings.redis_url).port or 0
    _refuse_taken(port, "redis_url")
    folder.mkdir(exist_ok=True)
    conf = folder / "redis.conf"
    write_whole(str(conf), redis_conf(settings.redis_url, memory_for_redis()).encode())
    server = RedisServer(folder, port=port, config=conf).start()
    try:
        yield server
    finally:
        server.stop()


def _processes(loaded: Loaded, folder: Path) -> Processes:
    """Return what runs the processes: their logs rotate in `logs`, what goes beside these is in `output`."""
    given = loaded.origins
    environ = {"TQ_CONFIG": str(loaded.path.parent.absolute())}
    for name in ("logs", "sync", "output"):
        (folder / name).mkdir(exist_ok=True)
    for file in (folder / "output").glob("*.log"):
        file.unlink()
    if "log_location" not in given:
        environ["TQ_LOG_LOCATION"] = str(folder / "logs")
    if "sync_dir" not in given:
        environ["TQ_SYNC_DIR"] = str(folder / "sync")
    return Processes(folder / "output", environ, root=folder)


def _start(processes: Processes, settings: Settings) -> None:
    """Start the processes, and return when they take payloads and jobs."""
    start_crew(processes)
    ready = processes.folder / "http.json"
    ready.unlink(missing_ok=True)
    if _has_http():
        _refuse_taken(settings.http_port, "http_port (TQ_HTTP_PORT)")
        logs_at = processes.environ.get("TQ_LOG_LOCATION", settings.log_location)
        command = Path(sys.executable).with_name("tq-http-shim")
        processes.start("http", command, "--loglocation", logs_at, "--ready-file", ready)
        processes.wait_until(ready.exists, "the HTTP entry point")
    workers = {processes.running[f"worker-{name}"].pid for name in WORKERS}
    with connect(settings.redis_url) as redis:
        processes.wait_until(
            lambda: workers <= {worker.sign.pid for worker in overview(redis).alive}, "the workers"
        )


def _summary(loaded: Loaded, folder: Path) -> str:
    settings = loaded.settings
    http = (
        f"http://{settings.http_host}:{settings.http_port}"
        if _has_http()
        else 'pip install "tq-workers[http]"'
    )
    return f"""
Running. Ctrl-C or TERM stops it all, in order.

  ThreatQ      {settings.threatq_url}
  Redis        {shown_url(settings.redis_url)}
  HTTP         {http}
  settings     {loaded.path} (http_tokens has the token for HTTP and the status page)
  data, logs   {folder}

What is missing is said by: tqctl check
"""


def _unit(loaded: Loaded, folder: Path) -> str:
    program, config = Path(sys.executable).with_name("tqctl"), loaded.path.parent.absolute()
    return unit(program=program, config=config, folder=folder, user=getpass.getuser())


def _make_private(folder: Path) -> None:
    """Make the folder for this user alone; raises ConfigError for one that others may read."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}; choose another one", field="--folder") from error
    mode = folder.stat().st_mode & 0o777
    if mode & 0o077:
        raise ConfigError(
            f"others may read {folder} (mode {mode:04o}); chmod 700 it, or choose another one",
            field="--folder",
        )


def _refuse_taken(port: int, what: str) -> None:
    if not is_free(port):
        raise ConfigError(
            f"port {port} of this machine is taken; is this system running already? Else choose another one",
            field=what,
        )


def _has_http() -> bool:
    return find_spec("uvicorn") is not None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
