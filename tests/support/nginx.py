"""Debian's nginx with a file of deploy/nginx/, whose addresses and folders become those of a test."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.launch.redis_server import free_port
from sandbox.launch.tls import self_signed
from tests.support.waiting import until

FILES = Path(__file__).resolve().parents[2] / "deploy" / "nginx"

#: What a file of ours stands in: no service of the system, and all that nginx writes in a folder of the test.
_AROUND = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


@contextmanager
def nginx(folder: Path, name: str, replaced: Mapping[str, str]) -> Iterator[str]:
    """Run nginx with deploy/nginx/`name`; yield its URL. `replaced` are addresses in the file and the test's own.

    Its certificate is `certificate.pem` in `folder`. Skips the test where no nginx is installed.
    """
    # A user who is not root seldom has sbin in the path.
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not program:
        pytest.skip("no nginx is installed; apt-get install nginx-light")
    shutil.copy(FILES / "proxied.conf", folder)
    self_signed(folder)
    port = free_port()
    text = (FILES / name).read_text()
    for old, new in {"443": f"127.0.0.1:{port}", "/etc/nginx/tq": str(folder), **replaced}.items():
        assert old in text, f"{name} no longer has {old}"
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, server=text))
    process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf"])
    try:
        until(lambda: process.poll() is not None or _listens(port), within_s=30)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0
