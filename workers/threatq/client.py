"""Calls to ThreatQ with a token: the one object that the rest of this package speaks through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from workers.core.errors import BadCredentials, ServiceAway
from workers.core.http_session import Observer, observe_nothing
from workers.core.retry import RetryPolicy, retry
from workers.settings.model import Settings
from workers.threatq.auth import AccessTokens
from workers.threatq.errors import ServerFault, ServiceRefusal
from workers.threatq.transport import Transport

#: How a call that met an internal error (500) is made again.
RETRY = RetryPolicy(first_s=0.1, most_s=0.4, tries=3)

#: Rows that a list read by offset may have; none of this kind (types, relations of one object) has so many.
MOST_ROWS = 100_000

Json = dict[str, Any]
Params = Mapping[str, Any]


class Caller(Protocol):
    """Whatever can call ThreatQ: the client, or a stand-in in a test."""

    @property
    def base(self) -> str:
        """ThreatQ's address, `https://host[:port]`."""

    def call(
        self, method: str, path: str, *, params: Params | None = None, json: object = None, type: Any = Any
    ) -> Any:
        """Return the body of the answer, decoded as `type`; raises as Transport.send does."""


class Client:
    """Adds the token to each call; after a 401 it fetches a new one and tries once more.

    A call that meets an internal error (500) is made again where that can do no harm, so that one error in
    ten neither stops a batch of payloads nor throws suspicion on an object.
    """

    def __init__(self, transport: Transport, tokens: AccessTokens) -> None:
        self._transport = transport
        self._tokens = tokens

    @classmethod
    def from_settings(cls, settings: Settings, *, observe: Observer = observe_nothing) -> Client:
        """Return a client for the ThreatQ that the settings name; nothing is called yet."""
        transport = Transport(settings, observe=observe)
        return cls(transport, AccessTokens(transport, settings))

    @property
    def base(self) -> str:
        """ThreatQ's address, `https://host[:port]`."""
        return self._transport.base

    @property
    def server_time(self) -> float | None:
        """ThreatQ's clock as its last answer showed it, in seconds; None before that, or where it does not tell."""
        return self._transport.server_time

    def call(
        self, method: str, path: str, *, params: Params | None = None, json: object = None, type: Any = Any
    ) -> Any:
        """Return the body of the answer, decoded as `type`; raises as Transport.send does, and BadCredentials."""

        def call() -> Any:
            return self._signed_in(method, path, params, json, type)

        return retry(call, RETRY, on=ServerFault) if may_repeat(method, path) else call()

    def _signed_in(self, method: str, path: str, params: Params | None, json: object, type: Any) -> Any:
        try:
            return self._once(method, path, params, json, type)
        except ServiceRefusal as error:
            if error.status != 401:
                raise
        try:
            return self._once(method, path, params, json, type)
        except ServiceRefusal as error:
            if error.status != 401:
                raise
            raise BadCredentials(
                "threatq",
                f"ThreatQ does not accept a token that it has just given (401 on {method} {path})",
                field="threatq_client_id",
            ) from None

    def _once(self, method: str, path: str, params: Params | None, json: object, type: Any) -> Any:
        token = self._tokens.current()
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return self._transport.send(method, path, params=params, json=json, headers=headers, type=type)
        except ServiceRefusal as error:
            if error.status == 401:
                self._tokens.drop(token)
            raise

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()


def may_repeat(method: str, path: str) -> bool:
    """Tell whether a call may be made again although it may have been carried out: whether it only reads or merges.

    ThreatQ merges equal indicators and objects; an event may well become two.
    """
    return (
        method == "GET" or path.endswith("/query") or (path.endswith("/consume") and "/events/" not in path)
    )


def rows(body: object) -> list[Json]:
    """Return what an answer holds as a list, whether `data` is a list, one object, or an empty object."""
    data = body.get("data") if isinstance(body, dict) else body
    if isinstance(data, dict):
        return [data] if data else []
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def row_id(row: Json) -> int:
    """Return the id of a row; raises ServiceAway where it has none that can be used."""
    number = row.get("id")
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number[:19])
    if type(number) is not int or not 0 < number < 1 << 63:
        raise ServiceAway(
            "threatq", f"ThreatQ answers with an object of the id {str(number)[:50]!r}; check threatq_url"
        )
    return number


def total(body: object) -> int | None:
    """Return how many rows an answer declares, or None."""
    count = body.get("total") if isinstance(body, dict) else None
    return (
        int(count)
        if isinstance(count, int | float | str) and str(count).isascii() and str(count).isdigit()
        else None
    )


def pages(caller: Caller, path: str, params: Params, *, size: int) -> Iterator[list[Json]]:
    """Yield the pages of a GET list by offset, also where the server ignores limit or offset.

    Raises ServiceAway for a list that does not end.
    """
    seen: set[str] = set()
    while len(seen) < MOST_ROWS:
        body = caller.call("GET", path, params={**params, "limit": size, "offset": len(seen)})
        page = [row for row in rows(body) if str(row.get("id")) not in seen]
        seen.update(str(row.get("id")) for row in page)
        if page:
            yield page
        count = total(body)
        if not page or (len(page) < size if count is None else len(seen) >= count):
            return
    raise ServiceAway(
        "threatq", f"ThreatQ's list {path} does not end after {MOST_ROWS:,} rows; check threatq_url"
    )
