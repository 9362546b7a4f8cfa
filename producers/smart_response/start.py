"""Starts a command by the shortest way: `python -I -S …/start.py tq-lookup FQDN bad.example`.

Without the folders of installed libraries, which take 2 ms to find; a command that needs them looks for them then.
"""

from __future__ import annotations

import sys

#: Two folders above this file's own, without `os`, which is not loaded yet.
_ROOT = __file__.replace("\\", "/").rsplit("/", 3)[0]

if __name__ == "__main__":
    # In place of this file's folder, and before the standard library, so that nothing is looked for in vain.
    sys.path.insert(0, _ROOT)
    from producers.smart_response.commands import ACTIONS
    from producers.smart_response.main import process

    if len(sys.argv) < 2 or sys.argv[1] not in ACTIONS:
        print("error: the first word must be one of", ", ".join(ACTIONS), file=sys.stderr)
        sys.exit(2)
    process(sys.argv[1], sys.argv[2:])
