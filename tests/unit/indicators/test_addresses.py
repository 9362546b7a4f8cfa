"""The Private IPs setting and what it hides."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ConfigError
from workers.indicators.addresses import as_number, parse_private_ips
from workers.indicators.known_good.configured import private_only


def hides(setting: str, address: str) -> bool:
    return private_only(setting).judge("IP Address", address) is not None


@pytest.mark.parametrize(
    ("setting", "inside", "outside"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.1, 10.0.0.3", "10.0.0.3", "10.0.0.2"),
        ("10.0.0.1-10.0.0.50", "10.0.0.50", "10.0.0.51"),
        ("10.0.0.1 – 10.0.0.50", "10.0.0.1", "10.0.0.0"),  # as a word processor writes it
        ("10.0.0.1-50", "10.0.0.50", "10.0.0.51"),
        ("10.0.*.*, 10.2.0.*", "10.0.255.255", "10.2.1.0"),
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("10.0.0.7/8", "10.0.0.0", "9.255.255.255"),  # host bits
        ("192.168.0.0/255.255.0.0", "192.168.255.255", "192.169.0.0"),
        ("fd00::/8", "fdff::1", "fe00::"),
        ("fd00::1-fd00::ff", "fd00::80", "fd00::100"),
        ("10.0.0.1,\n;10.0.0.2,,", "10.0.0.2", "10.0.0.3"),
        ("10.0.0.0/24", "::ffff:10.0.0.1", "::ffff:10.0.1.1"),
        ("::ffff:10.0.0.0/120", "10.0.0.1", "10.0.1.1"),
        ("10.0.0.0/24", "64:ff9b::10.0.0.1", "64:ff9b::10.0.1.1"),
        ("10.0.0.0/24", "2002:a00:1::", "2002:a00:101::"),
    ],
)
def test_every_way_to_write_the_setting_is_understood(setting: str, inside: str, outside: str) -> None:
    assert hides(setting, inside)
    assert not hides(setting, outside)


@pytest.mark.parametrize("setting", ["", "  ", ",", "\n"])
def test_an_empty_setting_hides_nothing(setting: str) -> None:
    assert parse_private_ips(setting) == ()


@pytest.mark.parametrize(
    "part",
    ["10.0.0.999", "10.0.0", "10.*.0.*", "intranet", "10.0.0.0/33", "10.0.0.50-10.0.0.1", "10.0.0.50-1", "10.0.0.1-999",
     "10.0.0.1-", "-10.0.0.1", "10.0.0.1-fd00::1", "fd00::1-ff", "10.0.0.1-2-3", "10.0.0.1 10.0.0.2", "10.0.0.1-²"],
)  # fmt: skip
def test_a_malformed_setting_is_an_error_that_names_the_bad_part(part: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_private_ips(f"192.168.0.0/16, {part}, 172.16.0.0/12")
    assert f'"{part}"' in str(refused.value)
    assert "TQ_PRIVATE_IPS" in str(refused.value)
    assert "10.0.0.0/8" in str(refused.value)


NETWORKS = st.ip_addresses(v=4).flatmap(
    lambda ip: st.integers(0, 32).map(lambda length: ipaddress.ip_network(f"{ip}/{length}", strict=False))
) | st.ip_addresses(v=6, network="fd00::/8").flatmap(
    lambda ip: st.integers(8, 128).map(lambda length: ipaddress.ip_network(f"{ip}/{length}", strict=False))
)


@given(st.lists(NETWORKS, max_size=6), st.data())
def test_membership_is_what_the_ipaddress_module_says(networks: list[Any], data: st.DataObject) -> None:
    edges = [ip for net in networks for ip in (net[0], net[-1], *_neighbours(net))]
    ip = data.draw(st.sampled_from(edges) | st.ip_addresses(v=4) if edges else st.ip_addresses(v=4))
    hidden = hides(",".join(map(str, networks)), str(ip))
    # An IPv6 address may carry an IPv4 one, as the table above has it.
    assert hidden or not any(ip in net for net in networks if net.version == ip.version)
    assert not hidden or any(ip in net for net in networks if net.version == ip.version) or ip.version == 6


@given(st.lists(NETWORKS, max_size=6), NETWORKS)
def test_overlap_is_what_the_ipaddress_module_says(networks: list[Any], other: Any) -> None:
    hides_some = private_only(", ".join(f"{net[0]}-{net[-1]}" for net in networks))
    assert (hides_some.judge("CIDR Block", str(other)) is not None) == any(
        other.overlaps(net) for net in networks if net.version == other.version
    )


@given(NETWORKS)
def test_a_network_is_read_as_its_first_and_last_address(network: Any) -> None:
    assert parse_private_ips(str(network)) == ((as_number(network[0]), as_number(network[-1])),)


@given(st.text(st.sampled_from("0123456789abcdef.:/-–,*% \n"), max_size=40))
def test_any_setting_is_understood_or_refused(setting: str) -> None:
    with contextlib.suppress(ConfigError):
        assert all(first <= last for first, last in parse_private_ips(setting))


@pytest.mark.parametrize(
    ("type_", "value", "part"),
    [
        ("URL", "http://10.0.0.1:80/x", "10.0.0.1"),
        ("CIDR Block", "0.0.0.0/0", "0.0.0.0/0"),
        ("IPv6 Address", "fd00::1", "fd00::1"),
        ("URL", "https://[fd00::1]:8443/x", "fd00::1"),
        ("URL", "11.0.0.1/7", None),  # a path, not a network
        ("URL", "http://bad.example/10.0.0.1", None),
        ("IP Address", "11.0.0.1", None),
    ],
)
def test_the_private_part_of_an_indicator_is_named(type_: str, value: str, part: str | None) -> None:
    verdict = private_only("10.0.0.0/8, fd00::/8").judge(type_, value)
    assert (verdict.part if verdict else None) == part


def _neighbours(net: Any) -> list[Any]:
    """Return the addresses just outside of a network."""
    found = []
    if int(net[0]) > 0:
        found.append(net[0] - 1)
    if int(net[-1]) < 2**net.max_prefixlen - 1:
        found.append(net[-1] + 1)
    return found
