"""tq-sandbox: the simulated services, to rehearse and to test with."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from sandbox.serving import Site, serve
from sandbox.threatq.accounts import CLIENT_ID, EMAIL, PASSWORD
from sandbox.threatq.app import create_app
from sandbox.threatq.state import ThreatQ

#: The port of the simulated ThreatQ when none is given.
THREATQ_PORT = 8900


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C."""
    options = _parser().parse_args(argv)
    site = Site("threatq", create_app(ThreatQ(seed=options.seed)), options.host, options.threatq_port)
    print(f"ThreatQ: {site.url}  client id {CLIENT_ID}  e-mail {EMAIL}  password {PASSWORD}", flush=True)
    site.socket.listen()
    if options.ready_file:
        _write_whole(options.ready_file, {"url": site.url, "threatq": site.url, "pid": os.getpid()})
    serve(site)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tq-sandbox", description="Simulated services over real HTTP.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--threatq-port",
        "--port",
        type=int,
        default=THREATQ_PORT,
        help="0: any free one (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the faults that strike by chance")
    parser.add_argument("--ready-file", type=Path, help="write the addresses here as JSON once they accept")
    return parser


def _write_whole(path: Path, content: object) -> None:
    """Write a file that is never seen half written."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content))
    part.replace(path)
