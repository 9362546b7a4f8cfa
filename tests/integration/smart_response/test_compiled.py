"""The compiled commands: the same job as the Python ones make, and all that is not plain is left to those."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from producers.cli.remembered import File
from producers.smart_response.commands import ACTIONS
from producers.smart_response.link import stored
from sandbox.launch.processes import ROOT
from sandbox.launch.redis_server import RedisServer, free_port
from sandbox.launch.tls import self_signed, tls_front
from workers.core.user import user_at_host
from workers.ledger import keys
from workers.ledger.accept import record_of
from workers.ledger.functions import look_after_functions
from workers.settings.model import Settings

COMPILER = shutil.which("cc") or shutil.which("gcc")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(COMPILER is None or sys.platform != "linux", reason="needs a C compiler on Linux"),
]

SOURCE = ROOT / "producers" / "smart_response" / "compiled" / "stub.c"

#: What the stand-in for Python ends with, to which a command is handed over.
HANDED_OVER = 77

ALARM = ("123", 'He said "no" \\ left', "2020-08-25 20:20:20")


def has_openssl() -> bool:
    """Tell whether this machine has the library with which the commands speak TLS."""
    for name in ("libssl.so.3", "libssl.so.1.1"):
        with contextlib.suppress(OSError):
            return bool(ctypes.CDLL(name))
    return False


class Compiled:
    """The commands, with an empty Redis and a folder of settings."""

    def __init__(self, folder: Path, redis: Redis, url: str) -> None:
        self.folder, self.redis = folder, redis
        self.environ = {"HOME": str(folder), "TQ_REDIS_URL": url, "ASAN_OPTIONS": "detect_leaks=0"}

    def run(
        self, command: str, *arguments: str | bytes, **environ: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        return subprocess.run(
            [self.folder / command, *arguments],
            check=False,
            capture_output=True,
            timeout=60,
            cwd=self.folder,
            env={name: value for name, value in {**self.environ, **environ}.items() if value},
        )

    def jobs(self) -> list[str]:
        """The ids of the jobs that Redis has."""
        first = keys.job("")
        return [key.decode().removeprefix(first) for key in self.redis.keys(f"{first}*")]

    def is_as_by_python(self, command: str, arguments: tuple[str, ...]) -> bool:
        """Tell whether the only job is the one that the Python command makes of this."""
        action = ACTIONS[command]
        job = action.job(*action.syntax.read(arguments))
        job.sender = user_at_host(self.environ)
        (job_id,) = self.jobs()
        _, _, record = bytes(self.redis.get(keys.job(job_id)) or b"").partition(b"\n")
        known = self.redis.get(keys.same(job.key)) if job.key else f"{job_id} {job.digest}".encode()
        has_its_id = job_id == job.id or job.kind.window_s is not None
        return has_its_id and record == record_of(job, stored) and known == f"{job_id} {job.digest}".encode()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the six commands, which watch over their own memory where the compiler can have them do so."""
    folder = tmp_path_factory.mktemp("compiled")
    program = folder / "tq-lookup"
    command = [str(COMPILER), "-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", str(SOURCE)]
    watched = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    for options in (watched, []):
        if (
            subprocess.run(
                [*command, *options, "-ldl", "-o", program], check=not options, timeout=120
            ).returncode
            == 0
        ):
            break
    for name in ACTIONS:
        if not (folder / name).exists():
            os.link(program, folder / name)
    python = folder / "python"
    python.write_text(f"#!/bin/sh\nexit {HANDED_OVER}\n")
    python.chmod(stat.S_IRWXU)
    (folder / "tq-stub.txt").write_text(f"{python}\nstart.py\n")
    return folder


@pytest.fixture
def compiled(built: Path, redis: Redis, redis_url: str) -> Iterator[Compiled]:
    """The commands with an empty Redis that knows our function."""
    if redis_url.startswith("rediss:") and not has_openssl():
        pytest.skip("without OpenSSL, TLS is left to the Python commands")
    look_after_functions(redis, Settings())
    yield Compiled(built, redis, redis_url)
    (built / "tq.yaml").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("tq-lookup", ("IP Address", " 77.77.77.77 ")),
        ("tq-add-ioc", ("URL", 'http://x.example/"a"  b\\')),
        ("tq-mark-true-positive", ("FQDN", "x" * 300)),
        ("tq-mark-false-positive", ("MD5", "0" * 32)),
        ("tq-whitelist-ioc", ("Email Address", "a@b.example")),
        ("tq-sighting", ALARM),
        ("tq-sighting", (*ALARM, "-URL", "", "-SIP", "1.2.3.4", "-Object", "a  b", "c", "-DHostName", " h ")),
    ],
)
def test_the_job_is_the_one_that_the_python_command_makes(
    compiled: Compiled, command: str, arguments: tuple[str, ...]
) -> None:
    done = compiled.run(command, *arguments, "--no-wait")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(f"{ACTIONS[command].name}: accepted, not done yet\n\nWhy  ".encode())
    assert compiled.is_as_by_python(command, arguments)


@pytest.mark.skipif(not has_openssl(), reason="needs OpenSSL")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_over_tls_it_is_the_same_job(
    compiled: Compiled, redis_server: RedisServer, tmp_path: Path, host: str
) -> None:
    arguments = ("FQDN", "x.example", "--no-wait")
    with tls_front(tmp_path, redis_server.port) as (port, authority):
        url = f"rediss://{host}:{port}/0?ssl_ca_certs={authority}"
        assert compiled.run("tq-lookup", *arguments, TQ_REDIS_URL=url).returncode == 0
    assert compiled.is_as_by_python("tq-lookup", arguments)


@pytest.mark.parametrize(
    ("host", "query"),
    [
        # The certificate is of no authority that this file has, or names another host, or would not be verified
        ("127.0.0.1", "ssl_ca_certs={other}"),
        ("127.1", "ssl_ca_certs={authority}"),
        ("127.0.0.1", "ssl_ca_certs={authority}&ssl_cert_reqs=none"),
        ("127.0.0.1", "ssl_cert_reqs=none"),
        ("127.0.0.1", "ssl_ca_certs=/no/such/file"),
    ],
)
def test_a_server_that_is_not_verified_gets_nothing_of_it(
    compiled: Compiled, redis_server: RedisServer, tmp_path: Path, host: str, query: str
) -> None:
    (tmp_path / "other").mkdir()
    other = self_signed(tmp_path / "other")["ssl_certfile"]
    with tls_front(tmp_path, redis_server.port) as (port, authority):
        url = f"rediss://{host}:{port}/0?{query.format(authority=authority, other=other)}"
        done = compiled.run("tq-lookup", "FQDN", "x.example", "--no-wait", TQ_REDIS_URL=url)
    assert (done.returncode, compiled.jobs()) == (HANDED_OVER, [])


@pytest.mark.skipif(not has_openssl(), reason="needs OpenSSL")
def test_a_server_that_shows_who_it_is_byte_by_byte_holds_no_command(
    compiled: Compiled, tmp_path: Path
) -> None:
    # given a server that announces 16 kB and sends a byte ten times a second
    authority = self_signed(tmp_path)["ssl_certfile"]
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as thread:
        dribbling = thread.submit(_dribble, listening)
        url = f"rediss://127.0.0.1:{listening.getsockname()[1]}/0?ssl_ca_certs={authority}"
        done = compiled.run("tq-lookup", "FQDN", "x.example", "--no-wait", TQ_REDIS_URL=url)

        # then Python takes over while the server still sends
        assert done.returncode == HANDED_OVER
        assert dribbling.result(timeout=10)


def _dribble(listening: socket.socket) -> bool:
    """Answer one client for a minute at most; tell whether that has hung up by then."""
    with listening.accept()[0] as wire, contextlib.suppress(ConnectionError):
        for byte in b"\x16\x03\x03\x40\x00" + bytes(600):
            wire.sendall(bytes([byte]))
            time.sleep(0.1)
        return False
    return True


def test_the_answer_is_that_of_the_python_command(compiled: Compiled) -> None:
    answer = compiled.run("tq-lookup", "FQDN", "x.example", "--no-wait").stdout
    (compiled_id,) = compiled.jobs()
    compiled.redis.flushdb()
    start = [sys.executable, "-I", "-S", ROOT / "producers/smart_response/start.py"]
    command = [*start, "tq-lookup", "FQDN", "x.example", "--no-wait"]
    done = subprocess.run(command, env=compiled.environ, check=True, capture_output=True, timeout=60)
    (python_id,) = compiled.jobs()
    assert answer == done.stdout.replace(python_id.encode(), compiled_id.encode())


def test_settings_in_plain_lines_are_read(compiled: Compiled) -> None:
    url = compiled.environ["TQ_REDIS_URL"]
    file = compiled.folder / "tq.yaml"
    file.touch(mode=0o600)
    file.write_text(f'# ours\nversion: 1\nredis_url: "{url}"\nmax_open_jobs: 1\nkeep_days: 3\n')
    assert compiled.run("tq-lookup", "FQDN", "a.example", "--no-wait", TQ_REDIS_URL="").returncode == 0
    # Of two jobs the second is one too many, which Python explains
    second = compiled.run("tq-lookup", "FQDN", "b.example", "--no-wait", "-c", str(compiled.folder))
    assert second.returncode == HANDED_OVER
    assert len(compiled.jobs()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("FQDN",),
        ("FQDN", "münchen.example"),
        ("FQDN", b"\xff\xfe"),
        ("No Such Type", "x"),
        ("FQDN", "x", "y"),
        ("FQDN", "x", "--json"),
        ("FQDN", "x", "-v3"),
        ("FQDN", "x", "--help"),
        ("FQDN", "x", "-c", "/no/such/folder/tq.yaml"),
        ("FQDN", "x" * 100_000),
    ],
)
def test_what_is_not_plain_is_handed_over_before_anything_is_sent(
    compiled: Compiled, arguments: tuple[str | bytes, ...]
) -> None:
    assert compiled.run("tq-lookup", *arguments, "--no-wait").returncode == HANDED_OVER
    assert compiled.jobs() == []


@pytest.mark.parametrize(
    "environ",
    [
        {"TQ_REDIS_URL": f"rediss://127.0.0.1:{free_port()}/0"},
        {"TQ_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"},
        {"TQ_REDIS_URL": "redis://[::1]:6379/0"},
        {"TQ_REDIS_URL": "sentinel://127.0.0.1/0?master=m"},
        {"TQ_ACCEPT_REPLICAS": "1"},
        {"TRACEPARENT": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"},
    ],
)
def test_a_redis_or_setting_that_only_python_knows_is_handed_over(
    compiled: Compiled, environ: dict[str, str]
) -> None:
    assert compiled.run("tq-lookup", "FQDN", "x.example", "--no-wait", **environ).returncode == HANDED_OVER
    assert compiled.jobs() == []


@pytest.mark.parametrize(
    "text", ["redis_url: [x]\n", "a: 1\na: 2\n", "redis_url:\n  x\n", "accept_replicas: 1\n"]
)
def test_settings_that_only_python_reads_are_handed_over(compiled: Compiled, text: str) -> None:
    file = compiled.folder / "tq.yaml"
    file.touch(mode=0o600)
    file.write_text(text)
    assert compiled.run("tq-lookup", "FQDN", "x.example", "--no-wait").returncode == HANDED_OVER
    assert compiled.jobs() == []


def test_a_remembered_folder_is_looked_up_by_python(compiled: Compiled, tmp_path: Path) -> None:
    # Given folders that the first run of the connector wrote down
    File(str(tmp_path / "tq-workers" / "logrhythm.json")).remember({"loglocation": str(tmp_path)})
    # Then a command that is told no folder leaves all to Python, and one that is leaves it the log
    for folder, jobs in (("", 0), (str(tmp_path), 1)):
        environ = {"XDG_CONFIG_HOME": str(tmp_path), "TQ_CONFIG": folder}
        assert compiled.run("tq-lookup", "FQDN", "x", "--no-wait", **environ).returncode == HANDED_OVER
        assert len(compiled.jobs()) == jobs


def test_python_waits_for_the_job_that_was_accepted(compiled: Compiled, tmp_path: Path) -> None:
    # Given the Python command as what is handed over to
    handing = compiled.folder / "tq-stub.txt"
    before = handing.read_text()
    handing.write_text(f"{sys.executable}\n{ROOT}/producers/smart_response/start.py\n")
    try:
        # When an action is to be logged, which Python does
        done = compiled.run("tq-sighting", *ALARM, "--no-wait", "-ll", str(tmp_path), "-v", "3")
    finally:
        handing.write_text(before)
    # Then it is one job, of which the log tells
    assert (done.returncode, done.stderr) == (0, b"")
    (line,) = (tmp_path / "tq-sighting.log").read_text().splitlines()
    assert [json.loads(line)["job"]] == compiled.jobs()


WORDS = st.lists(
    st.sampled_from(
        ["FQDN", "IP Address", "-SIP", "-Object", "--", "-c", "--config", "-ll", "", "-", " ", '"\\']
    )
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
    | st.sampled_from("x -%").map(lambda letter: letter * 2_000),
    max_size=9,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(ACTIONS)), WORDS, st.booleans())
def test_no_command_line_does_harm(
    compiled: Compiled, command: str, words: list[str], is_plain: bool
) -> None:
    # Given whatever words; some of them such as make a job
    few = ALARM if command == "tq-sighting" else ("FQDN",)
    arguments = (*few, *words) if is_plain else tuple(words)
    compiled.redis.flushdb()
    # When the command is given them
    done = compiled.run(command, *arguments, "--no-wait")
    # Then it ends in order, and what it did itself is what Python would have done
    assert done.returncode in (0, HANDED_OVER), done.stderr
    assert done.returncode == HANDED_OVER or compiled.is_as_by_python(command, (*arguments, "--no-wait"))
