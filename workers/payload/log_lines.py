"""Lines of CEF or LEEF, which are no JSON: each becomes a document with the line as it came."""

from __future__ import annotations

from collections.abc import Iterator

#: The field of such a document that holds the line.
LINE = "line"

_MARKS = (b"CEF:", b"LEEF:")

#: Bytes at the beginning of a line among which its mark stands: syslog's header is shorter.
_MOST_HEADER = 1_024


def is_log_lines(data: bytes) -> bool:
    """Tell whether what was sent is lines of CEF or LEEF and not JSON, by its first line."""
    beginning = data[: 2 * _MOST_HEADER].lstrip()
    return beginning[:1] not in (b"{", b"[", b'"', b"") and _has_mark(beginning.partition(b"\n")[0])


def log_lines(data: bytes) -> Iterator[tuple[bytes, dict[str, str] | None]]:
    """Yield each line that is not blank, and its document; None for a line of another kind."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        line = data[start:end].strip()
        start = end
        if line:
            yield line, {LINE: line.decode(errors="backslashreplace")} if _has_mark(line) else None


def _has_mark(line: bytes) -> bool:
    return any(mark in line[:_MOST_HEADER] for mark in _MARKS)
