"""`tq-conn-events-builder` where no library is installed: payloads go to the HTTP entry point that TQ_HTTP_URL names.

The entry point reads, checks and maps them as the command itself would; nothing is kept on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from importlib.metadata import version
from pathlib import Path
from ssl import create_default_context
from typing import Any
from urllib.parse import urlencode, urlsplit

from producers.cli.payload_argument import read_argument
from workers.core import output
from workers.core.errors import ConfigError, ServiceAway, TqError
from workers.core.text import printable

#: The variables that say where the entry point is, with which token, and who vouches for its certificate.
URL, TOKEN, CA_FILE = "TQ_HTTP_URL", "TQ_HTTP_TOKEN", "TQ_HTTP_CA_FILE"

#: Seconds that --wait waits when it names none, which is the most that the entry point waits, and for its answer.
WAIT_S, ANSWER_S = 60.0, 30.0

#: Exit codes: done or accepted, failed, wrong input.
_DONE, _FAILED, _WRONG_INPUT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Send what -p names and return the exit code."""
    output.prepare()
    options = _parser().parse_args(arguments)
    try:
        status, answer = _post(options)
        print(
            json.dumps(answer) if options.json else "\n".join(map(_words, _items(status, answer))), flush=True
        )
        return _code([item["status"] for item in _items(status, answer)])
    except TqError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tq-conn-events-builder",
        description=f"Sends detection payloads through the HTTP entry point at {URL}, with the token {TOKEN}.",
        epilog="Exit codes: 0 done or accepted, 1 failed or some were refused, 2 wrong input or configuration, nothing "
        "was accepted, 3 the entry point is away: send it again, which makes no second event.",
    )
    add = parser.add_argument
    add("--version", action="version", version=version("tq-workers"))
    add("-p", "--payload", required=True, help="the payload as JSON, @FILE, or - for standard input")
    add("--wait", nargs="?", type=float, const=WAIT_S, metavar="SECONDS", help="wait for the outcome")
    add("--mapping", help="the mapping of every payload (default: each is known by its form)")
    add("--json", action="store_true", help="print the answer of the entry point")
    return parser


def _post(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Return the status and the answer; raises ConfigError, InputError and ServiceAway."""
    connection, path = _connection(os.environ.get(URL, ""), ANSWER_S + (options.wait or 0))
    asked = {name: value for name in ("wait", "mapping") if (value := getattr(options, name)) is not None}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_token()}"}
    body = read_argument(options.payload)
    try:
        connection.request("POST", f"{path}/v1/events?{urlencode(asked)}", body, headers)
        answer = connection.getresponse()
        status, content = answer.status, answer.read()
    except (OSError, HTTPException) as error:
        raise _away(f"cannot be reached ({error or type(error).__name__})") from error
    finally:
        connection.close()
    if status in (401, 403):
        raise ConfigError(
            f"the HTTP entry point refuses the token ({status}); it needs the scope events", field=TOKEN
        )
    if status == 429 or status >= 500:
        raise _away(f"takes nothing now ({status})")
    try:
        read: dict[str, Any] = json.loads(content)
    except ValueError as error:
        raise ConfigError(
            f"what answers there is no HTTP entry point of ours ({status})", field=URL
        ) from error
    return status, read


def _connection(url: str, timeout_s: float) -> tuple[HTTPConnection, str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url!r} is no address; write https://HOST:PORT", field=URL)
    path = parts.path.rstrip("/")
    if parts.scheme == "http":
        return HTTPConnection(parts.hostname, parts.port, timeout=timeout_s), path
    try:
        context = create_default_context(cafile=os.environ.get(CA_FILE) or None)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error}", field=CA_FILE) from error
    return HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=context), path


def _token() -> str:
    """Return the token, as it is set or from the file that is named; raises ConfigError."""
    file = os.environ.get(f"{TOKEN}_FILE")
    try:
        token = Path(file).read_text("utf-8").strip() if file else os.environ.get(TOKEN, "")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read: {error}", field=f"{TOKEN}_FILE") from error
    if not token:
        raise ConfigError("no token is set; it is one of TQ_HTTP_TOKENS of the entry point", field=TOKEN)
    return token


def _away(why: str) -> ServiceAway:
    again = "the payload is not kept here: send it again, which makes no second event"
    return ServiceAway("http", f"the HTTP entry point {why}; {again}")


def _items(status: int, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is said of each payload, with the status of each in HTTP and in words."""
    if "items" not in answer:
        return [answer | {"status": status, "state": answer.get("status") if status < 400 else "refused"}]
    return [{"state": "queued" if item["status"] < 400 else "refused"} | item for item in answer["items"]]


def _words(item: dict[str, Any]) -> str:
    parts = (item.get(name) for name in ("state", "id", "link", "detail"))
    return "  ".join(printable(str(word)) for word in parts if word)


def _code(statuses: Sequence[int]) -> int:
    refused = [status for status in statuses if status >= 400]
    if not refused:
        return _DONE
    failed = 424 in refused or len(refused) < len(statuses)
    return _FAILED if failed else _WRONG_INPUT


if __name__ == "__main__":
    sys.exit(main())
