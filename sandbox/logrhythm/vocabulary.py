"""The enumerations of the Admin API, as its public specification (7.4.4) lists them."""

from __future__ import annotations

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

#: What both versions share; each adds the name of its own time below.
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


def use_contexts(mode: str) -> tuple[str, ...]:
    """Return the list contexts that this version knows."""
    return (*_USE_CONTEXTS, "ObjectType" if mode == "7.4" else "ObjectName")
