"""tq-sandbox as a process: it says where it is, and stops when told to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until

pytestmark = pytest.mark.acceptance

COMMAND = (sys.executable, "-c", "import sys; from sandbox.launch.cli import main; sys.exit(main())")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_writes_its_address_once_it_serves_and_stops_in_order(tmp_path, how):
    ready = tmp_path / "ready.json"
    options = (
        "--threatq-port",
        "0",
        "--indicators",
        "10",
        "--collection",
        "Block list",
        "--ready-file",
        ready,
    )
    with subprocess.Popen(
        [*COMMAND, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            until(ready.exists, within_s=30)
            sandbox = SandboxThreatQ(json.loads(ready.read_text())["threatq"])
            collections = sandbox.get("/api/search/query")["data"]
            sandbox.http.close()
            process.send_signal(how)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()

    assert [row["name"] for row in collections] == ["Block list"]
    assert process.returncode == 0
    assert sandbox.url in out.decode()
    assert err == b""


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, timeout=30, check=False)

    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr.decode()
