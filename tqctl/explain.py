"""`tqctl explain`: in which collection a value is, in which list it is or should be, and why it is not there."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from msgspec import to_builtins

from tqctl.lists import sync_settings
from tqctl.shell import Shell
from workers.core.text import moment
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
    runtime = Runtime(shell.settings, shell.admin.redis)
    settings = sync_settings(runtime)
    tools = Tools.of(runtime, settings)
    explainer = Explainer(
        runtime.redis, Options.of(settings, runtime.collected_assets()), tools, reads=not options.quick
    )
    explanations = list(explainer.explain(options.value, collections_of(settings)))
    shell.show([to_builtins(item) for item in explanations], lambda _: _words(options.value, explanations))
    places = [place for item in explanations for place in item.places]
    return 0 if any(place.wanted and place.in_list is not False for place in places) else 1


def _words(value: str, explanations: list[Explanation]) -> Iterator[str]:
    for item in explanations:
        score = "" if item.score is None else f", score {item.score}"
        known = f" as {item.type}{score}" if item.type else ""
        yield f"{item.collection}: {value} is {_where(item)}{known}"
        if item.why:
            yield f"  {item.why}"
        for place in item.places:
            yield f"  {place.list}: {_place(place)}"
        if item.last_run_ms:
            yield f"  last run {moment(item.last_run_ms)}Z, {item.last_run_status}"


def _where(item: Explanation) -> str:
    if not item.in_collection:
        return "not in the collection"
    return (
        "in the collection"
        if item.in_collections == (item.collection,)
        else f"in {' and '.join(item.in_collections)}"
    )


def _place(place: Place) -> str:
    is_in = {True: "it is in the list", False: "it is not in the list", None: "not read"}[place.in_list]
    put = ", put there by us" if place.ours else ""
    return f"{is_in}{put}" + (f"; {place.why}" if place.why else "")
