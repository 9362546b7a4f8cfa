"""Encryption of backups in the format of age (age-encryption.org), so that its own tool opens them too.

Making a backup takes the public key alone; the secret one need not lie on that machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from workers.core.errors import ConfigError, InputError
from workers.core.extras import need
from workers.core.files import OWNER_ONLY

if TYPE_CHECKING:
    from workers.backup.format import Reader

#: What a file that age has encrypted begins with.
AGE = b"age-encryption.org/v1\n"

#: How keys are spelt: those that encrypt, and those that decrypt.
_PUBLIC, _SECRET = "age1", "AGE-SECRET-KEY-1"


class Source(Protocol):
    """Bytes as they come, up to `size` of them; b"" at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


def is_encrypted(beginning: bytes) -> bool:
    """Tell whether a file that begins so is encrypted."""
    return beginning.startswith(AGE)


def recipients_of(words: Sequence[str]) -> list[Any]:
    """Return the public keys that `words` are, or that the files hold which they name; raises ConfigError."""
    pyrage = _library()
    recipients = []
    for text in (text for word in words for text in _keys_in(word, _PUBLIC, "--encrypt-to")):
        try:
            recipients.append(pyrage.x25519.Recipient.from_str(text))
        except pyrage.RecipientError as error:
            raise ConfigError(f"{text} is no public key of age ({error})", field="--encrypt-to") from error
    return recipients


def encrypt(source: Source, target: IO[bytes], recipients: list[Any]) -> None:
    """Write what `source` has so that the holder of one of the keys can read it; raises OSError."""
    _library().encrypt_io(source, target, recipients)


def decrypt(source: IO[bytes], target: Reader, key_file: Path) -> None:
    """Give what was encrypted to `target`; raises ConfigError for a wrong key, InputError for a damaged file."""
    pyrage = _library()
    try:
        keys = [pyrage.x25519.Identity.from_str(text) for text in _keys_in(str(key_file), _SECRET, "--key")]
        pyrage.decrypt_io(source, target, keys)
    except pyrage.IdentityError as error:
        raise ConfigError(f"{key_file} holds no secret key of age ({error})", field="--key") from error
    except pyrage.DecryptError as error:
        raise ConfigError(f"no key in {key_file} opens this backup ({error})", field="--key") from error
    except OSError as error:
        raise InputError(f"the backup is damaged or cut off ({error}); take another one") from error


def make_key(path: Path) -> str:
    """Write a new secret key into a file that is not there yet, and return its public key; raises InputError."""
    identity = _library().x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", field="--make-key") from error
    with os.fdopen(handle, "w") as file:
        file.write(f"# public key: {public}\n{identity}\n")
    return public


def _keys_in(word: str, begins: str, option: str) -> Iterator[str]:
    """Yield a key that stands there itself, or those of the lines of the file that is named so."""
    if word.startswith(begins):
        yield word
        return
    try:
        lines = Path(word).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(
            f"{word} is no key ({begins}…) and no file with one: {why}", field=option
        ) from error
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        raise ConfigError(f"{word} holds no key; a line with {begins}… is one", field=option)
    yield from keys


def _library() -> Any:
    """Return the library, which is loaded where a backup is encrypted alone; raises ConfigError where it is absent."""
    need("an encrypted backup", "pyrage", "backup")
    import pyrage

    return pyrage
