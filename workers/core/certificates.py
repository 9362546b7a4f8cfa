"""When a certificate in a file ends: read from its DER here, since a library for it takes 20 MB on every machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"

#: Tags of DER (X.690): the optional version of a certificate, and a time with two digits for its year.
_VERSION, _SHORT_YEAR = 0xA0, 0x17


def certificate_ends_ms(file: str) -> float:
    """Return when the first of a PEM file's certificates ends, in ms since 1970; 0 where there is none to read.

    Of a bundle of authorities the others say nothing about ours.
    """
    try:
        text = Path(file).read_text("latin-1") if file else ""
        body = text.partition(_BEGIN)[2].partition(_END)[0]
        return _not_after(PEM_cert_to_DER_cert(_BEGIN + body + _END)).timestamp() * 1000 if body else 0.0
    except (OSError, ValueError, IndexError):
        return 0.0


def _not_after(der: bytes) -> datetime:
    """Return the end of validity (RFC 5280, 4.1); raises ValueError or IndexError for what is no certificate."""
    (_, certificate), *_ = _elements(der)
    (_, signed), *_ = _elements(certificate)
    fields = _elements(signed)
    validity = fields[4 if fields[0][0] == _VERSION else 3][1]
    tag, time = _elements(validity)[1]
    text = time.decode("ascii")
    if tag == _SHORT_YEAR:
        # The two digits are of 1950 to 2049 (RFC 5280, 4.1.2.5.1); strptime takes them to be of 1969 to 2068.
        text = f"{'19' if text >= '5' else '20'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _elements(content: bytes) -> list[tuple[int, bytes]]:
    """Return the tag and the content of each element that stands in `content`."""
    elements, start = [], 0
    while start < len(content):
        tag, length = content[start], content[start + 1]
        start += 2
        if length & 0x80:
            digits = length & 0x7F
            length = int.from_bytes(content[start : start + digits])
            start += digits
        if start + length > len(content):
            raise ValueError("the file ends within a certificate")
        elements.append((tag, content[start : start + length]))
        start += length
    return elements
