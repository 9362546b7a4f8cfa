"""`tqctl explain`: in which collection a value is, in which list it is or should be, and why it is not there."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from msgspec import to_builtins

from tqctl.output import moment
from tqctl.shell import Shell, sync_settings
from workers.listsync.plan.settings import collections_of
from workers.listsync.run.explain import Explainer, Explanation, Place
from workers.listsync.run.run import Options, Tools
from workers.runtime import Runtime


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run)
    parser.add_argument("value", help="an indicator, defanged or not")
    parser.add_argument("--quick", action="store_true", help="do not read the lists, ask our own notes alone")


def run(shell: Shell, options: Namespace) -> int:
    """Explain; 0 if the value is in a list that it belongs into, else 1."""
    here = Runtime(shell.settings)
    settings = sync_settings(here)
    explainer = Explainer(here.redis, Options.of(settings), Tools.of(here, settings), reads=not options.quick)
    found = list(explainer.explain(options.value, collections_of(settings)))
    shell.show([to_builtins(one) for one in found], lambda _: _words(options.value, found))
    return (
        0 if any(place.wanted and place.in_list is not False for one in found for place in one.places) else 1
    )


def _words(value: str, found: list[Explanation]) -> Iterator[str]:
    for one in found:
        known = (
            f" as {one.type}" + (f", score {one.score}" if one.score is not None else "") if one.type else ""
        )
        yield f"{one.collection}: {value} is {'in' if one.in_collection else 'not in'} the collection{known}"
        if one.why:
            yield f"  {one.why}"
        for place in one.places:
            yield f"  {place.list}: {_place(place)}"
        if one.last_run_ms:
            yield f"  last run {moment(one.last_run_ms)}Z, {one.last_run_status}"


def _place(place: Place) -> str:
    is_in = {True: "it is in the list", False: "it is not in the list", None: "not read"}[place.in_list]
    put = ", put there by us" if place.ours else ""
    return f"{is_in}{put}" + (f"; {place.why}" if place.why else "")
