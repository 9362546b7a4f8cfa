"""The systemd unit that has a single machine start again after a reboot, and after whatever ends it."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = """\
[Unit]
Description=tq-workers on this machine: Redis, workers, beat, HTTP entry point
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User={user}
Environment={config}
ExecStart={program} up --production --folder {folder}
Restart=always
RestartSec=5
# A wrong configuration stays wrong: tqctl check says what it is.
RestartPreventExitStatus=2
# Work in hand is finished first, and Redis ends last.
TimeoutStopSec=120
KillMode=mixed
UMask=0077
LimitNOFILE=16384

NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictSUIDSGID=yes
ProtectSystem=strict
ReadWritePaths={writable}
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit(*, program: Path, config: Path, folder: Path, user: str) -> str:
    """Return the unit that runs `program` (tqctl) as `user`, with the folder of `tq.yaml` and that of the data."""
    return TEMPLATE.format(
        user=user,
        program=quoted(program),
        config=quoted(f"TQ_CONFIG={config}"),
        folder=quoted(folder),
        writable=f"{quoted(config)} {quoted(folder)}",
    )


def quoted(text: Path | str) -> str:
    """Return `text` as one word of a unit, in which neither `%` nor `$` means anything."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != str(text) or " " in escaped else escaped
