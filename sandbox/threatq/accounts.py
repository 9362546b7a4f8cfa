"""Who may sign in to the simulated ThreatQ."""

from __future__ import annotations

import msgspec

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
