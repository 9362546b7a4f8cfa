"""The OpenAPI document, made from the structs that go over the wire; `python -m producers.http.openapi` prints it."""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import msgspec
from msgspec import Struct

from producers.http import schemas
from producers.http.actions import ACTIONS
from producers.http.job_list import MOST_LISTED, MOST_TEXT
from producers.http.problems import PROBLEM_JSON
from producers.http.waiting import LONGEST_WAIT_S
from workers.core.jobs import KINDS, QUEUES
from workers.ledger.job_list import WANTED
from workers.payload.actions import SHAPES
from workers.payload.schema import MEANINGS

#: Version of the API; paths begin with it.
VERSION = "1"

_REF = "#/components/schemas/{name}"

#: What each refusal means to a sender; NiFi sends again after 503 alone.
_REFUSALS = {
    400: "The body is no JSON, no gzip, or empty; or a parameter cannot be read.",
    401: "The token is missing or unknown.",
    403: "The token lacks the scope.",
    404: "There is no such thing.",
    405: "The path knows other methods.",
    413: "The body, a payload or their number is over a limit, which is named.",
    415: "The content coding or the form of the body is not understood.",
    422: "Nothing of the body can be accepted; or its Idempotency-Key was used for something else; or a worker refused "
    "it within the time asked for.",
    424: "Accepted, and dead within the time asked for: an operator looks after the dead letter. Do not send it again.",
    429: "Too much at once: what TQ_HTTP_BUSY_STATUS may have stand for 503 there. To an action: what this token sends "
    "keeps being refused (slowed_down).",
    431: "The headers are over the limit.",
    500: "A fault of ours.",
    503: "Not now: send the same again after Retry-After seconds.",
}

_EVERYWHERE = (405, 429, 431, 500, 503)

_PAYLOAD: dict[str, Any] = {
    "type": "object",
    "description": "An Events Builder payload, a document that a mapping is for, or a CloudEvent with one in `data`.",
    "properties": {
        name: {**({"type": "string"} if name in ("event_name", "event_type") else {}), "description": text}
        for name, text in MEANINGS.items()
    },
}


def document() -> dict[str, Any]:
    """Return the document (OpenAPI 3.1)."""
    names = {name: struct for name, struct in vars(schemas).items() if _is_struct(struct)}
    actions = {SHAPES[kind].__name__: SHAPES[kind] for kind in ACTIONS.values()}
    structs = [*names.values(), *actions.values()]
    _, components = msgspec.json.schema_components(structs, ref_template=_REF)
    for schema in components.values():
        # Python 3.13 takes the indentation out of docstrings itself, earlier ones do not.
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tq-http-shim",
            "version": VERSION,
            "description": "Detections and analysts' actions become jobs.",
        },
        "paths": _paths(),
        "components": {
            "schemas": {**components, "Payload": _PAYLOAD},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "Any user; password: the token."},
            },
        },
        "security": [{"bearer": []}, {"basic": []}],
    }


def _is_struct(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Struct) and value.__module__ == schemas.__name__


def _paths() -> dict[str, Any]:
    json_lines = {"application/x-ndjson": {"schema": {"type": "string"}}}
    payloads = {"anyOf": [_ref("Payload"), {"type": "array", "items": _ref("Payload"), "minItems": 1}]}
    events = {**_json(payloads), **json_lines}
    return {
        "/v1/events": {
            "post": _post("sendEvents", _SEND, events, _SENT, _ATOMIC, _MAPPING, _WAIT, _KEY),
            "head": _PROBE,
        },
        "/v1/events:validate": {
            "post": _post("validateEvents", _VALIDATE, events, {200: ["Validation"]}, _MAPPING)
        },
        **{f"/v1/actions/{name}": {"post": _action(name, kind)} for name, kind in ACTIONS.items()},
        "/v1/jobs": {"get": _get("listJobs", "List jobs.", "JobList", *_FILTERS, refused=400)},
        "/v1/jobs/{id}": {"get": _get("getJob", "Say what became of a job.", "JobStatus", _ID)},
        "/v1/batches/{id}": {"get": _get("getBatch", "Say what became of a batch.", "BatchStatus", _ID)},
        "/metrics": {"get": _get("metrics", "Metrics in Prometheus' text format.", None)},
        "/healthz": {"get": _open("health", "Say that the process lives.", _ref("Health"))},
        "/readyz": {"get": _open("ready", "Say whether payloads would be accepted now.", _ref("Health"))},
        "/openapi.json": {"get": _open("openapi", "This document.", {"type": "object"})},
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REF.format(name=name)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _parameter(place: str, name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": text}


_SENT = {200: ["Queued", "BatchQueued"], 202: ["Queued", "BatchQueued"]}
_SEND = "Accept payloads: one, an array, one a line, or several in a row."
_VALIDATE = "Say what payloads would become; nothing is accepted."

_ATOMIC = _parameter("query", "atomic", {"type": "boolean"}, "All or nothing.")
_MAPPING = _parameter(
    "query", "mapping", {"type": "string"}, "Name of the mapping of every payload; absent: each by its form."
)
_WAIT = _parameter(
    "query", "wait", {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S}, "Seconds to wait."
)
_KEY = _parameter(
    "header",
    "Idempotency-Key",
    {"type": "string", "maxLength": 255},
    "What the sender calls this request; `${uuid}` in NiFi.",
)
_ID = _parameter(
    "path", "id", {"type": "string", "pattern": "^[0-9a-f]{24}$"}, "As the answer to a POST gave it."
)

_FILTERS = [
    _parameter(
        "query",
        "state",
        {"type": "string", "enum": list(WANTED[1:])},
        "`open`: accepted, running or waiting.",
    ),
    _parameter("query", "kind", {"type": "string", "enum": list(KINDS)}, "Kind of job."),
    _parameter("query", "queue", {"type": "string", "enum": list(QUEUES)}, "Queue."),
    _parameter("query", "entry", {"type": "string"}, "Producer: http, cli, stub, bridge, celery, beat."),
    _parameter("query", "sender", {"type": "string"}, "Name of the token, or what else tells senders apart."),
    _parameter(
        "query", "since", {"type": "string"}, "ISO 8601: ended then or later; of an open job, accepted."
    ),
    _parameter("query", "until", {"type": "string"}, "ISO 8601: ended before; of an open job, accepted."),
    _parameter(
        "query", "text", {"type": "string", "maxLength": MOST_TEXT}, "In the id, the title or the arguments."
    ),
    _parameter(
        "query", "limit", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}, "Jobs; 50 by default."
    ),
    _parameter("query", "cursor", {"type": "string"}, "From the last answer: where to go on."),
]

_PROBE = {
    "operationId": "probe",
    "summary": "Say that gzip is welcome.",
    "responses": {"200": {"description": "Yes."}, "503": {"description": "Not now."}},
    "security": [],
}


def _action(name: str, kind: str) -> dict[str, Any]:
    summary = f"Accept a job {kind}; answer its outcome if it comes in time."
    body = _json(_ref(SHAPES[kind].__name__))
    return _post(f"{name}Action", summary, body, {200: ["Outcome"], 202: ["Outcome"]}, _WAIT, _KEY)


def _post(
    name: str, summary: str, body: dict[str, Any], answers: dict[int, list[str]], *parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return an operation that takes `body`, and answers one of the shapes of a status."""
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "requestBody": {"required": True, "content": body},
        "responses": {
            **{str(status): _answer(summary, names) for status, names in answers.items()},
            **_refusals(400, 401, 403, 413, 415, 422, *([424] if _WAIT in parameters else [])),
        },
    }


def _get(
    name: str, summary: str, shape: str | None, *parameters: dict[str, Any], refused: int = 404
) -> dict[str, Any]:
    """Return an operation that answers one shape, plain text where that is None.

    Where it takes parameters, `refused` is the answer to wrong ones.
    """
    text = {"description": summary, "content": {"text/plain": {"schema": {"type": "string"}}}}
    answer = _answer(summary, [shape]) if shape else text
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": answer, **_refusals(401, 403, *([refused] if parameters else []))},
    }


def _open(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return an operation that asks for no token."""
    answers = {"200": {"description": summary, "content": _json(schema)}, **_refusals()}
    return {"operationId": name, "summary": summary, "responses": answers, "security": []}


def _answer(description: str, names: list[str]) -> dict[str, Any]:
    refs = [_ref(name) for name in names]
    return {"description": description, "content": _json(refs[0] if len(refs) == 1 else {"anyOf": refs})}


def _refusals(*statuses: int) -> dict[str, Any]:
    """Return the refusals with these statuses and with those that every operation may answer."""
    return {str(status): _refusal(status) for status in sorted({*statuses, *_EVERYWHERE})}


def _refusal(status: int) -> dict[str, Any]:
    content = {PROBLEM_JSON: {"schema": _ref("ProblemDetails")}}
    response: dict[str, Any] = {"description": _REFUSALS[status], "content": content}
    if status in (429, 503):
        schema = {"type": "string", "pattern": "^[1-9][0-9]*$"}
        response["headers"] = {"Retry-After": {"required": True, "schema": schema}}
    return response


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")
