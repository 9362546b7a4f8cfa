"""What an analyst's action does in ThreatQ."""

from __future__ import annotations

import pytest

from tests.sandbox_threatq import SandboxThreatQ
from workers.errors import InputError
from workers.plan import Attribute
from workers.threatq.failure import Refusal
from workers.threatq.indicators import (
    add_attributes,
    add_indicator,
    add_source,
    find_indicator,
    set_status,
)
from workers.threatq.service import ThreatQ, connect

pytestmark = pytest.mark.integration


@pytest.fixture
def threatq(threatq_sandbox: SandboxThreatQ) -> ThreatQ:
    return connect(threatq_sandbox.settings())


def test_an_indicator_is_added_once_and_then_gains_source_and_attributes(threatq: ThreatQ) -> None:
    first = add_indicator(threatq, "FQDN", "bad.example", source="LogRhythm")
    again = add_indicator(
        threatq, "FQDN", "bad.example", source="Somebody", attributes=[Attribute("Case", "7")]
    )
    assert (first.existing, again.existing, first.id) == (False, True, again.id)
    known = find_indicator(threatq, "fqdn", "bad.example")
    assert known is not None
    assert (known.id, known.type, known.value, known.status) == (first.id, "FQDN", "bad.example", "Review")
    assert set(known.sources) == {"LogRhythm", "Somebody"}
    assert known.attributes == (Attribute("Case", "7"),)
    assert known.link.endswith(f"/indicators/{first.id}/details")


def test_attributes_and_sources_are_not_doubled(threatq: ThreatQ) -> None:
    made = add_indicator(threatq, "FQDN", "bad.example", source="LogRhythm")
    for _ in range(2):
        add_attributes(threatq, made.id, [Attribute("False Positive", "Yes")], source="LogRhythm")
        add_source(threatq, made.id, "LogRhythm")
        add_source(threatq, made.id, "Second")
    known = find_indicator(threatq, "FQDN", "bad.example")
    assert known is not None
    assert known.attributes == (Attribute("False Positive", "Yes"),)
    assert sorted(known.sources) == ["LogRhythm", "Second"]


def test_a_protected_status_is_changed_by_an_explicit_update_only(threatq: ThreatQ) -> None:
    made = add_indicator(threatq, "FQDN", "bad.example", source="LogRhythm")
    assert set_status(threatq, made.id, "Whitelisted") == "Review"
    add_indicator(threatq, "FQDN", "bad.example", source="LogRhythm")
    known = find_indicator(threatq, "FQDN", "bad.example")
    assert known is not None
    assert known.status == "Whitelisted"


@pytest.mark.parametrize("strip_scheme", ["always", "never"])
def test_a_url_is_found_however_threatq_spells_it(
    strip_scheme: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(strip_scheme=strip_scheme)
    made = add_indicator(threatq, "URL", "http://bad.example/a,b%20c", source="LogRhythm")
    for spelling in ("http://bad.example/a,b%20c", "bad.example/a,b%20c"):
        known = find_indicator(threatq, "URL", spelling)
        assert known is not None
        assert known.id == made.id


def test_a_value_of_another_type_and_an_unknown_value_are_not_found(threatq: ThreatQ) -> None:
    add_indicator(threatq, "Username", "bad.example", source="LogRhythm")
    assert find_indicator(threatq, "FQDN", "bad.example") is None
    assert find_indicator(threatq, "FQDN", "good.example") is None


def test_an_unknown_type_lists_the_known_ones(threatq: ThreatQ) -> None:
    with pytest.raises(InputError, match="FQDN"):
        find_indicator(threatq, "Domain Thing", "bad.example")


def test_a_value_that_threatq_refuses_says_why(threatq_sandbox: SandboxThreatQ, threatq: ThreatQ) -> None:
    threatq_sandbox.behave(poison=["bad.example"])
    with pytest.raises(Refusal, match="invalid"):
        add_indicator(threatq, "FQDN", "bad.example", source="LogRhythm")
