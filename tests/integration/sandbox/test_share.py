"""tq-sandbox for other machines: both services over https, and what is needed to trust them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import requests

from sandbox.launch.processes import Processes
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from workers.settings.model import Secret, Settings
from workers.threatq.client import rows
from workers.threatq.service import connect

pytestmark = pytest.mark.integration


def test_what_is_shared_is_enough_to_speak_to_both(tmp_path: Path) -> None:
    # Given a sandbox that shares its certificate and a token
    ready, share = tmp_path / "ready.json", tmp_path / "share"
    share.mkdir()
    with Processes(tmp_path / "logs", {}) as processes:
        command = Path(sys.executable).with_name("tq-sandbox")
        options = ("--share", share, "--name", "localhost", "--ready-file", ready)
        processes.start("sandbox", command, "--threatq-port", "0", *options)
        processes.wait_until(ready.exists, "the sandbox")
        addresses = json.loads(ready.read_text())
        certificate = str(share / "certificate.pem")

        # When both are called by a name that the certificate holds
        threatq = connect(
            Settings(
                threatq_url=addresses["threatq"].replace("127.0.0.1", "localhost"),
                threatq_client_id=CLIENT_ID,
                threatq_email=EMAIL,
                threatq_password=Secret(PASSWORD),
                threatq_ca_file=certificate,
            )
        )
        statuses = rows(threatq.caller.call("GET", "/api/indicator/statuses"))
        lists = requests.get(
            addresses["logrhythm"].replace("127.0.0.1", "localhost") + "/lr-admin-api/lists",
            headers={"Authorization": f"Bearer {(share / 'logrhythm-token').read_text()}"},
            verify=certificate,
            timeout=10,
        )

    # Then both answer, over https
    assert addresses["threatq"].startswith("https://")
    assert "Active" in {status["name"] for status in statuses}
    assert lists.status_code == 200
