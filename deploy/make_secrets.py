"""Makes the passwords of a deployment and the ACL file of its Redis; what is already there stays.

    python3 deploy/make_secrets.py deploy/secrets --redis redis:6379

Afterwards the folder holds `users.acl` for Redis, and for each of its users `redis-<user>`, the URL to put into
TQ_REDIS_URL_FILE; besides, `functions-secret` (for the workers' TQ_FUNCTIONS_SECRET_FILE), `flower` (user:password),
`grafana` (the password of admin), `http-tokens` (of NiFi and Prometheus: name:scopes:token), `http-scraper` (the token
of Prometheus alone) and, for you to fill, what ThreatQ and LogRhythm gave you. The folder is yours alone; its files
can be read by the user of a container, whose number is not yours.
Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

TEMPLATE = Path(__file__).with_name("redis") / "users.acl.template"

#: What the services of others gave us; the files are made empty, and an empty one counts as not set.
GIVEN = ("threatq-password", "threatq-client-secret", "logrhythm-token")

#: Random bytes in a password; no person types it.
STRENGTH = 24


def main() -> int:
    """Make what is missing in the folder and say what to do next."""
    options = _parser().parse_args()
    folder: Path = options.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    passwords = {name: password_of(folder / f"redis-{name}") for name in users(TEMPLATE.read_text())}
    scheme, query = ("rediss", f"?ssl_ca_certs={options.ca}") if options.ca else (options.scheme, "")
    for name, password in passwords.items():
        put(folder / f"redis-{name}", f"{scheme}://{name}:{password}@{options.redis}/0{query}")
    functions = text_of(folder / "functions-secret") or secrets.token_hex(STRENGTH)
    put(folder / "users.acl", acl(TEMPLATE.read_text(), passwords, functions))
    made = {
        "functions-secret": functions,
        "grafana": secrets.token_urlsafe(STRENGTH),
        "flower": f"admin:{secrets.token_urlsafe(STRENGTH)}",
        "http-tokens": f"nifi:events:{secrets.token_urlsafe(STRENGTH)}",
        "http-scraper": secrets.token_urlsafe(STRENGTH),
    }
    for name, text in made.items():
        if not (folder / name).exists():
            put(folder / name, text)
    _let_prometheus_in(folder)
    for name in GIVEN:
        (folder / name).touch(mode=0o644)
    print(f"{folder} is ready; write into it: {', '.join(GIVEN)} (those that you use)")
    return 0


def _let_prometheus_in(folder: Path) -> None:
    """Add the token of `http-scraper` to the others, also to those that were made before there was one."""
    tokens, token = text_of(folder / "http-tokens").strip(), text_of(folder / "http-scraper").strip()
    if token not in tokens:
        put(folder / "http-tokens", ",".join(filter(None, [tokens, f"prometheus:metrics:{token}"])))


def users(template: str) -> list[str]:
    """Return the users that have a password, in the order of the template."""
    return re.findall(r"#<(\w+)>", template)


def acl(template: str, passwords: Mapping[str, str], functions: str) -> str:
    """Return the ACL file: one line a user, digests instead of passwords; `functions` only our function knows."""
    lines = [line for line in template.splitlines() if line.strip() and not line.startswith("#")]
    text = re.sub(r"\n +", " ", "\n".join(lines)).replace("@functions@", functions) + "\n"
    return re.sub(r"<(\w+)>", lambda name: hashlib.sha256(passwords[name[1]].encode()).hexdigest(), text)


def text_of(file: Path) -> str:
    """Return what `file` holds, "" where there is none."""
    return file.read_text() if file.exists() else ""


def password_of(file: Path) -> str:
    """Return the password in the URL that `file` holds, or a new one where there is no file."""
    if not file.exists():
        return secrets.token_urlsafe(STRENGTH)
    found = re.search(r"://\w+:([^@]+)@", file.read_text())
    if found is None:
        sys.exit(f"{file} holds no URL with a password; remove it to have a new one made")
    return found[1]


def put(file: Path, text: str) -> None:
    """Put `text` into `file`, which is read-only afterwards."""
    file.unlink(missing_ok=True)
    file.write_text(text)
    file.chmod(0o444)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Make the secrets of a deployment.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("deploy/secrets"))
    parser.add_argument("--redis", default="redis:6379", help="host and port of Redis (default %(default)s)")
    parser.add_argument("--scheme", choices=("redis", "rediss"), default="redis", help="rediss: TLS")
    parser.add_argument(
        "--ca", help="TLS, with a certificate that this authority (PEM) signed: its path over there"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
