"""`tqctl mapping`: list, try, explain and draft the mappings by which documents become events."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from producers.cli.console import note
from producers.cli.payload_argument import read_argument
from producers.cli.tables import Grid, Shown
from tqctl.mapping_replay import diff_arguments, mappings_of, named_mapping, replay_arguments
from tqctl.shell import Shell, options_of_all
from workers.core.errors import InputError
from workers.mappings.apply import apply_mapping, elements
from workers.mappings.envelopes import opened
from workers.mappings.explaining import RuleValue, explain_document
from workers.mappings.folder import SUFFIX, mapping_folder
from workers.mappings.learning import draft
from workers.mappings.model import Mapping
from workers.mappings.reading import NAME
from workers.mappings.schema import mapping_schema
from workers.payload.intake import PayloadItem, from_settings
from workers.payload.mapped import is_dialect, is_foreign
from workers.payload.options import from_settings as dialect_from
from workers.payload.planning import plan_mapped

#: Characters of a value that a table shows.
_SHOWN = 80


class Tried(Struct, frozen=True, omit_defaults=True):
    """A document, or one of its events: its place, its mapping, the plan of its event, or why there is none."""

    position: int
    mapping: str = ""
    plan: Any = None
    fault: str = ""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what is shipped, and your own", parents=[options_of_all()])
    listing.set_defaults(run=list_mappings)
    schema = actions.add_parser(
        "schema", help="the JSON Schema of a mapping file, for editors", parents=[options_of_all()]
    )
    schema.set_defaults(run=print_schema)
    for name, declare, text in (
        ("diff", diff_arguments, "what would be other in the events of the last jobs"),
        ("replay", replay_arguments, "do the jobs again that a corrected mapping touched; no event twice"),
    ):
        declare(actions.add_parser(name, help=text, parents=[options_of_all()]))
    for name, run, text in (
        ("test", test, "what documents become, or why they become nothing; 1 if one does not"),
        ("explain", explain, "which rule gave which value of a document, and what was left out"),
        (
            "coverage",
            coverage,
            "how many documents each mapping is for, and which none is for; 1 if there are such",
        ),
        ("learn", learn, "a draft of a mapping from samples, for a person to finish"),
    ):
        action = actions.add_parser(name, help=text, parents=[options_of_all()])
        action.add_argument(
            "documents", metavar="FILE", help="documents: JSON, an array, one a line; - for standard input"
        )
        action.set_defaults(run=run)
        if name == "learn":
            action.add_argument("--name", default="draft", help="what the mapping is called (default: draft)")
        else:
            action.add_argument(
                "--mapping",
                default="",
                metavar="NAME",
                help=f"a mapping by name, or a file {SUFFIX} (default: by each document)",
            )


def list_mappings(shell: Shell, _options: Namespace) -> int:
    """List the mappings, those that cannot be used too; 1 where there is such a one."""
    mappings = mapping_folder(shell.settings.mappings_dir).current()
    own = shell.settings.mappings_dir
    rows = [
        {
            "name": mapping.name,
            "version": mapping.version,
            "title": mapping.title,
            "from": "own" if own and Path(mapping.file).parent == Path(own) else "shipped",
            "fault": "",
        }
        for mapping in sorted(mappings, key=lambda mapping: mapping.name)
    ]
    rows += [
        {"name": name, "version": "", "title": "", "from": "own", "fault": str(fault)}
        for name, fault in mappings.faults.items()
    ]
    shell.show(rows, _list_words)
    return 1 if mappings.faults else 0


def _list_words(rows: list[dict[str, Any]]) -> Iterator[Shown]:
    columns = ("mapping", "version", "for", "from")
    yield Grid(
        "",
        columns,
        [[str(row[name]) for name in ("name", "version", "title", "from")] for row in rows],
        "none",
    )
    yield from (f"{row['name']} cannot be used: {row['fault']}" for row in rows if row["fault"])


def print_schema(shell: Shell, _options: Namespace) -> int:
    """Print the schema of mapping files."""
    shell.show(mapping_schema(), lambda schema: json.dumps(schema, indent=2).splitlines())
    return 0


def test(shell: Shell, options: Namespace) -> int:
    """Show what documents become."""
    _named(shell, options)
    results = [
        tried
        for position, document in _documents(shell, options)
        for tried in _tried(shell, options, position, document)
    ]
    shell.show([to_builtins(tried) for tried in results], lambda _: _tried_words(results))
    return 1 if any(tried.fault for tried in results) else 0


def _tried(
    shell: Shell, options: Namespace, position: int, document: dict[str, Any] | str
) -> Iterator[Tried]:
    if isinstance(document, str):
        yield Tried(position, fault=document)
        return
    try:
        mapping = _mapping_of(shell, options, document)
        parts = elements(mapping, document)
    except InputError as error:
        yield Tried(position, fault=str(error))
        return
    for part in parts:
        try:
            plan = plan_mapped(
                apply_mapping(mapping, part),
                received_at=datetime.now(UTC),
                options=dialect_from(shell.settings),
            )
            yield Tried(position, _called(mapping), to_builtins(plan))
        except InputError as error:
            yield Tried(position, _called(mapping), fault=str(error))


def _tried_words(results: list[Tried]) -> Iterator[Shown]:
    for tried in results:
        if tried.fault:
            yield f"{tried.position}  refused: {tried.fault}"
            continue
        plan = tried.plan
        yield f"{tried.position}  {tried.mapping}"
        yield f"   {plan['title']} ({plan['type']}, {plan['happened_at']} UTC, from {plan['source']})"
        yield from (
            f"   indicator  {indicator['type']}: {indicator['value']}" for indicator in plan["indicators"]
        )
        yield from (
            f"   {name:10} {value}"
            for name in ("identities", "assets", "malware", "warnings")
            for value in plan[name]
        )


def explain(shell: Shell, options: Namespace) -> int:
    """Show rule by rule what became of the first document."""
    _named(shell, options)
    position, document = next(iter(_documents(shell, options)))
    if isinstance(document, str):
        raise InputError(document, field=f"document {position}")
    mapping = _mapping_of(shell, options, document)
    part = elements(mapping, document)[0]
    explanation = explain_document(mapping, part)
    value = {"mapping": _called(mapping), "file": mapping.file, **to_builtins(explanation)}
    shell.show(value, lambda _: _explained(mapping, explanation.rules, explanation.left_out))
    return 0


def _explained(mapping: Mapping, rules: list[RuleValue], left_out: dict[str, Any]) -> Iterator[Shown]:
    yield f"{_called(mapping)}, {mapping.file}; match: {mapping.match.text}"
    rows = [
        [rule.field, _line(rule.place), _short(rule.expression), rule.fault or _short(rule.value)]
        for rule in rules
    ]
    yield Grid("", ("field", "line", "expression", "gives"), rows, "")
    yield Grid(
        "left out",
        ("path", "value"),
        [[path, _short(value)] for path, value in left_out.items()],
        "nothing was left out",
    )


def _line(place: str) -> str:
    return place.rsplit(": ", 1)[0].rpartition(":")[2]


def coverage(shell: Shell, options: Namespace) -> int:
    """Count which mapping is for how many documents, and name those that have none."""
    _named(shell, options)
    counts: Counter[str] = Counter()
    unmatched: list[dict[str, Any]] = []
    for position, document in _documents(shell, options):
        try:
            if isinstance(document, str):
                raise InputError(document)
            in_dialect = not options.mapping and is_dialect(document) and not _is_foreign(shell, document)
            counts["the guide's dialect" if in_dialect else _mapping_of(shell, options, document).name] += 1
        except InputError as error:
            unmatched.append({"position": position, "reason": str(error)})
    value = {
        "total": sum(counts.values()) + len(unmatched),
        "mappings": dict(counts.most_common()),
        "unmatched": unmatched,
    }
    shell.show(value, _coverage_words)
    return 1 if unmatched else 0


def _is_foreign(shell: Shell, document: dict[str, Any]) -> bool:
    generic = shell.settings.unmatched_documents == "event"
    return is_foreign(document, mappings_of(shell).choose, generic=generic)


def _coverage_words(value: dict[str, Any]) -> Iterator[Shown]:
    yield Grid(
        "",
        ("mapping", "documents"),
        [[name, str(count)] for name, count in value["mappings"].items()],
        "none matches",
    )
    yield f"{len(value['unmatched'])} of {value['total']} documents have no mapping"
    yield from (f"  {item['position']}: {item['reason']}" for item in value["unmatched"][:20])


def learn(shell: Shell, options: Namespace) -> int:
    """Print a draft."""
    if not NAME.fullmatch(options.name):
        raise InputError(f"{options.name!r} is no name; small letters, digits and dashes", field="--name")
    sent = list(_sent(shell, options))
    samples = [document for _, document in sent if isinstance(document, dict)]
    faults = [f"document {position}: {fault}" for position, fault in sent if isinstance(fault, str)]
    if not samples:
        raise InputError("; ".join(["holds no JSON object", *faults[:1]]), field=options.documents)
    if faults:
        note(f"warning: {len(faults)} of {len(sent)} documents were left out; {faults[0]}")
    text = draft(samples, options.name)
    shell.show({"name": options.name, "mapping": text}, lambda value: value["mapping"].splitlines())
    return 0


def _documents(shell: Shell, options: Namespace) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each document and its place, those in an envelope one by one, or why it cannot be read."""
    for position, document in _sent(shell, options):
        choose = mappings_of(shell).choose
        if isinstance(document, str) or options.mapping or choose(document):
            yield position, document
        else:
            yield from ((position, each) for each in opened(document, choose) or [document])


def _sent(shell: Shell, options: Namespace) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each document as it stands in the file, and its place, or why it cannot be read."""
    argument = options.documents
    is_marked = argument == "-" or argument.startswith("@")
    data = read_argument(argument if is_marked else f"@{argument}", field="documents")
    for item in from_settings(shell.settings, "tqctl").items(data):
        yield item.position, item.body if isinstance(item, PayloadItem) else item.detail


def _named(shell: Shell, options: Namespace) -> Mapping | None:
    """Return the mapping that is named, or in the file that is; None where none is.

    Raises InputError or ConfigError for one that cannot be used: a fault of the command, and of no document.
    """
    return named_mapping(shell, options.mapping) if options.mapping else None


def _mapping_of(shell: Shell, options: Namespace, document: dict[str, Any]) -> Mapping:
    """Return the mapping that is named, or the one that is for a document; raises InputError."""
    if named := _named(shell, options):
        return named
    mappings = mappings_of(shell)
    if mapping := mappings.choose(document):
        return mapping
    if is_dialect(document):
        raise InputError(
            "is in the guide's dialect, which needs no mapping; try it with tq-add-event --dry-run"
        )
    raise InputError(
        f"no mapping is for it; the nearest are {', '.join(map(str, mappings.nearest(document)))}. Name one "
        "(--mapping), or have one drafted (tqctl mapping learn)"
    )


def _called(mapping: Mapping) -> str:
    return f"{mapping.name}, version {mapping.version}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
