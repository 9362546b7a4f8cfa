"""tq-sandbox: the simulated services, to rehearse and to test with."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from sandbox import system_page
from sandbox.launch.tls import self_signed
from sandbox.logrhythm import app as logrhythm
from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.tokens import mint
from sandbox.serving import Site, serve
from sandbox.threatq.app import create_app
from sandbox.threatq.control import SeedPlan, seed
from sandbox.threatq.handlers.library import save
from sandbox.threatq.model.defaults import ANALYST, CLIENT_ID, EMAIL, PASSWORD
from sandbox.threatq.model.state import ThreatQ
from sandbox.threatq.model.store import MEMORY
from workers.core.files import write_whole

#: The port of the simulated ThreatQ when none is given.
THREATQ_PORT = 8900

#: The saved search behind `--collection`.
ALL_INDICATORS = '{"ui_query": {}, "api_query": {"criteria": {}, "filters": {"status_name": "Active"}}}'

#: The port of the simulated LogRhythm when none is given.
LOGRHYTHM_PORT = 8901


#: What to do where a port is taken or no port.
_ELSEWHERE = "Choose another address or port; port 0 takes any free one."


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C; 2 when a port is taken."""
    options = _parser().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="tq-sandbox-") as folder:
            tls = self_signed(Path(folder), options.name or options.host)
            if options.share:
                _share(options.share, tls["ssl_certfile"])
            links: dict[str, str] = {}
            threatq = _threatq(options, tls if options.share else {}, links)
            logrhythm = _logrhythm(options, tls if options.share or options.logrhythm_tls else {}, links)
            links |= {"ThreatQ": f"{threatq.url}/", "LogRhythm": f"{logrhythm.url}/"}
            if options.processes:
                links["Processes"] = threatq.url + system_page.PATH
            _run(options, threatq, logrhythm)
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror}. {_ELSEWHERE}"
        print(f"tq-sandbox: {why}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace, threatq: Site, logrhythm: Site) -> None:
    def ready() -> None:
        if options.ready_file:
            addresses = {"url": threatq.url, "threatq": threatq.url, "logrhythm": logrhythm.url}
            content = json.dumps({**addresses, "pid": os.getpid()}).encode()
            write_whole(str(options.ready_file), content, is_lasting=False)

    serve(threatq, logrhythm, ready=ready)


def _share(folder: Path, certificate: str) -> None:
    """Put into `folder` what another container needs to speak to us."""
    shutil.copyfile(certificate, folder / "certificate.pem")
    (folder / "logrhythm-token").write_text(mint())


def _threatq(options: argparse.Namespace, tls: dict[str, str], links: dict[str, str]) -> Site:
    """The simulated ThreatQ, filled if that is wanted; its pages show `links`, which may be filled later."""
    threatq = ThreatQ(seed=options.seed, path=str(options.state or MEMORY))
    if options.indicators and threatq.store.is_fresh:
        seed(threatq.store, SeedPlan(options.indicators))
        save(threatq.store, options.collection, ALL_INDICATORS, ANALYST.id, shared=True)
    app = create_app(threatq, system_page.routes(options.processes) if options.processes else ())
    app.state.links = links
    site = Site("ThreatQ", app, options.host, options.threatq_port, **tls)
    print(f"ThreatQ: {site.url}  client id {CLIENT_ID}  e-mail {EMAIL}  password {PASSWORD}", flush=True)
    return site


def _logrhythm(options: argparse.Namespace, tls: dict[str, str], links: dict[str, str]) -> Site:
    """The simulated LogRhythm, with a certificate of its own if that is wanted."""
    app = logrhythm.create_app(LogRhythmConfig(mode=options.logrhythm_mode))
    app.state.links = links
    port = options.logrhythm_port
    if port is None:
        port = LOGRHYTHM_PORT if options.threatq_port else 0
    site = Site("LogRhythm", app, options.host, port, **tls)
    print(f"LogRhythm {options.logrhythm_mode}: {site.url}  token {mint()}", flush=True)
    if tls:
        print(f"LogRhythm signs its own certificate: {tls['ssl_certfile']}", flush=True)
    return site


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tq-sandbox", description="Simulated services over real HTTP.")
    parser.add_argument("--version", action="version", version=version("tq-workers"))
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--threatq-port",
        "--port",
        type=int,
        default=THREATQ_PORT,
        help="0: any free one (default %(default)s)",
    )
    parser.add_argument("--logrhythm-port", type=int, help=f"0: any free one (default {LOGRHYTHM_PORT})")
    parser.add_argument(
        "--logrhythm-mode", choices=("7.4", "7.5.1"), default="7.5.1", help="version (default %(default)s)"
    )
    parser.add_argument("--logrhythm-tls", action="store_true", help="LogRhythm speaks https")
    parser.add_argument(
        "--share",
        type=Path,
        metavar="FOLDER",
        help="both speak https; certificate.pem and logrhythm-token are put here, for other machines",
    )
    parser.add_argument("--name", help="our host name in the certificate (default: --host)")
    parser.add_argument("--indicators", type=int, default=0, help="how many ThreatQ holds from the start")
    parser.add_argument(
        "--collection", default="Sandbox collection", help="data collection of those (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the faults that strike by chance")
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="ThreatQ keeps what it holds here, across restarts"
    )
    parser.add_argument(
        "--processes", type=Path, metavar="FILE", help="a page shows these processes and kills them"
    )
    parser.add_argument("--ready-file", type=Path, help="write the addresses here as JSON once they accept")
    return parser
