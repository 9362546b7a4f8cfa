"""`tqctl completion`: the script with which a shell completes commands, options and queues."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from argcomplete.shell_integration import shellcode

from workers.ctl.shell import Shell

_HOW = """\
bash:  tqctl completion bash > ~/.local/share/bash-completion/completions/tqctl
zsh:   tqctl completion zsh > "${fpath[1]}/_tqctl"
fish:  tqctl completion fish > ~/.config/fish/completions/tqctl.fish
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _HOW
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), nargs="?", help="default: that of SHELL")


def run(_shell: Shell, options: Namespace) -> int:
    """Print the script."""
    used = os.path.basename(os.environ.get("SHELL", ""))
    name = options.shell or (used if used in ("zsh", "fish") else "bash")
    print(shellcode(["tqctl"], shell=name))
    return 0
