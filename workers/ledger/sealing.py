"""Encryption of content in Redis: AES-256-GCM with keys from a file, of which the first encrypts and all decrypt.

A process has one set of keys, as it has one ledger; what reads a job deep below would else have to be handed them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from functools import lru_cache
from typing import TYPE_CHECKING

from workers.core.errors import ConfigError
from workers.core.extras import need

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: What encrypted content begins with; compressed content never does. Then the key's name, the nonce, the rest.
MARK = b"\0tq1"

#: Bytes of a key, of its name, and of a nonce.
KEY_BYTES, NAME_BYTES, NONCE_BYTES = 32, 4, 12

_FIELD = "encryption_keys_file"


class Keyring:
    """The keys of a process by their names; without any, nothing is encrypted."""

    def __init__(self, keys: dict[bytes, AESGCM]) -> None:
        self.keys = keys
        self.first = next(iter(keys), b"")


class _Process:
    keyring = Keyring({})


def use_keys(path: str) -> None:
    """Encrypt and decrypt with the keys of a file from now on, "" with none; raises ConfigError for a wrong file."""
    _Process.keyring = _read(path, os.stat(path).st_mtime_ns) if path and _is_there(path) else Keyring({})


def sealed(content: bytes) -> bytes:
    """Return compressed content as it is stored: encrypted where there is a key."""
    ring = _Process.keyring
    if not ring.first:
        return content
    nonce = os.urandom(NONCE_BYTES)
    return MARK + ring.first + nonce + ring.keys[ring.first].encrypt(nonce, content, None)


def opened(content: bytes) -> bytes:
    """Return stored content as it was compressed.

    Raises ConfigError for a key that is not here, ValueError for what was changed since it was encrypted.
    """
    if not is_sealed(content):
        return content
    if why := why_locked(content):
        raise ConfigError(why, field=_FIELD)
    start = len(MARK) + NAME_BYTES
    name, nonce = content[len(MARK) : start], content[start : start + NONCE_BYTES]
    from cryptography.exceptions import InvalidTag

    try:
        return _Process.keyring.keys[name].decrypt(nonce, content[start + NONCE_BYTES :], None)
    except InvalidTag as error:
        raise ValueError("it was changed since it was encrypted") from error


def is_sealed(content: bytes) -> bool:
    """Tell whether content, of which this may be the beginning, is encrypted."""
    return content.startswith(MARK)


def why_locked(content: bytes) -> str:
    """Return why content cannot be decrypted here, "" where it can."""
    name = content[len(MARK) : len(MARK) + NAME_BYTES]
    if not is_sealed(content) or name in _Process.keyring.keys:
        return ""
    return f"its content is encrypted with the key {name.hex()}, which this process has not ({_FIELD})"


def name_of(key: bytes) -> bytes:
    """Return the name by which content names its key."""
    return hashlib.sha256(b"tq key\n" + key).digest()[:NAME_BYTES]


def _is_there(path: str) -> bool:
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as error:
        raise ConfigError(f"names {path}: {error.strerror}", field=_FIELD) from error
    if mode & 0o007:
        raise ConfigError(f"{path} holds keys and others may read it; chmod o= {path}", field=_FIELD)
    return True


@lru_cache(maxsize=4)
def _read(path: str, _changed_ns: int) -> Keyring:
    need("encryption of content in Redis", "cryptography", "encryption")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    with open(path, "rb") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith(b"#")]
    keys = [_key(line, number, path) for number, line in enumerate(lines, 1)]
    if not keys:
        raise ConfigError(f"{path} holds no key; make one with openssl rand -base64 32", field=_FIELD)
    return Keyring({name_of(key): AESGCM(key) for key in keys})


def _key(line: bytes, number: int, path: str) -> bytes:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"key {number} of {path} is not 32 bytes in base64; make one with openssl rand -base64 32",
            field=_FIELD,
        )
    return key
