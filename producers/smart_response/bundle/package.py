"""The `.lpi` file: a gzip around a ustar archive, laid out as LogRhythm's own console writes it.

Eight published files (2019 to 2026) are all alike: no manifest, no checksum, no signature. Same input, same bytes.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib

from producers.smart_response.bundle.definition import GUID

#: The name inside the gzip header; the console writes a date here, and a fixed one keeps the bytes the same.
_INNER_NAME = f"ARPlugin_{GUID}_20260101.tar"

#: 1 January 2026, for the same reason.
_MODIFIED = 1_767_225_600

#: What the console's own files carry as the operating system that wrote them (NTFS).
_SYSTEM = 11

_BOM = b"\xef\xbb\xbf"


def package(files: dict[str, bytes]) -> bytes:
    """Return the plugin file for the source folder `files`, which holds an `actions.xml`."""
    entries = {f"Plugin/bin/{name}": content for name, content in sorted(files.items())}
    # The console keeps a copy of the definition of its own, with a byte order mark.
    entries["Plugin/config/actions.xml"] = _BOM + files["actions.xml"]
    return _gzip(_tar(entries))


def _tar(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in ("Plugin", "Plugin/bin", "Plugin/config"):
            archive.addfile(_entry(folder, tarfile.DIRTYPE))
        for name, content in entries.items():
            archive.addfile(_entry(name, tarfile.REGTYPE, len(content)), io.BytesIO(content))
    return buffer.getvalue()


def _entry(name: str, kind: bytes, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    # Folders too have 0644 in the console's files.
    entry.type, entry.size, entry.mode, entry.mtime = kind, size, 0o644, _MODIFIED
    return entry


def _gzip(data: bytes) -> bytes:
    """Compress with a header of our own; Python's gzip module cannot set the system and writes the time."""
    named = 0x08
    header = struct.pack("<4BLBB", 0x1F, 0x8B, 8, named, 0, 2, _SYSTEM) + _INNER_NAME.encode() + b"\0"
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = compressor.compress(data) + compressor.flush()
    return header + body + struct.pack("<LL", zlib.crc32(data), len(data))
