"""The queues that we are compared with are set up whole: each can be installed, enqueues, and has workers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.bench_peers import PEERS_BY_NAME
from sandbox.launch.processes import ROOT

FOLDER = Path(peers.__path__[0])


@pytest.mark.parametrize("name", PEERS_BY_NAME)
def test_each_peer_enqueues_by_a_module_that_its_workers_read(name: str) -> None:
    peer = PEERS_BY_NAME[name]

    assert "async def send(number: str)" in (FOLDER / f"{peer.module}.py").read_text()
    named = re.findall(r"benchmarks[.\w]+", " ".join(peer.worker))
    assert all(peer.module in module or module == "benchmarks.noop_worker" for module in named)


def test_no_peer_is_left_out() -> None:
    modules = {path.stem for path in FOLDER.glob("*_noop.py")}

    assert modules == {peer.module for peer in PEERS_BY_NAME.values()}


def test_what_each_peer_imports_is_locked() -> None:
    locked = re.findall(r"^([a-z-]+)==", (ROOT / "requirements-peers.lock").read_text(), flags=re.MULTILINE)
    imported = {path.stem.removesuffix("_noop") for path in FOLDER.glob("*_noop.py")} - {"ours"}

    assert imported <= set(locked)
