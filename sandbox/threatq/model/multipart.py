"""Forms with a file, as browsers and clients upload them."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser

import msgspec


class Upload(msgspec.Struct, frozen=True):
    """A file of a form."""

    name: str
    content: bytes


def parts_of(content_type: str, raw: bytes) -> tuple[dict[str, str], Upload | None]:
    """Return the plain fields of a form, and its file if there is one."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = BytesParser(policy=policy.HTTP).parsebytes(head + raw)
    fields: dict[str, str] = {}
    file = None
    for part in form.iter_parts():
        content = part.get_payload(decode=True)
        value = content if isinstance(content, bytes) else b""
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            file = Upload(str(part.get_filename()), value)
        elif isinstance(name, str):
            fields[name] = value.decode(errors="replace")
    return fields, file
