"""What a fresh ThreatQ comes with: indicator types, statuses, event types, TLP markings, accounts."""

from __future__ import annotations

from typing import Literal

import msgspec

#: In this order the names get the ids 1 to 34 on an installation of 4.3x to 5.x.
# fmt: off
INDICATOR_TYPES = (
    "ASN", "Binary String", "CIDR Block", "CVE", "Email Address", "Email Attachment", "Email Subject",
    "File Mapping", "File Path", "Filename", "FQDN", "Fuzzy Hash", "GOST Hash", "Hash ION",
    "IP Address", "IPv6 Address", "MAC Address", "MD5", "Mutex", "Password", "Registry Key",
    "Service Name", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "String", "x509 Serial", "x509 Subject",
    "URL", "URL Path", "User-agent", "Username", "X-Mailer",
)

NETWORK_TYPES = frozenset((
    "ASN", "IP Address", "IPv6 Address", "URL", "URL Path", "FQDN", "Email Address", "Email Subject",
    "CIDR Block", "User-agent", "X-Mailer", "String",
))

# fmt: on

#: In this order the ids 1 to 5; they are never edited and consuming moves no indicator out of them.
STATUSES = ("Active", "Expired", "Indirect", "Review", "Whitelisted")

CUSTOM_STATUS = "False Positive"

# fmt: off
EVENT_TYPES = (
    "Spearphish", "Watering Hole", "SQL Injection Attack", "DoS Attack", "Malware", "Watchlist",
    "Command and Control", "Anonymization", "Exfiltration", "Host Characteristics",
    "Compromised PKI Certificate", "Login Compromise", "Incident", "Sighting",
)

# fmt: on

#: What a file may be; the sandbox's choice of the many that there are.
ATTACHMENT_TYPES = (
    "Generic Text",
    "Malware Sample",
    "PCAP",
    "PDF",
    "Spearphish Attachment",
    "STIX",
    "Whitepaper",
)

TLP = {"RED": 1, "AMBER": 2, "GREEN": 3, "WHITE": 4, "CLEAR": 4}

TLP_NAMES = {1: "RED", 2: "AMBER", 3: "GREEN", 4: "WHITE"}

#: Which ids the names get: "first" as above; "second": an older installation without the event type Sighting.
IdLayout = Literal["first", "second"]

#: What ThreatQ calls the client id: found in a user's API details. The same for every user here.
CLIENT_ID = "sandbox-client-id"

EMAIL = "connector@threatq.sandbox"

PASSWORD = "sandbox-password"

#: A private OAuth client, for the client_credentials grant.
PRIVATE_CLIENT_ID = "sandbox-private-client"

PRIVATE_CLIENT_SECRET = "sandbox-private-secret"

#: Another user, who owns what the connector may not see until it is shared.
ANALYST_EMAIL = "analyst@threatq.sandbox"

ANALYST_PASSWORD = "analyst-password"


def indicator_types(layout: IdLayout) -> list[tuple[int, str]]:
    """The ids and names of the indicator types."""
    if layout == "first":
        return list(enumerate(INDICATOR_TYPES, start=1))
    return list(enumerate(reversed(INDICATOR_TYPES), start=3))


def event_types(layout: IdLayout) -> list[tuple[int, str]]:
    """The ids and names of the event types."""
    if layout == "first":
        return list(enumerate(EVENT_TYPES, start=1))
    return list(enumerate(reversed(EVENT_TYPES[:-1]), start=2))


def class_of(type_name: str) -> str:
    """The class that follows from a type's name."""
    return "network" if type_name in NETWORK_TYPES else "host"


class Account(msgspec.Struct, frozen=True):
    """One user or OAuth client; `source_id` names it as the source of what it creates."""

    id: int
    source_id: int
    login: str
    secret: str
    name: str


CONNECTOR = Account(1, 1, EMAIL, PASSWORD, "Connector")

ANALYST = Account(2, 2, ANALYST_EMAIL, ANALYST_PASSWORD, "Analyst")

PRIVATE_CLIENT = Account(3, 3, PRIVATE_CLIENT_ID, PRIVATE_CLIENT_SECRET, "Private client")

ACCOUNTS = (CONNECTOR, ANALYST, PRIVATE_CLIENT)
