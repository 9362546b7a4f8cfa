"""How both platforms are called: sessions that trust nothing around them, each call observed and tied to a trace."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from pathlib import Path
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from workers.core import spans, trace
from workers.core.errors import ConfigError, TqError
from workers.core.http_connection import PlainConnection, TlsConnection

#: Told of each call: method, path without parameters, status (0: no answer), seconds until the head of the answer.
Observer = Callable[[str, str, int, float], None]


def observe_nothing(_method: str, _path: str, _status: int, _seconds: float) -> None:
    """Observe nothing."""


class Adapter(HTTPAdapter):
    """A pool of connections that sends the trace of the job at hand, and tells `observe` of each call."""

    def __init__(self, observe: Observer, *, pool_connections: int, pool_maxsize: int) -> None:
        super().__init__(pool_connections=pool_connections, pool_maxsize=pool_maxsize)
        self._tell = observe
        self._pools: dict[Any, Any] = {}

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools, with connections that know `meanwhile`."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for a request; what else decides on it is the same for all requests of a session."""
        key = *str(request.url).split("/", 3)[:3], verify, cert
        if key not in self._pools:
            self._pools[key] = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return self._pools[key]

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """Return what of the address the request itself names."""
        return super().request_url(request, proxies) if proxies else request.path_url

    def build_response(self, request: PreparedRequest, raw: Any) -> Any:
        """Return an answer with what is read of it: no cookies, and no guess at what its bytes mean."""
        response: Any = Response()
        response.status_code, response.headers, response.raw = raw.status, raw.headers, raw
        response.reason, response.url, response.request = raw.reason, request.url, request
        return response

    def close(self) -> None:
        """Close every connection that is not in use; later requests open others."""
        self._pools.clear()
        super().close()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request; raises what requests raises."""
        request.headers.update(trace.headers())
        began, began_ns, status = time.monotonic(), time.time_ns(), 0
        try:
            response = super().send(request, *args, **options)
            status = response.status_code
            return response
        finally:
            method, path = str(request.method), request.path_url.partition("?")[0]
            self._tell(method, path, status, time.monotonic() - began)
            if gathering := spans.recorder.get():
                values = spans.attributes(
                    {"http.request.method": method, "url.path": path, "http.response.status_code": status}
                )
                gathering.add(operation(method, path), began_ns, time.time_ns(), values, kind=spans.CLIENT)


#: Parts of a path that name one object: numbers, and LogRhythm's GUIDs.
_IDS = re.compile(r"/(\d+|[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27})(?=/|$)")


def operation(method: str, path: str) -> str:
    """Return method and path with ids as {id}, so that there are as many operations as kinds of call."""
    return f"{method} {_IDS.sub('/{id}', path)}"


def session_for(
    *, ca_file: str, proxy: str, pool_size: int, observe: Observer, headers: Mapping[str, str] | None = None
) -> Session:
    """Return a session that trusts nothing of the environment and keeps no cookies.

    Proxy variables meant for the internet and a .netrc must not reach the services. "" for `ca_file` means the
    well-known authorities, for `proxy` none. `pool_size` is the number of connections that are kept open.
    """
    session = Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    user_agent = f"tq-workers/{version('tq-workers')}"
    ours = {"User-Agent": user_agent, "Accept": "application/json", "Content-Type": "application/json"}
    ours["Accept-Encoding"] = "gzip, deflate"
    session.headers.update({**ours, **(headers or {})})
    session.verify = ca_file or True
    session.proxies = {"http": proxy, "https": proxy} if proxy else {}
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter(observe, pool_connections=2, pool_maxsize=pool_size))
    return session


def send(
    session: Session,
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    data: bytes | None = None,
    auth: tuple[str, str] | None = None,
    timeout: tuple[float, float],
) -> Response:
    """Send one request by a session of `session_for`; the body of the answer is still to be read.

    No redirect is followed and no cookie kept. `Session.request` would merge and read anew at each call what is the
    same for all, which takes longer than the rest of the call. Raises what requests raises.
    """
    request: Any = PreparedRequest()
    request.method, request.url, request.body = method, url, data
    request.headers = {**session.headers, **(headers or {})}
    request.prepare_content_length(data)
    if params:
        request.prepare_url(url, params)
    if auth:
        request.prepare_auth(auth)
    return session.get_adapter(url).send(
        request,
        stream=True,
        timeout=timeout,
        verify=session.verify or True,
        cert=session.cert,
        proxies=session.proxies,
    )


def existing_file(path: str, *, setting: str) -> str:
    """Return the path of a PEM file, or ""; raises ConfigError where the file is not there."""
    if path and not Path(path).is_file():
        raise ConfigError(
            f"{path} is not there or cannot be read; give the path of a PEM file", field=setting
        )
    return path


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do `act` once, while the service works on the first request that is made in the block; else at its end.

    A thread beside would not do: it takes the interpreter between the head and the body of the request, so that the
    service begins later. Without all this a sync of 300,000 indicators of which none has changed takes 2.1 times as
    long as their bare transfer, with it 1.5 times (medians of interleaved runs). Raises what `act` raises, at the end
    of the block.
    """
    errand = _Errand(act)
    token = _errand.set(errand)
    try:
        yield
    finally:
        _errand.reset(token)
        errand.finish()


def side_by_side(first: Callable[[], None], *others: Callable[[], None]) -> None:
    """Do all, each while the service works on the first request of the one before; raises what one of them raises."""
    with meanwhile(partial(side_by_side, *others)) if others else nullcontext():
        first()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let requests of the block be followed by nothing of `meanwhile`, as for those that are made under a lock."""
    token = _errand.set(None)
    try:
        yield
    finally:
        _errand.reset(token)


class _Errand:
    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act
        self._error: OSError | TqError | None = None

    def run(self) -> None:
        act, self._act = self._act, None
        if act is None:
            return
        try:
            act()
        except (OSError, TqError) as error:
            # Raised from here, a full disk would be taken for a broken connection, and what the service answers to the
            # first request would be lost.
            self._error = error

    def finish(self) -> None:
        self.run()
        if self._error:
            raise self._error


_errand: ContextVar[_Errand | None] = ContextVar("errand", default=None)


class _Connection(PlainConnection):
    def getresponse(self) -> Any:
        _run_errand()
        return super().getresponse()


class _TlsConnection(_Connection, TlsConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _run_errand() -> None:
    errand = _errand.get()
    if errand:
        errand.run()
