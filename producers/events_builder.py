"""`tq-conn-events-builder`: a detection payload becomes a job, and the job an event in ThreatQ."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Sequence
from functools import partial

import structlog
from msgspec import structs, to_builtins

from producers.console import AWAY, DONE, FAILED, WRONG_INPUT, guarded, note
from producers.events_builder_options import parse
from producers.explain import explain, explain_calls
from producers.first_run import CONFIGURED, FirstRun, is_configured
from producers.hand_over import hand_over, ledger_of, spool_of
from producers.payload_input import Planned, Refused, plan_all, read_argument
from producers.printable import printable
from producers.recorder import calls
from producers.report import Wait, report_spool, words
from producers.threatq_setup import check, register
from workers import logs
from workers.config import Loaded, Settings, load
from workers.errors import InputError
from workers.ledger.desk import Desk
from workers.pages import EVENTS_BUILDER
from workers.payload.options import from_settings
from workers.traceparent import trace_of

log = structlog.get_logger("tq.events_builder")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return guarded(partial(_run, parse(arguments)))


def _run(options: Namespace) -> int:
    logs.set_up(logs.LEVELS[options.verbosity], location=options.loglocation, name="tq-conn-events-builder")
    _say_what_has_no_effect(options)
    loaded = _load(options)
    # An empty TQ_PAYLOAD counts as not set, but an empty -p is a payload that somebody lost.
    argument = os.environ.get("TQ_PAYLOAD") or None if options.payload is None else options.payload
    if options.explain:
        return _explain(_plan(argument, loaded, options), loaded.settings, as_json=options.json)
    if argument is None or not loaded.origins:
        loaded = set_up(loaded)
    if argument is None:
        return DONE
    return _send(_plan(argument, loaded, options), loaded, options)


def _say_what_has_no_effect(options: Namespace) -> None:
    if options.no_differential:
        note("note: -d concerns exports, which this connector does not use; it changes nothing")
    if options.external_proxy:
        note(
            "note: -ep is a proxy towards the internet, which this connector does not need; "
            "for a proxy towards ThreatQ set TQ_THREATQ_PROXY"
        )


def _load(options: Namespace) -> Loaded:
    loaded = load(options.config)
    for warning in loaded.warnings:
        log.warning(warning)
    if not options.name:
        return loaded
    return structs.replace(loaded, settings=structs.replace(loaded.settings, connector_name=options.name))


def set_up(loaded: Loaded) -> Loaded:
    """Make the connector known to ThreatQ, after asking for what is not configured yet."""
    if not is_configured(loaded):
        return FirstRun(check=check, register=_register).run(loaded)
    check(loaded.settings)
    if loaded.settings.settings_from == "threatq":
        _register(loaded.settings)
    note("there is a configuration already, and ThreatQ accepts it; send a payload with -p")
    print(CONFIGURED)
    return loaded


def _register(settings: Settings) -> None:
    register(settings, settings.connector_name, EVENTS_BUILDER)


def _plan(argument: str | None, loaded: Loaded, options: Namespace) -> list[Planned | Refused]:
    if argument is None:
        raise InputError("nothing to explain; give JSON, @FILE or - with -p", field="payload")
    settings = loaded.settings
    dialect = from_settings(settings)
    data = read_argument(argument)
    trace = trace_of(os.environ)
    found = plan_all(data, dialect, max_bytes=settings.max_payload_bytes, source=options.name, trace=trace)
    for one in found:
        if isinstance(one, Refused):
            note(f"error: payload {one.position}: {printable(one.reason)}")
    return found


def _explain(found: list[Planned | Refused], settings: Settings, *, as_json: bool) -> int:
    show = _explain_as_json if as_json else _explain_in_words
    for one in found:
        if isinstance(one, Planned):
            show(one, settings)
    return _code(found)


def _explain_in_words(one: Planned, settings: Settings) -> None:
    print(f"Payload      {one.position}, job {one.job.id}")
    print("\n".join(explain(one.plan, unknown_types=settings.unknown_event_type)))
    print("\n".join(explain_calls(calls(one.plan, settings, one.job.id))))


def _explain_as_json(one: Planned, settings: Settings) -> None:
    made = [
        {"method": method, "path": path, "body": body}
        for method, path, body in calls(one.plan, settings, one.job.id)
    ]
    plan = to_builtins(one.plan)
    print(json.dumps({"position": one.position, "job": one.job.id, "plan": plan, "calls": made}))


def _send(found: list[Planned | Refused], loaded: Loaded, options: Namespace) -> int:
    planned = [one for one in found if isinstance(one, Planned)]
    if not planned:
        return _code(found)
    ledger, spool = ledger_of(loaded), spool_of(loaded)
    result = hand_over([one.job for one in planned], ledger, spool)
    report_spool(result, spool.folder)
    wait = None if options.wait is None else Wait(Desk(ledger.redis), options.wait)
    codes = [_code(found), AWAY if result.away else DONE]
    for one, handed in zip(planned, result.handed, strict=True):
        log.info("handed over", job=handed.id, status=handed.status, title=one.plan.title)
        line = {
            "position": one.position,
            "job": handed.id,
            "status": handed.status,
            "title": one.plan.title,
            "warnings": list(one.plan.warnings),
        }
        if wait and handed.status in ("accepted", "known"):
            code, outcome = wait.outcome(handed.id)
            line, codes = line | outcome, [*codes, code]
        codes.append(FAILED if handed.status == "conflict" else DONE)
        print(json.dumps(line) if options.json else words(line), flush=True)
    return max(codes)


def _code(found: Sequence[Planned | Refused]) -> int:
    return WRONG_INPUT if any(isinstance(one, Refused) for one in found) else DONE
