"""When a certificate in a file ends."""

from __future__ import annotations

from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates


def certificate_ends_ms(file: str) -> float:
    """Return when the first of a PEM file's certificates ends, in ms since 1970; 0 where there is none to read.

    Of a bundle of authorities the others say nothing about ours.
    """
    try:
        certificates = load_pem_x509_certificates(Path(file).read_bytes()) if file else []
    except (OSError, ValueError):
        return 0.0
    return certificates[0].not_valid_after_utc.timestamp() * 1000 if certificates else 0.0
