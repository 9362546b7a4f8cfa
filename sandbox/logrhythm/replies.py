"""Errors in the words and shapes of the real Admin API, as far as they were seen in public, and its enumerations.

The enumerations are those of the public specification (7.4.4).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse

BAD_OWNER = "Invalid owner id available in request body"

NAME_TAKEN = "Public List with this name already exists."

DEADLOCK = (
    "mssql: Transaction (Process ID 71) was deadlocked on lock resources with another process and has been "
    "chosen as the deadlock victim. Rerun the transaction."
)

LIST_TYPES = (
    "Application",
    "Classification",
    "CommonEvent",
    "Host",
    "Location",
    "MsgSource",
    "MsgSourceType",
    "MPERule",
    "Network",
    "User",
    "GeneralValue",
    "Entity",
    "RootEntity",
    "IP",
    "IPRange",
    "Identity",
)

#: What both versions share; each adds those of its own time below.
_USE_CONTEXTS = (
    *("None", "Address", "DomainImpacted", "Group", "HostName", "Message", "Object", "Process", "Session"),
    *("Subject", "URL", "User", "VendorMsgID", "DomainOrigin", "Hash", "Policy", "VendorInfo", "Result"),
    *("CVE", "UserAgent", "ParentProcessId", "ParentProcessName", "ParentProcessPath", "SerialNumber"),
    *("Reason", "Status", "ThreatId", "ThreatName", "SessionType", "Action", "ResponseCode"),
)

ACCESS = (
    "Private",
    "PublicAll",
    "PublicGlobalAdmin",
    "PublicGlobalAnalyst",
    "PublicRestrictedAnalyst",
    "PublicRestrictedAdmin",
)

STATUSES = ("Active", "Retired")

DATA_TYPES = ("List", "Int32", "String", "PortRange", "IP", "IPRange")

ITEM_TYPES = (
    *("List", "KnownService", "Classification", "CommonEvent", "KnownHost", "IP", "IPRange", "Location"),
    *("MsgSource", "MsgSourceType", "MPERule", "Network", "StringValue", "Port", "PortRange", "Protocol"),
    *(
        "HostName",
        "ADGroup",
        "Entity",
        "RootEntity",
        "DomainOrigin",
        "Hash",
        "Policy",
        "VendorInfo",
        "Result",
    ),
    *("ObjectType", "CVE", "UserAgent", "ParentProcessId", "ParentProcessName", "ParentProcessPath"),
    *("SerialNumber", "Reason", "Status", "ThreatId", "ThreatName", "SessionType", "Action", "ResponseCode"),
    "Identity",
)

#: Roles in a token whose bearer may write where only global administrators may.
GLOBAL_ROLES = ("globalAdmin",)


class Refused(Exception):
    """The API refuses; the handler answers with `status` and the error body."""

    def __init__(self, status: int, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.problems = tuple(problems)

    def response(self) -> JSONResponse:
        """Return `{"statusCode", "message"}`, and `validationErrors` where the schema was hurt."""
        body: dict[str, object] = {"statusCode": self.status, "message": self.message}
        if self.problems:
            body["validationErrors"] = list(self.problems)
        return JSONResponse(body, self.status)


def invalid(*problems: str) -> Refused:
    """Return the answer to a body or header that breaks the schema."""
    return Refused(400, "Bad Request", problems)


def too_long(threshold: int) -> Refused:
    """Return the answer for a list that holds more items than the caller is prepared for."""
    return Refused(
        400,
        f"List has more than '{threshold}' items. "
        "Please change 'MaxItemsThreshold' header to appropriate value.",
    )


def use_contexts(mode: str) -> tuple[str, ...]:
    """Return the list contexts that this version knows."""
    return (*_USE_CONTEXTS, *(("ObjectType",) if mode == "7.4" else ("ObjectName", "MACAddress", "Command")))
