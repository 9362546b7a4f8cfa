"""The type table: which LogRhythm list takes which ThreatQ indicator type, and the normal form of its values."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Literal

import msgspec
from msgspec import Struct

from workers.core.errors import ConfigError

ListType = Literal["IP", "IPRange", "Host", "GeneralValue", "User", "Network"]

FormName = Literal["ip", "fqdn", "md5", "sha1", "sha256", "sha512", "email", "text", "ip_range"]

#: The setting that changes the table.
FIELD = "sync_types"


#: Turns a value into its normal form; None when it is not a value of its type.
Form = Callable[[str], str | None]

_HOST = re.compile(r"[^\s/@]{1,253}")

_MAIL = re.compile(r"[^\s@]+@[^\s@]+")


def ip(value: str) -> str | None:
    """Return an IPv4 or IPv6 address in its shortest spelling."""
    # inet_pton costs a tenth of `ipaddress`, and of IPv4 it takes one spelling only: it refuses 010.0.0.1 just as well.
    value = value.strip()
    try:
        if ":" in value:
            return inet_ntop(AF_INET6, inet_pton(AF_INET6, value))
        inet_pton(AF_INET, value)
    except (OSError, ValueError):
        return None
    return value


def fqdn(value: str) -> str | None:
    """Return a host name in lower case without the root's dot."""
    value = value.strip().rstrip(".").lower()
    return value if _HOST.fullmatch(value) and value.isprintable() else None


def _hash(length: int) -> Form:
    def form(value: str) -> str | None:
        if len(value) != length:
            value = value.strip()
        try:
            # A third of the time of a regular expression; blanks, wherever they are, leave too few bytes.
            is_hash = len(value) == length and len(bytes.fromhex(value)) * 2 == length
        except ValueError:
            return None
        return value.lower() if is_hash else None

    return form


def email(value: str) -> str | None:
    """Return an e-mail address in lower case."""
    value = value.strip().lower()
    return value if _MAIL.fullmatch(value) and value.isprintable() else None


def text(value: str) -> str | None:
    """Return text without blanks around it; control characters make it unusable."""
    value = value.strip()
    return value if value and value.isprintable() else None


def ip_range(value: str) -> str | None:
    """Return a CIDR block as LogRhythm's `begin,end`, without a blank."""
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return None
    return f"{network[0]},{network[-1]}"


#: By the name that the type table uses.
FORMS: dict[str, Form] = {
    "ip": ip,
    "fqdn": fqdn,
    "md5": _hash(32),
    "sha1": _hash(40),
    "sha256": _hash(64),
    "sha512": _hash(128),
    "email": email,
    "text": text,
    "ip_range": ip_range,
}

#: Forms whose values mean the same in capitals: a list's entry in capitals is the entry.
CASELESS = frozenset({"ip", "fqdn", "md5", "sha1", "sha256", "sha512", "email", "ip_range"})


class TypeRule(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How one ThreatQ type stands in LogRhythm; the names of the keys are those of LogRhythm's API.

    `use_context` is sent for GeneralValue lists alone: any other list type answers it with a 400.
    """

    list_type: ListType
    form: FormName
    use_context: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a context that LogRhythm would refuse, and a missing one."""
        if (self.list_type == "GeneralValue") != bool(self.use_context):
            raise ValueError("useContext belongs to GeneralValue lists, and each of those needs one")

    @property
    def normal(self) -> Form:
        """The function that brings a value to its normal form."""
        return FORMS[self.form]

    @property
    def caseless(self) -> bool:
        """Whether an entry in capitals is the same entry."""
        return self.form in CASELESS


def _value(form: FormName, *contexts: str) -> TypeRule:
    return TypeRule("GeneralValue", form, contexts)


_IP = TypeRule("IP", "ip")

#: LogRhythm's own clients put IPs, hashes and URLs so. FQDN as Host is inferred from the guide's alarm
#: rule, which puts that list on a host field; e-mail contexts are a guess. All can be overridden.
DEFAULTS: dict[str, TypeRule] = {
    "IP Address": _IP,
    "FQDN": TypeRule("Host", "fqdn"),
    "MD5": _value("md5", "Hash"),
    "SHA-1": _value("sha1", "Hash"),
    "SHA-256": _value("sha256", "Hash"),
    "IPv6 Address": _IP,
    "URL": _value("text", "URL", "DomainImpacted"),
    "Email Address": _value("email", "Address", "User"),
    "SHA-512": _value("sha512", "Hash"),
    "CIDR Block": TypeRule("IPRange", "ip_range"),
}


class TypeTable(Mapping[str, TypeRule]):
    """The rules by ThreatQ's type name."""

    def __init__(self, rules: Mapping[str, TypeRule] = DEFAULTS) -> None:
        self._rules = dict(rules)
        self._names = {name.casefold(): name for name in rules}

    def __getitem__(self, name: str) -> TypeRule:
        return self._rules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def canonical(self, name: str) -> str | None:
        """Return a type's name as the table spells it, whatever its capitals; None when no list takes it."""
        return self._names.get(name.strip().casefold())

    def overridden(self, changes: Mapping[str, object]) -> TypeTable:
        """Return the table with some types added, changed, or, where the value is None, left out.

        Raises ConfigError that names the type and the key.
        """
        rules = dict(self._rules)
        for given, change in changes.items():
            name = self.canonical(given) or given
            if change is None:
                rules.pop(name, None)
            else:
                rules[name] = _rule(name, change)
        return TypeTable(rules)


def _rule(name: str, change: object) -> TypeRule:
    try:
        return msgspec.convert(change, TypeRule)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{name}: {error}; give listType, form and, for GeneralValue, useContext", field=FIELD
        ) from error
