"""make demo: the guide's payload through the whole system and the event in ThreatQ, then a list sync and its lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sandbox.launch.places import UP
from sandbox.launch.system import COLLECTION, INDICATORS, Rehearsal, System, running_system
from workers.core.errors import TqError
from workers.threatq.client import rows
from workers.threatq.service import connect

#: The payload example of the Events Builder guide.
EXAMPLE = Path(__file__).with_name("payload-example.json")

#: What a detection inside the company looks like: a private address, and a segment that cannot be decoded.
ODD = {
    "event_type": "Sighting",
    "event_name": "Beacon from a workstation",
    "event_happened_at": "2021-10-05T21:03:00+02:00",
    "event_attributes": "Rule<|Beacon 5m~|no separator here",
    "uri_source": "IP Address:10.11.12.13",
    "uri_target": "hxxp://bad[.]example/gate.php, FQDN:bad[.]example",
}

out = Console(width=110, highlight=False)


def main() -> int:
    """Run the demo in a folder of its own and leave nothing behind."""
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="tq-demo-") as folder:
            out.print("[dim]Starting Redis, a simulated ThreatQ and LogRhythm, three workers and beat …[/]")
            with running_system(Path(folder), scheduled=False) as system:
                show(system, "The guide's payload", json.loads(EXAMPLE.read_text()))
                show(system, "An odd one: a private address, a defanged URL, a broken attribute", ODD)
                show_sync(system, out)
    except TqError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    out.print(f"\n[dim]Everything is stopped; {time.monotonic() - began:.0f} s. Next: {UP}[/]")
    return 0


def show(system: System, title: str, payload: Mapping[str, Any]) -> None:
    """Send one payload through the command line and show what ThreatQ holds afterwards."""
    out.rule(title)
    command = Path(sys.executable).with_name("tq-conn-events-builder")
    out.print(f"$ tq-conn-events-builder -c {system.config.name} -p - --wait 30 < payload.json", markup=False)
    sent = subprocess.run(
        [command, "-c", system.config, "-p", "-", "--wait", "30"],
        input=json.dumps(payload),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    out.print(sent.stdout.rstrip(), markup=False)
    made = re.search(r"done: event (\d+) ", sent.stdout)
    if sent.returncode or made is None:
        raise TqError(f"tq-conn-events-builder ended with code {sent.returncode} and no event")
    out.print(event_table(system, int(made[1])))


def event_table(system: System, event_id: int) -> Table:
    """Return what ThreatQ holds of an event as a table."""
    threatq = connect(system.settings)
    path = f"/api/events/{event_id}"
    (event,) = rows(threatq.caller.call("GET", path, params={"with": "attributes,sources,type"}))
    table = Table(show_header=False, title=f"Event {event_id} in ThreatQ", title_justify="left", width=108)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("title", event["title"])
    table.add_row("type", event["type"]["name"])
    table.add_row("happened at", f"{event['happened_at']} UTC")
    table.add_row("source", ", ".join(source["name"] for source in event["sources"]))
    for attribute in event["attributes"]:
        table.add_row("attribute", f"{attribute['name']} = {attribute['value']}")
    for collection, label in (("indicators", "indicator"), ("identity", "identity"), ("asset", "asset")):
        for row in rows(threatq.caller.call("GET", f"{path}/{collection}", params={"with": "type,status"})):
            table.add_row(label, _named(row))
    if description := event["description"]:
        table.add_row("description", f"{description[:160]} … ({len(description)} characters)")
    return table


def _named(row: Mapping[str, Any]) -> str:
    kind = (row.get("type") or {}).get("name")
    status = (row.get("status") or {}).get("name")
    value = row.get("value") or row.get("title") or row.get("name")
    return f"{kind} {value} ({status})" if kind else str(value)


def show_sync(system: System, out: Console) -> None:
    """Sync twice, the second time after some came and some went, and show the lists before and after."""
    out.rule("The list sync: a ThreatQ data collection becomes LogRhythm lists")
    rehearsal = Rehearsal(system.settings, system.ready_file)
    out.print(lists_table(rehearsal, "LogRhythm's lists before"))
    sync(system, out)
    rehearsal.expire(every=13)
    rehearsal.seed(120, start=INDICATORS)
    out.print(f"\nIn ThreatQ, each 13th indicator of {COLLECTION} expires and 120 are new:")
    sync(system, out)
    out.print(lists_table(rehearsal, "LogRhythm's lists after"))


def sync(system: System, out: Console) -> None:
    """Run the guide's command; its table goes to our own output."""
    out.print(f"$ tq-conn-logrhythm -c {system.config.name}", markup=False)
    command = Path(sys.executable).with_name("tq-conn-logrhythm")
    # Where the last call's folders are remembered: not in the home of the user who runs the demo.
    environ = {**os.environ, "XDG_CONFIG_HOME": str(system.config.parent), "COLUMNS": str(out.width)}
    done = subprocess.run(
        [command, "-c", system.config], env=environ, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise TqError(f"tq-conn-logrhythm ended with code {done.returncode}: {done.stderr.strip()}")


def lists_table(rehearsal: Rehearsal, title: str) -> Table:
    """Return LogRhythm's lists as a table."""
    table = Table(title=title, title_justify="left")
    for column in ("List", "Type", "Entries"):
        table.add_column(column, justify="right" if column == "Entries" else "left")
    for item in rehearsal.lists():
        table.add_row(item.name, item.list_type, str(item.entry_count))
    if not table.row_count:
        table.add_row("(none)", "", "")
    return table


if __name__ == "__main__":
    sys.exit(main())
