"""The OpenAPI document, made from the structs that go over the wire; `python -m producers.http.openapi` prints it."""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import msgspec
from msgspec import Struct

from producers.http import shapes
from producers.http.actions import ACTIONS, LONGEST_WAIT_S
from producers.http.problems import PROBLEM_JSON
from workers.action_arguments import SHAPES

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
    422: "Nothing of the body can be accepted; or its Idempotency-Key was used for something else.",
    431: "The headers are over the limit.",
    500: "A fault of ours.",
    503: "Not now: send the same again after Retry-After seconds.",
}

_PAYLOAD: dict[str, Any] = {
    "type": "object",
    "description": "An Events Builder payload, or a CloudEvent that holds one in `data`.",
    "properties": {
        "event_name": {"type": "string", "description": "Title of the event; required."},
        "event_type": {"type": "string", "description": "ThreatQ's name of the event type; required."},
        "event_happened_at": {"description": "ISO 8601, or seconds or milliseconds since 1970; absent: now."},
        "event_source": {"description": "Source of the event; absent: the connector's name."},
        "event_attributes": {"description": "`name<|value~|name<|value`, an object, or a list."},
        "uri_source": {"description": "Indicators as `Type:value`, several with `~|` between, or a list."},
        "uri_source_attributes": {"description": "Attributes of the indicators in uri_source."},
        "uri_target": {"description": "Like uri_source."},
        "uri_target_attributes": {"description": "Like uri_source_attributes."},
        "identity": {"description": "Identities, by name."},
        "malware": {"description": "Malware, by name."},
        "syslog_message": {"description": "The detection's own record; becomes the description."},
    },
}


def document() -> dict[str, Any]:
    """Return the document (OpenAPI 3.1)."""
    names = {name: struct for name, struct in vars(shapes).items() if _is_struct(struct)}
    actions = {SHAPES[kind].__name__: SHAPES[kind] for kind in ACTIONS.values()}
    structs = [*names.values(), *actions.values()]
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REF)
    for schema in schemas.values():
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
            "schemas": {**schemas, "Payload": _PAYLOAD},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "Any user; password: the token."},
            },
        },
        "security": [{"bearer": []}, {"basic": []}],
    }


def _is_struct(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Struct) and value.__module__ == shapes.__name__


def _paths() -> dict[str, Any]:
    return {
        "/v1/events": {
            "post": _operation(
                "sendEvents",
                "Accept payloads: one, an array, one a line, or several in a row.",
                {202: ["Queued", "BatchQueued"]},
                body=_events_body(),
                parameters=[
                    _query("atomic", {"type": "boolean"}, "All or nothing."),
                    _header("Idempotency-Key", "What the sender calls this request; `${uuid}` in NiFi."),
                ],
            ),
            "head": {
                "operationId": "probe",
                "summary": "Say that gzip is welcome.",
                "responses": {"200": {"description": "Yes."}, "503": {"description": "Not now."}},
                "security": [],
            },
        },
        "/v1/events:validate": {
            "post": _operation(
                "validateEvents",
                "Say what payloads would become; nothing is accepted.",
                {200: ["Validation"]},
                body=_events_body(),
            )
        },
        **{f"/v1/actions/{name}": {"post": _action(name, kind)} for name, kind in ACTIONS.items()},
        "/v1/jobs/{id}": {"get": _lookup("getJob", "Say what became of a job.", "JobStatus")},
        "/v1/batches/{id}": {"get": _lookup("getBatch", "Say what became of a batch.", "BatchStatus")},
        "/healthz": {"get": _open("health", "Say that the process lives.", "Health")},
        "/readyz": {"get": _open("ready", "Say whether payloads would be accepted now.", "Health")},
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Metrics in Prometheus' text format.",
                "responses": {
                    "200": {
                        "description": "Metrics.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    **_refusals(401, 403, 405, 431, 500, 503),
                },
            }
        },
        "/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document.",
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1.",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    },
                    **_refusals(405, 431, 500, 503),
                },
                "security": [],
            }
        },
    }


def _action(name: str, kind: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=SHAPES[kind].__name__)}
    return _operation(
        f"{name}Action",
        f"Accept a job {kind}; answer its outcome if it comes in time.",
        {200: ["Outcome"], 202: ["Outcome"]},
        body={"application/json": {"schema": schema}},
        parameters=[
            _query("wait", {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S}, "Seconds to wait."),
            _header("Idempotency-Key", "What the sender calls this request."),
        ],
    )


def _operation(
    name: str,
    summary: str,
    answers: dict[int, list[str]],
    *,
    body: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters or [],
        "requestBody": {"required": True, "content": body},
        "responses": {
            **{str(status): _answer(summary, names) for status, names in answers.items()},
            **_refusals(400, 401, 403, 405, 413, 415, 422, 431, 500, 503),
        },
    }


def _lookup(name: str, summary: str, shape: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": schema}],
        "responses": {"200": _answer(summary, [shape]), **_refusals(401, 403, 404, 405, 431, 500, 503)},
    }


def _open(name: str, summary: str, shape: str) -> dict[str, Any]:
    answers = {"200": _answer(summary, [shape]), **_refusals(405, 431, 500, 503)}
    return {"operationId": name, "summary": summary, "responses": answers, "security": []}


def _answer(description: str, names: list[str]) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(name=name)} for name in names]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusals(*statuses: int) -> dict[str, Any]:
    content = {PROBLEM_JSON: {"schema": {"$ref": _REF.format(name="ProblemDetails")}}}
    return {str(status): _refusal(status, content) for status in statuses}


def _refusal(status: int, content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _REFUSALS[status], "content": content}
    if status == 503:
        found["headers"] = {
            "Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"}}
        }
    return found


def _events_body() -> dict[str, Any]:
    payload = {"$ref": _REF.format(name="Payload")}
    return {
        "application/json": {
            "schema": {"anyOf": [payload, {"type": "array", "items": payload, "minItems": 1}]}
        },
        "application/x-ndjson": {"schema": {"type": "string"}},
    }


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def _header(name: str, text: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": 255}
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": text}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")
