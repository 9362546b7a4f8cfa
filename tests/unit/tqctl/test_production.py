"""A single machine for good: what is made on the first start, for whom, and the unit that starts it again."""

from __future__ import annotations

import hashlib
import socket
import stat
from argparse import Namespace
from pathlib import Path

import pytest

from sandbox.launch.redis_server import free_port
from tqctl.production.embedded import is_embedded, memory_for_redis, new_url, redis_conf
from tqctl.production.machine import prepare, run
from tqctl.production.unit import quoted, unit
from workers.core.errors import ConfigError
from workers.settings.loading import load


def test_what_a_machine_needs_and_is_not_set_is_made_once_and_written(tmp_path: Path) -> None:
    # given a configuration with one setting
    (tmp_path / "tq.yaml").write_text("private_ips: 10.0.0.0/8\n")
    (tmp_path / "tq.yaml").chmod(0o600)
    port = free_port()

    # when it is prepared twice
    made = prepare(load(tmp_path, {}), port)
    first = load(tmp_path, {}).settings
    again = prepare(load(tmp_path, {}), port)

    # then the second time finds what the first one has made
    assert (made, again) == (["redis_url", "http_tokens"], [])
    assert first.redis_url.endswith(f"@127.0.0.1:{port}/0")
    assert is_embedded(first.redis_url)
    assert first.http_tokens.reveal().startswith("operator:events+actions+read+operate:")
    assert first.private_ips == "10.0.0.0/8"
    assert stat.S_IMODE((tmp_path / "tq.yaml").stat().st_mode) == 0o600


def test_another_redis_that_is_named_stays_and_is_not_taken_for_ours(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, {"TQ_REDIS_URL": "redis://worker:x@redis.example:6379/0", "TQ_HTTP_TOKENS": "a:events:b"}
    )
    assert prepare(loaded, free_port()) == []
    assert not is_embedded(loaded.settings.redis_url)


def test_a_port_that_another_server_has_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            prepare(load(tmp_path, {}), port)
    assert f"--redis-port: port {port} of this machine is taken" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_may_read_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    options = Namespace(folder=tmp_path, unit=False, redis_port=free_port())
    with pytest.raises(ConfigError, match="chmod 700"):
        run(str(tmp_path / "config"), options)


def test_the_file_of_redis_holds_no_password_and_lets_a_stranger_only_knock() -> None:
    url = new_url(6379)
    password = url.partition("embedded:")[2].partition("@")[0]

    conf = redis_conf(url, 300_000_000)

    assert password not in conf
    assert f"user embedded on #{hashlib.sha256(password.encode()).hexdigest()} " in conf
    assert "user default on nopass sanitize-payload resetkeys resetchannels -@all +ping\n" in conf
    assert "maxmemory 300000000\n" in conf
    assert memory_for_redis() >= 256 * 1024 * 1024


def test_the_unit_runs_this_installation_with_its_folders() -> None:
    text = unit(
        program=Path("/opt/tq/bin/tqctl"), config=Path("/etc/tq"), folder=Path("/data/50 %"), user="tq"
    )

    assert "\nUser=tq\n" in text
    assert "\nEnvironment=TQ_CONFIG=/etc/tq\n" in text
    assert '\nExecStart=/opt/tq/bin/tqctl up --production --folder "/data/50 %%"\n' in text
    assert '\nReadWritePaths=/etc/tq "/data/50 %%"\n' in text
    assert quoted('a"b$c') == '"a\\"b$$c"'
