"""What the list sync and the first run need of ThreatQ."""

from __future__ import annotations

import pytest

from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.errors import ConfigError
from workers.settings.page_fields import PageField
from workers.threatq.collections import find_collection, read_pages
from workers.threatq.connector import TTL_S, Connector
from workers.threatq.service import ThreatQ

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("rows_2026", [True, False])
@pytest.mark.parametrize("search_json", ["object", "string"])
def test_a_data_collection_is_read_to_its_declared_end(
    rows_2026: bool, search_json: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(rows_2026=rows_2026, search_json=search_json, empty_page_object=True)
    threatq_sandbox.control("seed", {"indicators": 60})
    query = {"criteria": {}, "filters": {"+and": [{"type_name": "FQDN"}, {"status_name": "Active"}]}}
    threatq_sandbox.control("collections", {"name": "Blocks", "query": query})
    pages = list(read_pages(threatq.caller, find_collection(threatq.caller, "Blocks"), size=5))
    found = [row for page in pages for row in page.rows]
    assert len(found) == len({row.id for row in found}) == pages[0].total == 12
    assert {row.type_name for row in found} == {"FQDN"}
    assert found[0].value == "host-1.example"
    assert found[0].score == 1.0
    assert found[0].created_at


def test_an_empty_collection_is_one_page_that_declares_nothing(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.control("collections", {"name": "Empty", "query": {"criteria": {}, "filters": {}}})
    (page,) = read_pages(threatq.caller, find_collection(threatq.caller, "Empty"))
    assert (page.rows, page.total) == ([], 0)


def test_a_collection_that_is_not_shared_says_so(threatq_sandbox: SandboxThreatQ, threatq: ThreatQ) -> None:
    query = {"criteria": {}, "filters": {}}
    threatq_sandbox.control("collections", {"name": "Mine", "query": query, "shared": False})
    with pytest.raises(ConfigError, match="not shared"):
        find_collection(threatq.caller, "Mine")
    threatq_sandbox.control("collections/share", {"name": "Mine", "shared": True})
    assert find_collection(threatq.caller, "Mine").query == query


def test_a_connector_is_registered_once_disabled_and_obeys_its_page(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    now = [0.0]
    connector = Connector(threatq.caller, "Events Builder", clock=lambda: now[0])
    with pytest.raises(ConfigError, match="connector_name"):
        connector.page()
    fields = [PageField("private_ips", "Private IPs", kind="textarea", default="10.0.0.0/8")]
    page = connector.register(fields)
    assert (page.is_enabled, dict(page.fields)) == (False, {"private_ips": "10.0.0.0/8"})
    assert connector.register(fields).id == page.id

    changed = {"name": "Events Builder", "is_active": True, "custom_fields": {"private_ips": "192.0.2.0/24"}}
    threatq_sandbox.control("connector", changed)
    # Work waits for a disabled one, so that it is asked each time
    page = connector.page()
    assert (page.is_enabled, dict(page.fields)) == (True, {"private_ips": "192.0.2.0/24"})
    # An enabled one is believed for a while
    threatq_sandbox.control("connector", changed | {"is_active": False})
    assert connector.page().is_enabled
    now[0] = TTL_S
    assert not connector.page().is_enabled


def test_a_threatq_without_connectors_points_to_local_settings(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.fault("error", status=404, path="/api/connectors*")
    with pytest.raises(ConfigError, match="settings_from"):
        Connector(threatq.caller, "Events Builder").page()
