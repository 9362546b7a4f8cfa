"""`tq-http-shim`: the HTTP entry point as a process."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, cast

import structlog
import uvicorn
from msgspec.structs import replace

from producers.cli.console import DONE, guarded, note, write_ready
from producers.http.app import create_app
from producers.http.connections import room_for_connections
from producers.http.context import HttpContext
from producers.http.handshakes import Handshakes
from producers.http.processes import METRICS_FOLDER, ProcessGroup, go_on_counting, share_of
from producers.http.rotation import TokenFiles
from producers.http.server import HttpConnection, http_protocol
from producers.http.tls import tls_options
from producers.http.tokens import MAKE_ONE, ApiTokens, read_tokens
from workers.core.errors import ConfigError, InputError
from workers.core.urls import is_loopback
from workers.core.user import user_at_host
from workers.ledger.acts import Actor
from workers.ledger.audit_settings import SettingsTrail, values_of
from workers.settings.loading import load
from workers.settings.model import Settings
from workers.telemetry import logs

log = structlog.get_logger("tq.http")

#: Seconds for which a connection is kept without a request; NiFi keeps its idle ones for 300.
KEEP_ALIVE_S = 310

#: Bytes of answers that the system holds for a client that does not take them; else it is megabytes for each.
SENT_AHEAD_BYTES = 65_536

#: What a further process runs.
_AS_COMMAND = "import sys; from producers.http_shim import main; sys.exit(main())"

_NO_TOKENS = (
    f"no token is set, and this entry point is not open to every sender; make one with\n  {MAKE_ONE}\n"
    "and set TQ_HTTP_TOKENS=nifi:events:TOKEN (or --insecure-no-auth, on this machine alone)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    options.own = sys.argv[1:] if arguments is None else list(arguments)
    return guarded(partial(_run, options))


def _run(options: argparse.Namespace) -> int:
    logs.set_up(logs.LEVELS[options.verbosity], location=options.loglocation, name="tq-http-shim")
    loaded = load(options.config)
    for warning in loaded.warnings:
        log.warning(warning)
    settings = replace(
        loaded.settings,
        http_host=options.host or loaded.settings.http_host,
        http_port=loaded.settings.http_port if options.port is None else options.port,
    )
    tokens = _tokens(settings, insecure=options.insecure_no_auth)
    is_alone = options.processes == 1
    if not is_alone and options.place is None:
        return _run_several(options, settings)
    settings = share_of(settings, options.processes)
    if not is_alone:
        go_on_counting(options.place)
    context = HttpContext(
        settings, tokens, most_connections=room_for_connections(settings.http_max_connections)
    )
    # Read before the first request, which should not wait for it; and a folder that cannot be read is told now.
    context.intake.mappings.current()
    if not tokens.open_to_all:
        context.token_files = TokenFiles(
            tokens,
            loaded,
            partial(load, options.config),
            os.environ,
            # Of several processes the first one alone tells the trail.
            None if options.place else context.audit,
        )
    starter = context.audit.by(Actor(user_at_host(), "start"))
    source = f"tq-http-shim on {socket.gethostname()}, {loaded.path}"
    SettingsTrail(starter).note(source, values_of(loaded))
    tls = tls_options(settings)
    _warn(settings, tls)
    server = _server(context, tls)
    with _bound(settings) if is_alone else socket.socket(fileno=options.inherited_socket) as listening:
        if is_alone:
            _tell(options, settings, listening)
        _serve(server, listening)
    return DONE


def _run_several(options: argparse.Namespace, settings: Settings) -> int:
    """Run as many processes behind one socket; what is wrong with the settings, one of them says."""
    if sys.platform == "win32" or options.processes < 1:
        raise InputError(
            "must be 1 or more, and 1 on Windows: start several there, each on its port", field="--processes"
        )
    command = [sys.executable, "-P", "-c", _AS_COMMAND, *options.own]
    with _bound(settings) as listening:
        _tell(options, settings, listening)
        return ProcessGroup(command, listening.fileno(), options.processes).run()


def _tell(options: argparse.Namespace, settings: Settings, listening: socket.socket) -> None:
    scheme = "https" if tls_options(settings) else "http"
    url = f"{scheme}://{_named(settings.http_host)}:{listening.getsockname()[1]}"
    note(f"tq-http-shim listens on {url}")
    if options.ready_file:
        write_ready(options.ready_file, {"url": url})


def _tokens(settings: Settings, *, insecure: bool) -> ApiTokens:
    if insecure:
        if not is_loopback(settings.http_host):
            raise ConfigError(
                "--insecure-no-auth is for this machine alone; listen on 127.0.0.1, or set TQ_HTTP_TOKENS"
            )
        log.warning("every user of this machine may use this producer (--insecure-no-auth)")
        return ApiTokens({}, open_to_all=True)
    tokens = read_tokens(settings.http_tokens)
    if not tokens.known:
        raise ConfigError(_NO_TOKENS, field="http_tokens (TQ_HTTP_TOKENS)")
    return tokens


def _warn(settings: Settings, tls: dict[str, Any]) -> None:
    if not tls and not settings.http_behind_tls and not is_loopback(settings.http_host):
        log.warning(
            "tokens and payloads cross the network in the clear; set TQ_HTTP_TLS_CERT, or TQ_HTTP_BEHIND_TLS"
        )


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    # asyncio switches Nagle off only on sockets that are named TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AHEAD_BYTES)
        listening.bind((settings.http_host, settings.http_port))
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", "a port is at most 65535")
        raise ConfigError(
            f"cannot listen on {settings.http_host} port {settings.http_port}: {why}",
            field="http_port (TQ_HTTP_PORT)",
        ) from error
    return listening


class _Server(uvicorn.Server):
    """Says that it is closing as soon as it is told to stop; bounds TLS handshakes, which uvicorn does not."""

    _handshakes: Handshakes | None = None

    def __init__(self, config: uvicorn.Config, context: HttpContext) -> None:
        super().__init__(config)
        self.context = context

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop: requests in hand are finished, no new ones are taken."""
        self.context.draining = True
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        if os.environ.get(METRICS_FOLDER):
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._stop_like_its_group)
        if self.config.ssl is None or not sockets:
            await super().startup(sockets)
            return
        await super().startup(sockets=[])
        self._handshakes = Handshakes(
            sockets[0], self.config.ssl, self.context.connections, self._new_connection
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and finish the requests in hand."""
        if self._handshakes is not None:
            await self._handshakes.close()
        await super().shutdown(sockets)

    def _stop_like_its_group(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.handle_exit(signal.SIGTERM, None)

    def _new_connection(self) -> HttpConnection:
        new = cast(Any, self.config.http_protocol_class)
        made: HttpConnection = new(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def _server(context: HttpContext, tls: dict[str, Any]) -> _Server:
    proxies = context.connections.proxies
    app = create_app(context)
    config = uvicorn.Config(
        app,
        http=http_protocol(context.connections, app),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies.names(),
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=context.settings.http_drain_s,
        **tls,
    )
    server = _Server(config, context)
    # Until uvicorn listens for the signal, and when it raises it again once it has closed: a producer that was
    # asked to close has not failed.
    signal.signal(signal.SIGTERM, server.handle_exit)
    return server


def _serve(server: _Server, listening: socket.socket) -> None:
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listening]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tq-http-shim", description="Accepts payloads and actions over HTTP."
    )
    parser.add_argument("--version", action="version", version=version("tq-workers"))
    parser.add_argument("-c", "--config", help="folder of tq.yaml")
    parser.add_argument("--host", help="address to listen on (TQ_HTTP_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on, 0: any free one (TQ_HTTP_PORT, 8070)")
    parser.add_argument("--processes", type=int, default=1, help="how many share the port, a core each")
    parser.add_argument("--place", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--inherited-socket", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--insecure-no-auth", action="store_true", help="ask for no token; loopback only")
    parser.add_argument("--ready-file", type=Path, help="write the address here as JSON once it accepts")
    parser.add_argument("-ll", "--loglocation", default=logs.STDERR, help=logs.LOCATION_HELP)
    parser.add_argument("-v", "--verbosity", type=int, choices=(1, 2, 3), default=2, help="default 2")
    return parser
