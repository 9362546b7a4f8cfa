"""What the installed commands start: each one's own module, or one line that says what to install for it.

The Smart Response stubs are started as they are: the standard library is enough for them.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module

from workers.core.errors import ConfigError
from workers.core.extras import not_installed


def start(command: str, module: str, extra: str = "", bare: str = "") -> int:
    """Run `main` of a module and return its exit code; that of a wrong configuration where a library is missing.

    `bare` is the module that does it without libraries, through the HTTP entry point, where TQ_HTTP_URL names one.
    """
    try:
        main = import_module(module).main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in sys.stdlib_module_names:
            raise
        if bare and os.environ.get("TQ_HTTP_URL"):
            return start(command, bare)
        instead = ", or set TQ_HTTP_URL to send payloads through the HTTP entry point" if bare else ""
        print(f"error: {not_installed(command, error.name, extra)}{instead}", file=sys.stderr)
        return ConfigError.exit_code
    code: int = main()
    return code


events_builder = partial(
    start, "tq-conn-events-builder", "producers.events_builder", bare="producers.http_sender"
)
logrhythm = partial(start, "tq-conn-logrhythm", "producers.logrhythm")
job = partial(start, "tq-job", "producers.smart_response.job")
http_shim = partial(start, "tq-http-shim", "producers.http_shim", "http")
redis_bridge = partial(start, "tq-redis-bridge", "producers.redis_bridge")
sandbox = partial(start, "tq-sandbox", "sandbox.launch.cli", "sandbox")
tqctl = partial(start, "tqctl", "tqctl.main")
