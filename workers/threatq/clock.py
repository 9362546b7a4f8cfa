"""ThreatQ's clock, as any answer of its tells it."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import requests

from workers.config import Settings
from workers.threatq.transport import threatq_session


def skew_s(settings: Settings) -> float | None:
    """Return by how many seconds ThreatQ's clock is ahead of ours, to the second; None where it does not tell."""
    timeout = (settings.threatq_connect_timeout_s, settings.threatq_read_timeout_s)
    try:
        with threatq_session(settings) as session:
            answer = session.head(settings.threatq_url, timeout=timeout, allow_redirects=False)
        told = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (requests.RequestException, ValueError):
        return None
    return told - time.time()
