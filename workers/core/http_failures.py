"""What it means that a service gave no answer, and what an answer says about when to come back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import requests
from msgspec import Struct
from requests import exceptions

from workers.core.answers import note_answer
from workers.core.errors import ConfigError, Dropped, MissingRights, Rejected, ServiceAway, TqError


class Remote(Struct, frozen=True):
    """A service as messages name it; its settings begin with `service`.

    `trust` is what to do about a certificate that cannot be verified. `stays_busy` tells whether a request that ran out
    of time must be given time before it is sent again, since doing it twice would do harm.
    """

    service: str
    name: str
    trust: str
    stays_busy: bool = False


@contextmanager
def answering(remote: Remote, call: str, timeout: tuple[float, float]) -> Iterator[None]:
    """Note that the service has answered; raise as our error what requests raises where no answer comes.

    A refusal is the service's own word; a redirect, a page of a proxy and an error that passes are not. `call` is
    method and path, `timeout` holds the seconds for the connection and for the answer. The error says neither
    parameters nor secrets.
    """
    try:
        yield
    except (Rejected, MissingRights):
        note_answer(remote.service)
        raise
    except requests.RequestException as error:
        raise no_answer(error, remote, call, timeout) from error
    note_answer(remote.service)


def no_answer(
    error: requests.RequestException, remote: Remote, call: str, timeout: tuple[float, float]
) -> TqError:
    """Return our error for a request that got no answer."""
    if isinstance(error, exceptions.SSLError):
        return _tls_failed(error, remote)
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidHeader):
        # InvalidProxyURL is an InvalidURL; a header is wrong where the token is no text for one.
        return ConfigError(
            f"cannot be called; check address, proxy and token of {remote.name}",
            field=f"{remote.service}_url",
        )
    if "Connection aborted" in str(error) or isinstance(error, exceptions.ChunkedEncodingError):
        return Dropped(
            remote.service, f"the connection to {remote.name} broke during {call}{system_words(error)}"
        )
    busy_s = timeout[1] if isinstance(error, exceptions.ReadTimeout) and remote.stays_busy else 0.0
    return ServiceAway(remote.service, _why_away(error, remote, call, timeout), busy_s=busy_s)


def _why_away(
    error: requests.RequestException, remote: Remote, call: str, timeout: tuple[float, float]
) -> str:
    name, setting = remote.name, f"{remote.service}_url"
    if isinstance(error, exceptions.ProxyError):
        return f"the proxy to {name} does not answer{system_words(error)}; see {remote.service}_proxy"
    if isinstance(error, exceptions.ConnectTimeout):
        return f"{name} does not take a connection within {timeout[0]:g} s; see {setting}"
    if isinstance(error, exceptions.Timeout):
        return f"{name} does not answer {call} within {timeout[1]:g} s"
    return f"{name} cannot be reached for {call}{system_words(error)}; is it running, and is {setting} right?"


def _tls_failed(error: requests.RequestException, remote: Remote) -> TqError:
    text = str(error)
    if "certificate" in text.lower():
        return ConfigError(
            f"{remote.name}'s certificate cannot be verified ({_openssl_words(text)}); {remote.trust}",
            field=f"{remote.service}_ca_file",
        )
    return ServiceAway(
        remote.service,
        f"TLS with {remote.name} fails{system_words(error)}; is that the host and port of {remote.service}_url?",
    )


def _openssl_words(text: str) -> str:
    """Return OpenSSL's own words for what is wrong with a certificate."""
    return text.rpartition("verify failed: ")[2].partition(" (_ssl")[0].strip(" .'\")")[:200]


def system_words(error: BaseException) -> str:
    """Return the operating system's words at the bottom of an error, in brackets and without URLs; "" for none."""
    seen: set[int] = set()
    text = ""
    link: object = error
    while isinstance(link, BaseException) and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, OSError) and link.strerror:
            text = f" ({link.strerror})"
        link = link.__cause__ or link.__context__ or getattr(link, "reason", None)
    return text


def retry_after(value: str, now: dt.datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, a number or an HTTP date; None if unreadable."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - (now or dt.datetime.now(dt.UTC))).total_seconds())
