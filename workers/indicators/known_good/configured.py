"""The lists that the settings name, and what is ours, as one judge of values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol, get_args

from workers.core.errors import ConfigError
from workers.indicators.addresses import host_of, parse_private_ips, read_range
from workers.indicators.known_good.judge import OURS, PRIVATE, KnownGood
from workers.indicators.known_good.lists import ListFile, list_files, list_of, read_file, shipped_lists
from workers.indicators.known_good.model import About, Action, KnownList
from workers.indicators.known_good.public_suffixes import public_suffixes
from workers.indicators.types import match_type

#: Addresses that are ours wherever we are: RFC 1918, and the unique local ones of IPv6 (RFC 4193).
OWN_RANGES = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7"

_SEPARATORS = re.compile(r"[,;\s]+")

#: Values of the setting own_assets beside networks and URLs; what ends like an address must be one.
_OWN_NAME = re.compile(
    r"(?!(?:\d{1,3}\.){3}[^.]{0,63}\Z)(?:\*?\.|@)?(?:[\w-]{1,63}\.){0,30}(?!\d+\.?\Z)[\w-]{1,63}\.?|\d{1,63}"
)
_OWN_MAIL = re.compile(r"[^@\\/*]{1,64}@(?:[\w-]{1,63}\.){1,30}[\w-]{1,63}")
_OWN_SERVER = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^/\\?#]+/?|(?://|\\\\)[^/\\?#]+(?:[/\\].*)?", re.I)
_OWN_URL = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^/\\?#]+[/?#].+", re.I)

_OWN_FORMS = (_OWN_NAME, _OWN_MAIL, _OWN_SERVER, _OWN_URL)

_ACTION = re.compile(r"([\w.-]{1,80})(?:/([^=/]{1,40}))?\s{0,4}=\s{0,4}(\w{1,20})")


class KnownGoodSettings(Protocol):
    """The settings that decide what is kept out."""

    @property
    def private_ips(self) -> str:
        """Private addresses, as on ThreatQ's page."""

    @property
    def own_private_ranges(self) -> bool:
        """Whether RFC 1918 and unique local addresses are ours."""

    @property
    def own_assets(self) -> str:
        """Domains, `@domain`s, networks and host names that are ours."""

    @property
    def known_good(self) -> bool:
        """Whether lists keep values out at all."""

    @property
    def known_good_dir(self) -> str:
        """A folder of the user's own lists."""

    @property
    def known_good_actions(self) -> str:
        """Other actions of lists, for all types or one."""


def known_good_of(settings: KnownGoodSettings, collected: tuple[str, ...] = ()) -> KnownGood:
    """Return the judge that the settings describe; `collected` are values of ours that another place has named.

    A folder is read again once it has changed.
    Raises ConfigError that names the setting and what of it cannot be read.
    """
    folder = list_files(settings.known_good_dir) if settings.known_good else None
    return _judge(
        f"{settings.private_ips},{OWN_RANGES if settings.own_private_ranges else ''}",
        (settings.own_assets, *collected),
        folder,
        settings.known_good_actions,
    )


@lru_cache(maxsize=8)
def private_only(private_ips: str) -> KnownGood:
    """Return what keeps out private addresses alone; raises ConfigError for a setting that cannot be read."""
    return KnownGood([KnownList(PRIVATE, About("private addresses"), parse_private_ips(private_ips))])


@lru_cache(maxsize=8)
def _judge(
    private: str, ours: tuple[str, ...], folder: tuple[ListFile, ...] | None, actions: str
) -> KnownGood:
    lists = [
        KnownList(PRIVATE, About("private addresses"), parse_private_ips(private)),
        list_of(OURS, _own_values(*ours), About("what is ours", mails="yes")),
    ]
    if folder is not None:
        own_lists = [read_file(file) for file in folder]
        own_names = {known.name for known in own_lists}
        shipped = (public_suffixes(), *shipped_lists())
        lists += [*own_lists, *(known for known in shipped if known.name not in own_names)]
    return KnownGood(lists, dict(_actions(actions, [known.name for known in lists[2:]])))


def _own_values(setting: str, *collected: str) -> Iterator[str]:
    """Yield values as lists write them; raises ConfigError for one of the setting that is nothing of ours."""
    for value in _words(setting):
        if not (read_range(value) or any(form.fullmatch(value) for form in _OWN_FORMS)):
            raise ConfigError(
                f'"{value[:80]}" is no domain, @domain, e-mail address, network, host or URL. Write corp.example, '
                "@mail.example, 185.10.20.0/24 or dc01, by commas or lines; what else is ours goes into a list of "
                "known_good_dir. Until then no event is created, so that nothing of ours gets out.",
                field="own_assets (TQ_OWN_ASSETS)",
            )
        yield _own_value(value)
    for text in collected:
        yield from map(_own_value, _words(text))


def _words(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from filter(None, _SEPARATORS.split(line.partition("#")[0]))


def _own_value(value: str) -> str:
    """Return a value as lists write it: a domain of ours is ours with all below it, and so is the host of a URL."""
    if _OWN_URL.fullmatch(value):
        return value
    value = host_of(value) if _OWN_SERVER.fullmatch(value) else value
    is_domain = "." in value and value[0] not in ".*@" and "@" not in value and not read_range(value)
    return f".{value}" if is_domain else value


def _actions(setting: str, names: list[str]) -> Iterator[tuple[tuple[str, str], Action | None]]:
    for part in filter(None, map(str.strip, re.split(r"[,\n]", setting))):
        match = _ACTION.fullmatch(part)
        if match is None:
            raise _wrong(part, "is not of the form list=action or list/type=action")
        name, type_name, action = match.groups()
        type_ = match_type(type_name.strip()) if type_name else ""
        if names and name not in names:
            raise _wrong(part, f"names no list; there are {', '.join(names)}")
        if type_ is None:
            raise _wrong(part, f'names no indicator type of ThreatQ ("{type_name}")')
        for known in get_args(Action):
            if known == action:
                yield (name, type_), known
                break
        else:
            raise _wrong(part, f"names no action; there are {', '.join(get_args(Action))}")


def _wrong(part: str, why: str) -> ConfigError:
    return ConfigError(f'"{part}" {why}', field="known_good_actions (TQ_KNOWN_GOOD_ACTIONS)")
