"""Settings that changed are recorded, by the program that starts with them or by their page; secrets never are."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from tests.support.producers import Shim
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.trail import acts, last
from tests.support.waiting import until
from workers.ledger import keys
from workers.ledger.audit import Audit, entries
from workers.ledger.audit_settings import SettingsTrail, values_of
from workers.runtime import Runtime
from workers.settings.loading import load
from workers.settings.pages import EVENTS_BUILDER

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery staple"


def note(redis: Redis, folder: Path, **environ: str) -> None:
    """Start a program with these settings."""
    loaded = load(folder, {f"TQ_{name.upper()}": value for name, value in environ.items()})
    SettingsTrail(Audit(redis)).note("worker on host", values_of(loaded))


def test_a_start_with_other_settings_is_recorded_as_old_and_new(redis: Redis, tmp_path: Path) -> None:
    note(redis, tmp_path, sync_method="add", lease_s="30")
    note(redis, tmp_path, sync_method="add", lease_s="30")
    assert acts(redis) == []
    note(redis, tmp_path, sync_method="full", lease_s="45")
    entry = last(redis)
    assert (entry.act, entry.what) == ("settings", "worker on host")
    assert entry.detail == {"lease_s": "30.0 → 45.0", "sync_method": "(default) → full"}


def test_a_secret_that_changed_is_named_and_never_kept(redis: Redis, tmp_path: Path) -> None:
    note(redis, tmp_path)
    note(redis, tmp_path, threatq_password=PASSWORD)
    assert last(redis).detail == {"threatq_password": "set"}
    note(redis, tmp_path, threatq_password=PASSWORD + "!")
    assert last(redis).detail == {"threatq_password": "changed"}
    note(redis, tmp_path)
    assert last(redis).detail == {"threatq_password": "removed"}
    stored = redis.get(keys.audit_settings("worker on host"))
    assert PASSWORD not in repr(list(entries(redis))) + repr(stored)


def test_the_password_in_an_address_is_not_kept(redis: Redis, tmp_path: Path) -> None:
    note(redis, tmp_path)
    note(redis, tmp_path, redis_url=f"redis://worker:{PASSWORD.replace(' ', '-')}@redis:6379/0")
    assert "***" in str(last(redis).detail["redis_url"])
    assert "battery" not in repr(list(entries(redis))) + repr(
        redis.get(keys.audit_settings("worker on host"))
    )


def test_a_page_in_threatq_that_says_something_else_is_recorded_once(
    redis: Redis, runtime: Runtime, threatq_sandbox: SandboxThreatQ
) -> None:
    # given two workers that have read the page
    other = Runtime(runtime.settings)
    for process in (runtime, other):
        process.page()
    assert acts(redis) == []
    # when an administrator changes what is private, and both read on
    name, private = runtime.settings.connector_name, {"private_ips": "10.0.0.0/8"}
    threatq_sandbox.fill_page(name, EVENTS_BUILDER, custom_fields=private)
    for process in (runtime, other, runtime):
        process.page()
    # then
    assert acts(redis) == ["settings"]
    entry = last(redis)
    assert (entry.via, entry.what) == ("ThreatQ", "page Events Builder")
    assert entry.detail == {"private_ips": "(default) → 10.0.0.0/8"}


def test_tokens_that_change_in_their_file_are_recorded_by_their_names(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.write_text("nifi:events:first-token-of-nifi,admin:read+operate:first-token-of-admin")
    with Shim(tmp_path / "shim", redis_url, http_tokens="", http_tokens_file=str(file)):
        file.write_text("nifi:events:other-token-of-nifi,soar:actions:first-token-of-soar")
        until(lambda: "settings" in acts(redis), within_s=20)
    entry = last(redis)
    assert (entry.what, entry.detail) == ("http_tokens", {"tokens": "nifi, soar"})
