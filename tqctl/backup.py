"""`tqctl backup` and `tqctl restore`: all that the ledger holds, in a file, and back."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from producers.cli.tables import Grid, Shown
from tqctl.shell import Shell, above_zero
from workers.backup import file as backup_file
from workers.backup.encryption import make_key
from workers.backup.format import Contents, FilePart, Part
from workers.backup.restore import Restored, Restoring, begin, end
from workers.backup.settings import gathered, places, write_files
from workers.core.errors import InputError
from workers.core.text import counted as number_of
from workers.core.text import size
from workers.core.user import user_at_host


def backup_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `tqctl backup`."""
    parser.epilog = "Workers and producers go on meanwhile. Secrets are in it only where it is encrypted."
    add = parser.add_argument
    add("--out", type=Path, metavar="PATH", help="file or folder (default: tq-backup-<time> in this folder)")
    add(
        "--encrypt-to",
        action="append",
        default=[],
        metavar="KEY",
        help="a public key of age (age1…), or a file of these; may be given several times",
    )
    add(
        "--keep",
        type=above_zero,
        metavar="N",
        help="then remove all but the newest N backups of that folder (those with their usual name)",
    )
    add(
        "--make-key",
        type=Path,
        metavar="FILE",
        help="make no backup but a secret key, and print its public key; keep the file apart from the backups",
    )
    parser.set_defaults(run=run_backup)


def restore_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `tqctl restore`."""
    parser.epilog = (
        "The whole file is checked first. One that was interrupted goes on when it is typed again."
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="what tqctl backup has written")
    add("--key", type=Path, metavar="FILE", help="file with the secret key (AGE-SECRET-KEY-1…) that opens it")
    add("--verify", action="store_true", help="check the file, say what it holds, and change nothing")
    add(
        "--add",
        action="store_true",
        help="into a Redis that is not empty: what is there stays, what the backup has besides is added",
    )
    add("--settings-to", type=Path, metavar="FOLDER", help="write the settings there too, in new files")
    parser.set_defaults(run=run_restore)


def run_backup(shell: Shell, options: Namespace) -> int:
    """Make a backup, or a key for backups, and say what it holds."""
    if options.make_key:
        public = make_key(options.make_key)
        shell.show({"file": str(options.make_key), "public_key": public}, lambda key: [key["public_key"]])
        return 0
    encrypted = bool(options.encrypt_to)
    path = _path(options.out, encrypted=encrypted)
    settings = gathered(shell.loaded, with_secrets=encrypted)
    counts = backup_file.make(
        shell.admin.redis, path, settings.files, shell.audit, encrypt_to=options.encrypt_to
    )
    gone = backup_file.forget_older(path.parent, options.keep) if options.keep else []
    value = {"file": str(path), "bytes": path.stat().st_size, "encrypted": encrypted, "counts": counts}
    value |= {"left_out": settings.left_out, "removed": [str(each) for each in gone]}
    shell.show(value, _words_of_backup)
    return 0


def run_restore(shell: Shell, options: Namespace) -> int:
    """Check a backup from its beginning to its end; then put it back, unless it is only to be verified."""
    files: list[FilePart] = []
    contents = backup_file.read(options.file, partial(_gather, files), key=options.key)
    paths = places(files, options.settings_to) if options.settings_to else []
    restored = Restored() if options.verify else _restore(shell, options, contents)
    if not options.verify:
        write_files(files if paths else [], paths)
    value: dict[str, Any] = {
        "file": str(options.file),
        "taken": _moment(contents),
        "version": contents.header.version,
    }
    value |= {"encrypted": contents.is_encrypted, "counts": contents.counts, "verified_only": options.verify}
    value |= {"jobs": restored.jobs, "markers": restored.markers, "settings": [str(path) for path in paths]}
    shell.show(value, _words_of_restore)
    return 0


def _restore(shell: Shell, options: Namespace, contents: Contents) -> Restored:
    redis = shell.admin.redis
    begin(redis, contents, user_at_host(), may_add=options.add)
    restoring = Restoring(redis)
    backup_file.read(options.file, restoring.take, key=options.key)
    restoring.flush()
    end(redis, contents, restoring.restored, shell.audit, str(options.file))
    return restoring.restored


def _gather(files: list[FilePart], part: Part) -> None:
    if isinstance(part, FilePart):
        files.append(part)


def _path(out: Path | None, *, encrypted: bool) -> Path:
    name = backup_file.usual_name(encrypted=encrypted)
    path = Path(name) if out is None else out / name if out.is_dir() else out
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", field="--out")
    return path


def _moment(contents: Contents) -> str:
    return datetime.fromtimestamp(contents.header.taken_ms / 1000, UTC).isoformat(timespec="seconds")


def _words_of_backup(value: dict[str, Any]) -> Iterator[Shown]:
    kind = "encrypted" if value["encrypted"] else "not encrypted"
    yield f"{value['file']} ({size(value['bytes'])}, {kind})"
    yield _grid(value["counts"])
    if value["left_out"]:
        yield f"Left out, as it is not encrypted (--encrypt-to): {', '.join(value['left_out'])}"
    yield from (f"removed: {path}" for path in value["removed"])


def _words_of_restore(value: dict[str, Any]) -> Iterator[Shown]:
    yield f"Taken {value['taken']} by tq-workers {value['version']}; whole, its checksum is right."
    yield _grid(value["counts"])
    if value["verified_only"]:
        yield "Nothing was changed."
        return
    yield f"{number_of(value['jobs'], 'job')} and {number_of(value['markers'], 'marker')} were put back."
    yield from (f"settings: {path}" for path in value["settings"])


def _grid(counts: dict[str, int]) -> Grid:
    return Grid("", ("what", "count"), [[name, f"{count:,}"] for name, count in sorted(counts.items())])
