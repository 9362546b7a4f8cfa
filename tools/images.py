"""Builds an image of each target of the Dockerfile, with Docker or Podman: `make images`.

CONTAINER_ENGINE chooses between the two, IMAGES_PYTHON names another base, DEPLOY_VERSION is the tag (default: local).
The registry that pip is set up for on this machine, and its authority, are passed to the build as secrets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]

#: The name of each target's image, as docker-compose.yml has it; what others build upon comes first.
IMAGES = {
    "worker": "tq-workers",
    "http": "tq-workers-http",
    "flower": "tq-workers-flower",
    "sandbox": "tq-workers-sandbox",
}

#: What pip is told of a registry; the rest of its settings is of no use in a build.
OF_A_REGISTRY = (
    "index-url",
    "extra-index-url",
    "trusted-host",
    "proxy",
    "default-timeout",
    "timeout",
    "cert",
)

#: Where the Dockerfile finds the authority.
CERT = "/run/secrets/ca"


def main() -> int:
    """Build all images and say how large each is."""
    engine = container_engine()
    if engine is None:
        sys.exit("neither Docker nor Podman answers here: start one, or name it in CONTAINER_ENGINE")
    version = os.environ.get("DEPLOY_VERSION", "local")
    with TemporaryDirectory() as folder:
        given = [*base_of(os.environ), *secrets_of(pip_settings(), Path(folder))]
        for target, name in IMAGES.items():
            started = time.monotonic()
            words = [engine, "build", *given, "--target", target, "--tag", f"{name}:{version}", "."]
            built = subprocess.run(
                words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
            if built.returncode:
                sys.exit(f"{built.stdout.decode()}\nthe image {name} could not be built; the reason is above")
            size = size_of(engine, f"{name}:{version}") / 1e6
            print(f"{name}:{version}  {size:.0f} MB, {time.monotonic() - started:.0f} s", flush=True)
    return 0


def container_engine() -> str | None:
    """Return the first of Docker and Podman that answers, or what CONTAINER_ENGINE names; None where there is none."""
    wanted = os.environ.get("CONTAINER_ENGINE")
    return next((name for name in ([wanted] if wanted else ["docker", "podman"]) if _answers(name)), None)


def _answers(name: str) -> bool:
    if shutil.which(name) is None:
        return False
    return subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0


def size_of(engine: str, image: str) -> int:
    """Return how many bytes an image has, with those of its base."""
    return int(subprocess.check_output([engine, "image", "inspect", "--format", "{{.Size}}", image]))


def base_of(environ: Mapping[str, str]) -> list[str]:
    """Return the option that names another base than the Dockerfile does."""
    base = environ.get("IMAGES_PYTHON")
    return ["--build-arg", f"PYTHON={base}"] if base else []


def pip_settings() -> dict[str, str]:
    """Return what pip is told here about its registry, from files and environment alike."""
    listed = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    settings = dict(re.findall(r"^[\w:.-]+\.([\w-]+)='(.*)'$", listed, flags=re.MULTILINE))
    return {name: settings[name] for name in OF_A_REGISTRY if name in settings}


def secrets_of(settings: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Yield the options that pass a registry to the build; the file for it is made in `folder`."""
    if authority := settings.get("cert"):
        yield from ("--secret", f"id=ca,src={authority}")
    lines = [f"{name} = {CERT if name == 'cert' else value}" for name, value in settings.items()]
    if lines:
        (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]).replace("\\n", "\n    "))
        yield from ("--secret", f"id=pip,src={folder / 'pip.conf'}")


if __name__ == "__main__":
    sys.exit(main())
