"""One setting's value: text becomes the type that the model names, or an error that says why not."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from workers.core.errors import ConfigError
from workers.core.redis_tls import CERT_REQS
from workers.core.urls import service_url, shown_url, tls_options

#: Settings that are addresses of services, and the port where none is named (None: that of the scheme).
SERVICES: dict[str, int | None] = {"threatq_url": None, "logrhythm_url": 8501, "public_url": None}

_REDIS_SCHEMES = ("redis://", "rediss://", "unix://", "sentinel://")


class Given(Struct, frozen=True):
    """The text that was given for a setting, and where: a variable's name, or file and line."""

    text: str
    origin: str


def to_value(name: str, given: Given, annotation: Any) -> Any:
    """Return `given` as the type that `annotation` (Annotated, perhaps with a Meta) asks for.

    Raises ConfigError that names the setting, the origin, the value, and what is accepted. Secrets are text
    and always accepted, so none is ever shown.
    """
    kind = get_args(annotation)[0]
    try:
        if name in SERVICES:
            return service_url(given.text, setting=name, port=SERVICES[name]) if given.text.strip() else ""
    except ConfigError as error:
        raise ConfigError(f"{error} (from {given.origin})") from error
    if isinstance(kind, type) and issubclass(kind, str):
        value: Any = kind(given.text)
    else:
        value = _converted(name, given, annotation)
    _check_tls(name, given)
    if (isinstance(value, float) and not isfinite(value)) or not _is_redis(name, value):
        raise _refused(name, given, annotation)
    return value


def accepted(annotation: Any) -> str:
    """Return what a setting with this annotation takes, in words."""
    kind = get_args(annotation)[0]
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _bound(annotation)
    return "text"


def _converted(name: str, given: Given, annotation: Any) -> Any:
    text = given.text.strip()
    try:
        return msgspec.convert(
            text.lower() if get_args(annotation)[0] is bool else text, annotation, strict=False
        )
    except msgspec.ValidationError as error:
        raise _refused(name, given, annotation) from error


def _refused(name: str, given: Given, annotation: Any) -> ConfigError:
    wanted = (
        "a URL that starts with " + ", ".join(_REDIS_SCHEMES)
        if name.endswith("redis_url")
        else accepted(annotation)
    )
    return ConfigError(
        f"{shown_url(given.text)!r} (from {given.origin}) is not accepted; give {wanted}", field=name
    )


def _check_tls(name: str, given: Given) -> None:
    """Refuse a word that redis-py does not know: another reader might take it for "do not verify"."""
    asked = tls_options(given.text).get("ssl_cert_reqs", "required") if name.endswith("redis_url") else ""
    if asked and asked not in CERT_REQS:
        raise ConfigError(
            f"ssl_cert_reqs={asked} (from {given.origin}) is not accepted; give ssl_cert_reqs=required, "
            "or leave it out, which is the same",
            field=name,
        )


def _is_redis(name: str, value: Any) -> bool:
    return not name.endswith("redis_url") or not value or value.startswith(_REDIS_SCHEMES)


def _bound(annotation: Any) -> str:
    meta = next((part for part in annotation.__metadata__ if isinstance(part, Meta)), Meta())
    least = (
        f"above {meta.gt}" if meta.gt is not None else f"of at least {meta.ge}" if meta.ge is not None else ""
    )
    most = f"at most {meta.le}" if meta.le is not None else ""
    bounds = " and ".join(filter(None, (least, most)))
    return f" {bounds}" if bounds else ""
