"""An alert is played: scraped before its cause, while it lasts, and after its page was followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.promtool import Timeline, assert_fires, minutes_of, program, rules, scraped
from tests.support.runbooks import OVER, Followed, Reader
from workers.settings.model import Settings
from workers.telemetry.exporter import Telemetry

#: Minutes for which an alert fires, and for which nothing is wrong: longer than every range that a rule looks back.
FIRES_M, QUIET_M = 5, 30


class Play:
    """One alert and its page; `port` is where a worker serves its metrics, or with a token the HTTP entry point."""

    def __init__(
        self, alert: str, port: int, folder: Path, environ: dict[str, str], *, token: str = ""
    ) -> None:
        self.alert, self.port, self.token, self.folder = alert, port, token, folder
        self.for_m = minutes_of(rules()[alert].get("for", "0m"))
        self.timeline, self.reader = Timeline(), Reader(folder, environ)
        self._expected: dict[int, bool] = {}
        self.stays(fires=False)

    def stays(self, *, fires: bool) -> None:
        """Scrape now; it stays so for as long as the rule waits and longer, and then the alert fires or does not."""
        self.timeline.stay(scraped(self.port, self.token), self.for_m + FIRES_M if fires else QUIET_M)
        self._expected[self.timeline.minutes - 1] = fires

    def passes(self, minutes: int = 1) -> None:
        """Scrape now, and let some minutes pass, whatever fires."""
        self.timeline.stay(scraped(self.port, self.token), minutes)

    def follow(self, **values: str) -> Followed:
        """The alert fires: look at what its page says, then do it; `values` are what the operator reads off."""
        self.stays(fires=True)
        self.reader.environ.update(values)
        self.reader.looks(self.alert)
        return self.reader.does(self.alert)

    def is_over(self) -> None:
        """Nothing is wrong any more: what the page shows at its end works, and promtool agrees with all of it."""
        self.reader.looks(self.alert, OVER)
        self.stays(fires=False)
        assert_fires(self.alert, self.timeline, self._expected, self.folder)


#: Begins a play of an alert, before its cause.
Begin = Callable[[str], Play]


@pytest.fixture
def telemetry() -> Telemetry:
    """What the worker of a test measures."""
    return Telemetry()


@pytest.fixture
def begin(redis_url: str, telemetry: Telemetry, tmp_path: Path) -> Begin:
    """Begins a play with a worker whose metrics are served."""
    program("promtool", "prometheus")

    def begun(alert: str, **settings: str) -> Play:
        values = {"redis_url": redis_url, **settings}
        port = telemetry.serve(Settings(metrics_port=0, **values))
        assert port is not None
        return Play(alert, port, tmp_path, {"TQ_REDIS_URL": redis_url, "TQ_CONFIG": str(tmp_path)})

    return begun
