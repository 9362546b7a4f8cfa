"""A ThreatQ that answers as a test scripts it, for what the simulator does not do."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tests.support.scripted import Answer, Asked
from workers.settings.model import Secret, Settings

PASSWORD = "s3cret-pass"


def settings_for(url: str, **other: object) -> Settings:
    """Return settings with timeouts of seconds and a ThreatQ at `url`, changed by `other`."""
    plain = Settings(
        threatq_url=url,
        threatq_client_id="cid",
        threatq_email="a@b.example",
        threatq_password=Secret(PASSWORD),
        threatq_connect_timeout_s=1.0,
        threatq_read_timeout_s=5.0,
    )
    return msgspec.structs.replace(plain, **other)


class ThreatqScript:
    """Gives tokens t1, t2, … and accepts the newest; everything else is the test's."""

    def __init__(self, then: Callable[[Asked], Answer]) -> None:
        self.then = then
        self.logins = 0
        self.expires_in = 3_600
        self.valid = ""

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/api/token":
            self.logins += 1
            self.valid = f"t{self.logins}"
            return Answer({"access_token": self.valid, "expires_in": self.expires_in, "refresh_token": "r"})
        if asked.headers.get("Authorization") != f"Bearer {self.valid}":
            return Answer({}, status=401)
        return self.then(asked)


def fine(_asked: Asked) -> Answer:
    """Answer one row."""
    return Answer({"total": 1, "data": [{"id": 1, "name": "FQDN"}]})
