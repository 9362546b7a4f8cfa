"""What a service answers, read with bounds: in bytes as they inflate, in values, in depth.

Both platforms are other people's machines behind other people's proxies. An answer of a hundred bytes that inflates to
gigabytes, or a million brackets, must end as "this service cannot be used now", never as a worker without memory.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from requests import Response

from workers.core.errors import ServiceAway
from workers.core.http_failures import Remote

#: Bytes of an answer, inflated; a page of a thousand indicators with all their fields has about 3 MB.
MOST_BYTES = 32 << 20

#: Bytes that an answer may have more for each byte that was sent: it repeats what it made, and may escape it.
ECHO = 4

#: Values in an answer, counted by what separates them; a value may take 70 bytes of memory for 3 of JSON.
MOST_VALUES = 1_000_000

#: Levels of an answer; those of both platforms have about six.
MOST_DEPTH = 50

#: Bytes that are read and inflated at once.
PIECE_BYTES = 1 << 20

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def body_of(response: Response, remote: Remote, call: str, *, sent: int = 0) -> bytes:
    """Return the inflated body of an answer that was asked for with `stream=True`.

    `sent` is how many bytes the request had. Raises ServiceAway before more than the bound is in memory, and what
    requests raises while it reads.
    """
    most = MOST_BYTES + ECHO * sent
    pieces, size = [], 0
    for piece in response.iter_content(PIECE_BYTES):
        size += len(piece)
        if size > most:
            response.close()
            raise ServiceAway(
                remote.service,
                f"{remote.name} answers {call} with more than {most >> 20} MB; "
                f"is {remote.service}_url {remote.name}'s own address?",
            )
        pieces.append(piece)
    return b"".join(pieces)


def decoded(content: bytes, type: Any = Any, *, sent: int = 0) -> Any:
    """Return the JSON of an answer as `type`; raises ValueError for what is none, too much, or nested too deeply."""
    # Each value has a byte of its own: to count those of a short answer would take half as long as to decode it.
    if len(content) > MOST_VALUES and _values(content) > MOST_VALUES + sent:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    try:
        body = _decoder(type).decode(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    if type is Any and not (_brackets_close(content) or _is_shallow(body)):
        raise ValueError("it is nested too deeply")
    return body


def _values(content: bytes) -> int:
    return content.count(b",") + content.count(b"[") + content.count(b"{")


@lru_cache(maxsize=16)
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type, strict=False)


def _brackets_close(content: bytes) -> bool:
    """Tell whether all brackets close within the depth, at a tenth of the time that a walk takes.

    A bracket inside of a text may have no partner; then the answer is no, and the walk decides.
    """
    rest = content.translate(None, _NO_BRACKETS)
    for _ in range(MOST_DEPTH):
        if not rest:
            return True
        rest = rest.replace(b"[]", b"").replace(b"{}", b"")
    return not rest


def _is_shallow(body: object) -> bool:
    level = [body]
    for _ in range(MOST_DEPTH):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return True
    return False


def _children(node: object) -> Any:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
