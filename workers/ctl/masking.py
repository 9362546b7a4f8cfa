"""Stars over every secret in a text: those that we know by value, and whatever looks like one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from workers.config import Secret, fields
from workers.ctl.shell import Shell
from workers.errors import ConfigError
from workers.logs import SECRET_NAME, masked

#: Shorter values are not looked for: stars over every "a" would leave nothing to read.
SHORTEST = 4

#: `password: x`, `"token": "x"`, `api_key=x`, `x-auth-token: x` in free text.
_NAMED = re.compile(
    rf"(?i)((?:{SECRET_NAME.pattern})[\w-]{{0,40}}\\?[\"']?\s*[:=]\s*)(\\?[\"'])?([^\s\"'\\,;&}}\]]+)"
)

#: A JSON Web Token, wherever it stands.
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")


class Mask:
    """Masks texts; `known` are the secrets by value."""

    def __init__(self, known: Iterable[str]) -> None:
        spelt = {form for value in known for form in _spellings(value) if len(form) >= SHORTEST}
        self._known = sorted(spelt, key=len, reverse=True)

    @classmethod
    def of(cls, shell: Shell, environ: Mapping[str, str] = os.environ) -> Mask:
        """Return what masks the secrets of the settings and of the environment."""
        return cls({*_of_settings(shell), *_of_environment(environ)})

    def __call__(self, text: str) -> str:
        """Return `text` with stars where a secret stood."""
        for secret in self._known:
            text = text.replace(secret, "***")
        text = str(masked(_JWT.sub("***", text)))
        return _NAMED.sub(lambda match: f"{match[1]}{match[2] or ''}***", text)


def _of_settings(shell: Shell) -> set[str]:
    try:
        settings = shell.settings
    except ConfigError:
        return set()
    values = [getattr(settings, name) for name in fields()]
    found = {value.reveal() for value in values if isinstance(value, Secret)}
    # Of several tokens in one setting, each by itself.
    found |= {part for value in found for part in re.split(r"[,:\s]+", value)}
    return found | {_password(value) for value in values if isinstance(value, str) and "://" in value}


def _of_environment(environ: Mapping[str, str]) -> set[str]:
    named = {value for name, value in environ.items() if SECRET_NAME.search(name)}
    return named | {_password(value) for value in environ.values() if "://" in value}


def _password(url: str) -> str:
    """Return the password of a URL, also of one that cannot be read; "" where it has none."""
    return url.partition("://")[2].rpartition("@")[0].partition(":")[2]


def _spellings(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, in JSON, and without the escapes of a URL."""
    return {secret, json.dumps(secret)[1:-1], unquote(secret)}
