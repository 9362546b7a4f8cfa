"""Every reader of what others write: a good text for it, how it is read, and how it refuses a text."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from producers.http.job_list import job_filter
from producers.http.problems import Problem
from producers.http.request import inflate
from producers.http.tokens import read_tokens
from tests.security.fuzzed_texts import in_json
from tests.support.celery_messages import headed, message
from workers.core.errors import ConfigError, InputError, MalformedRecord, ServiceAway
from workers.core.files import write_whole
from workers.core.hashing import sha256_hex
from workers.core.http_answers import decoded
from workers.core.jobs import Job
from workers.core.trace import read_traceparent
from workers.indicators.addresses import parse_private_ips
from workers.ledger.celery_messages import why_no_entry, why_unreadable
from workers.ledger.records import Head, read_body
from workers.ledger.spool import decode, encode
from workers.listsync.plan.mapping import EXAMPLE, parse_mapping
from workers.logrhythm.entries import Broken, ItemScanner
from workers.logrhythm.model import summary
from workers.logrhythm.token import read_token
from workers.payload.actions import SHAPES, read_action
from workers.payload.intake import Intake
from workers.payload.reading import read_payloads
from workers.settings import file as settings_file
from workers.settings.model import Secret
from workers.settings.redaction import redaction_of
from workers.threatq.client import Caller
from workers.threatq.collections import find_collection
from workers.threatq.rows import Row, whole_score

LIMIT = 100_000

INTAKE = Intake("http", LIMIT)

PAYLOAD = {
    "event_name": "a",
    "event_type": "Sighting",
    "event_happened_at": "2026-11-27T10:00:00Z",
    "fqdn": "a.b",
}
ENVELOPE = {"specversion": "1.0", "id": "7", "source": "/siem", "type": "detection"}
ITEM = {"value": "a.bad.example", "isListItem": False}
ROW = {"id": 1, "value": "a.bad.example", "type": {"name": "FQDN"}, "score": "7.5", "status": "Active"}


class Reader(NamedTuple):
    """What reads a text, texts that it takes, and the errors with which it refuses others."""

    read: Callable[[bytes], object]
    good: tuple[bytes, ...]
    refuses: tuple[type[Exception], ...] = ()

    def refusal(self, text: bytes) -> Exception | None:
        """Return the error with which `text` is refused, None where it is read; any other error is raised."""
        try:
            self.read(text)
        except self.refuses as error:
            return error
        return None


def text_of(data: bytes) -> str:
    """Return a text as it stands in the environment, where bytes that are no UTF-8 become surrogates."""
    return data.decode("utf-8", "surrogateescape")


def read_settings(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / settings_file.FILE_NAME
        write_whole(str(path), data)
        return settings_file.read(path)


def read_spooled(data: bytes) -> object:
    """Read it as what was cut short, and with a digest that fits as what an older version or a forger wrote."""
    with suppress(ValueError):
        decode(data)
    text = data.partition(b"\n")[2]
    return decode(sha256_hex(text).encode() + b"\n" + text)


def read_arguments(data: bytes) -> object:
    with suppress(MalformedRecord, ConfigError):
        read_body(data)
    return read_body(zlib.compress(data))


def read_record(data: bytes) -> object:
    return Head.read(data).arguments


def read_list(data: bytes) -> object:
    scanner = ItemScanner()
    values = [value for start in range(0, len(data), 70) for value in scanner.feed(data[start : start + 70])]
    last, description = scanner.close()
    return values + last, summary(description)


def read_rows(data: bytes) -> object:
    return [(row.type_name, row.status_name, whole_score(row.score)) for row in decoded(data, list[Row])]


class Answering(Caller):
    """Answers every call with a data collection whose query is a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def call(self, method: str, path: str, **_options: Any) -> Any:
        return {"data": [{"name": "A", "json": self.text}]}


def read_claims(data: bytes) -> object:
    return read_token(Secret(f"a.{base64.urlsafe_b64encode(data).decode()}.b"))


def read_actions(data: bytes) -> object:
    """Read it as the arguments of every action."""
    with suppress(ValueError, RecursionError):
        arguments = json.loads(data)
        for kind in SHAPES:
            with suppress(InputError):
                read_action(kind, arguments)
    return None


def job_query(data: bytes) -> object:
    return [job_filter({name: data.decode("latin-1")}) for name in ("text", "since", "until")]


READERS = {
    "payloads": Reader(lambda data: read_payloads(data, max_bytes=LIMIT), (in_json(PAYLOAD), in_json([PAYLOAD] * 2))),
    "payloads from a terminal": Reader(
        lambda data: read_payloads(data, max_bytes=LIMIT, lenient=True), (in_json(PAYLOAD), str(PAYLOAD).encode())
    ),
    "NDJSON": Reader(INTAKE.jobs, (b"\n".join([in_json(PAYLOAD)] * 3),)),
    "cloud events": Reader(
        INTAKE.jobs,
        (
            in_json(ENVELOPE | {"data": PAYLOAD}),
            in_json(ENVELOPE | {"data": json.dumps(PAYLOAD)}),
            in_json(ENVELOPE | {"data_base64": base64.b64encode(in_json(PAYLOAD)).decode()}),
        ),
    ),
    "gzip": Reader(
        lambda data: inflate(data, most_bytes=LIMIT),
        (gzip.compress(in_json(PAYLOAD), mtime=0), gzip.compress(b"a", mtime=0) * 3),
        (Problem,),
    ),
    "the mapping": Reader(
        lambda data: parse_mapping(text_of(data), ("IP Address", "FQDN")),
        (EXAMPLE.encode(), b'A: "B: "'),
        (ConfigError,),
    ),
    "the settings file": Reader(
        read_settings, (settings_file.render({"threatq_url": "https://a", "sync_collections": EXAMPLE}).encode(),),
        (ConfigError,),
    ),
    "the tokens": Reader(
        lambda data: read_tokens(Secret(text_of(data))),
        (b"nifi:events+read:abcdefghijklmnopqrst:2027-12-31, sha256=" + b"a" * 64,),
        (ConfigError,),
    ),
    "private addresses": Reader(
        lambda data: parse_private_ips.__wrapped__(text_of(data)), (b"10.0.0.0/8, 10.0.0.1-10.0.0.9, fd00::/8",),
        (ConfigError,),
    ),
    "rules of redaction": Reader(
        lambda data: redaction_of.__wrapped__(text_of(data)), (b"$.a.b, $..password",), (ConfigError,)
    ),
    "trace contexts": Reader(
        lambda data: read_traceparent(text_of(data)), (b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",)
    ),
    "queries for jobs": Reader(job_query, (b"2026-11-27T10:00:00Z",), (InputError,)),
    "actions": Reader(read_actions, (in_json({"type": "FQDN", "value": "a.b", "verdict": "true positive"}),)),
    "Celery's messages": Reader(why_unreadable, (message(), headed(eta="2026-11-27T10:00:00"))),
    "messages that Celery keeps": Reader(why_no_entry, (b"[" + message() + b', "", "upkeep"]',)),
    "records": Reader(read_record, (b"1\nevents.create\nevents\ncli\n\ntitle\n" + zlib.compress(b"{}"),)),
    "arguments of a record": Reader(read_arguments, (in_json({"payload": PAYLOAD}),), (MalformedRecord, ConfigError)),
    "spool files": Reader(
        read_spooled, (encode(Job("events.create", {"payload": PAYLOAD}, producer="cli")),), (ValueError,)
    ),
    "LogRhythm's lists": Reader(
        read_list, (in_json({"guid": "g", "name": "n", "listType": "IP", "items": [ITEM] * 3}),), (Broken, ServiceAway)
    ),
    "LogRhythm's token": Reader(read_claims, (in_json({"uid": 1, "sub": "a", "exp": 1e9}),), (ConfigError,)),
    "ThreatQ's rows": Reader(read_rows, (in_json([ROW] * 2),), (ValueError,)),
    "ThreatQ's saved queries": Reader(
        lambda data: find_collection(Answering(data.decode("utf-8", "replace")), "A"),
        (in_json({"api_query": {"criteria": {}}}), in_json(json.dumps({"filters": {}}))),
        (ConfigError,),
    ),
}  # fmt: skip
