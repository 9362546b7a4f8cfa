"""The observables of formats that have a language of their own for them: patterns of STIX, attributes of MISP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workers.indicators.types import match_type

#: A comparison that names a value: `file:hashes.'SHA-256' = 'abc'`.
_COMPARISON = re.compile(
    r"([a-z][a-z0-9-]{0,60}):([A-Za-z0-9_.'\[\]*-]{1,120})\s{0,8}=\s{0,8}'((?:[^'\\]|\\.){1,4000})'"
)

#: ThreatQ's type by STIX object and path.
_STIX = {
    "ipv4-addr:value": "IP Address",
    "ipv6-addr:value": "IPv6 Address",
    "domain-name:value": "FQDN",
    "url:value": "URL",
    "email-addr:value": "Email Address",
    "mac-addr:value": "MAC Address",
    "mutex:name": "Mutex",
    "windows-registry-key:key": "Registry Key",
    "file:name": "Filename",
    "autonomous-system:number": "ASN",
    "network-traffic:dst_ref.value": "IP Address",
    "network-traffic:src_ref.value": "IP Address",
    "email-message:subject": "Email Subject",
    "email-message:from_ref.value": "Email Address",
}

#: ThreatQ's type by MISP's; a type with a bar between holds a value for each part.
_MISP = {
    "ip-src": "IP Address", "ip-dst": "IP Address", "ip": "IP Address", "domain": "FQDN", "hostname": "FQDN",
    "url": "URL", "uri": "URL Path", "link": "", "email-src": "Email Address", "email-dst": "Email Address",
    "email": "Email Address", "email-subject": "Email Subject", "email-attachment": "Email Attachment", "md5": "MD5",
    "sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "ssdeep": "Fuzzy Hash",
    "filename": "Filename", "regkey": "Registry Key", "mutex": "Mutex", "vulnerability": "CVE", "AS": "ASN",
    "mac-address": "MAC Address", "user-agent": "User-agent", "windows-service-name": "Service Name",
    "x509-fingerprint-sha1": "", "malware-sample": "Filename",
}  # fmt: skip


def stix_pattern(pattern: str) -> list[dict[str, str]]:
    """Return what a STIX pattern compares with, by ThreatQ's types; what no type holds is left out."""
    values = ((_stix_type(kind, path), text) for kind, path, text in _COMPARISON.findall(pattern))
    return [{"type": name, "value": re.sub(r"\\(.)", r"\1", text)} for name, text in values if name]


def stix_objects(objects: object) -> list[dict[str, str]]:
    """Return what STIX cyber observable objects name: addresses, domains, URLs, hashes."""
    items = objects if isinstance(objects, list) else []
    return [value for item in items if isinstance(item, dict) for value in _of_object(item)]


def misp_values(attributes: object) -> list[dict[str, str]]:
    """Return the indicators among MISP attributes: those that are not marked as no sign of an intrusion."""
    items = attributes if isinstance(attributes, list) else []
    return [
        value
        for item in items
        if isinstance(item, dict) and item.get("to_ids") not in (False, "0")
        for value in _of_attribute(str(item.get("type", "")), item.get("value"))
    ]


def _stix_type(kind: str, path: str) -> str | None:
    if "hashes" in path:
        return match_type(path.rpartition("hashes")[2].strip(".'[]"))
    return _STIX.get(f"{kind}:{path}")


def _of_object(item: dict[str, Any]) -> Iterator[dict[str, str]]:
    kind = str(item.get("type", ""))
    for path in ("value", "name", "key"):
        name = _STIX.get(f"{kind}:{path}")
        if name and isinstance(item.get(path), str):
            yield {"type": name, "value": item[path]}
    hashes = item.get("hashes")
    for algorithm, digits in hashes.items() if isinstance(hashes, dict) else ():
        if (name := match_type(str(algorithm))) and isinstance(digits, str):
            yield {"type": name, "value": digits}


def _of_attribute(kind: str, value: object) -> Iterator[dict[str, str]]:
    if not isinstance(value, str):
        return
    kinds = kind.split("|")
    parts = value.split("|") if len(kinds) > 1 else [value]
    for own, part in zip(kinds, parts, strict=False):
        if name := _MISP.get(own):
            yield {"type": name, "value": part}
