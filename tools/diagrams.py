"""The diagrams of the documentation, as Mermaid: `python -m tools.diagrams` writes them into the pages that show them.

GitHub and GitLab draw them in place; the site does so with tools/mermaid.py. The floors come from the tables that
tests/unit/test_imports.py holds the code against.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.test_imports import FLOORS

DOCS = Path(__file__).resolve().parents[1] / "docs"

#: Where a page shows a diagram.
PLACE = re.compile(r"<!-- diagram (?P<name>[a-z-]+) -->\n.*?<!-- end of diagram -->", re.DOTALL)

#: Our own parts, what is kept, and where something ends well or badly; readable on a light and on a dark ground.
COLOURS = """\
  classDef ours fill:#e3edff,stroke:#3f6fd1,color:#1c2333
  classDef kept fill:#fff1d6,stroke:#b8790a,color:#1c2333
  classDef good fill:#e2f5e8,stroke:#2b8a4b,color:#1c2333
  classDef bad fill:#fde5e4,stroke:#c0392b,color:#1c2333"""

DATA_FLOW = f"""\
flowchart LR
  scripts["Detections<br>scripts, cron"] --> builder["tq-conn-events-builder"]:::ours
  soar["NiFi, SOAR<br>HTTP"] --> shim["tq-http-shim<br>and the status page"]:::ours
  nifi["NiFi<br>Redis"] --> bridge["tq-redis-bridge"]:::ours
  analyst["Analyst<br>in LogRhythm"] --> stubs["Smart Response<br>tq-lookup, tq-add-ioc, …"]:::ours
  clock["Clock<br>beat, cron"] --> starter["tq-conn-logrhythm<br>list sync"]:::ours
  ledger[("Ledger in Redis<br>every job: state, result, history")]:::kept
  builder & shim & bridge & stubs & starter -- accept --> ledger
  builder & stubs -. "while Redis is away" .-> spool[("Spool on disk<br>sent later")]:::kept
  ledger -- wake-up --> wakeups[("Wake-ups in Redis<br>Celery's queues")]:::kept
  wakeups -- wakes --> events["Worker<br>events"]:::ours & enrichment["Worker<br>enrichment"]:::ours
  wakeups -- wakes --> sync["Worker<br>sync"]:::ours & upkeep["Worker<br>upkeep"]:::ours
  events & enrichment & sync -- "claim, settle" --> ledger
  upkeep -- "wakes what is due" --> wakeups
  events & enrichment & sync --> threatq["ThreatQ"]
  sync --> logrhythm["LogRhythm<br>lists"]
  operator["Operators<br>tqctl, status page, Flower, Prometheus"]:::ours -- "replay, approve, pause" --> ledger
{COLOURS}"""

JOB_LIFE = """\
stateDiagram-v2
  [*] --> accepted: a producer hands it over
  accepted --> running: claimed with a lease
  running --> done: settled
  running --> waiting: ThreatQ or LogRhythm away, or a setting wrong
  waiting --> accepted: due again, without a limit
  running --> dead: ThreatQ refuses this one, or three workers were lost
  running --> refused: who asked for an action must correct it
  dead --> accepted: replayed by an operator
  refused --> [*]: gone after a day
  done --> [*]: forgotten after keep_bodies_days but for a marker
  note right of running: if its lease runs out, another worker claims it"""

SYNC_RUN = f"""\
flowchart LR
  threatq["ThreatQ<br>data collection"] --> gather["gather<br>page by page"]:::ours
  logrhythm["LogRhythm<br>the list as it is"] --> scan["scan<br>in blocks"]:::ours
  gather -- wanted --> diff["diff<br>on disk"]:::ours
  scan -- there --> diff
  manifest[("Manifest in Redis<br>what is ours")]:::kept -- "only what we put there may go" --> diff
  diff -- plan --> guard["guard<br>of deletes"]:::ours
  guard -- "adds, few deletes" --> write["write to LogRhythm<br>1,000 entries a call"]:::ours
  guard -- "a mass delete" --> pending["pending<br>until approved"]:::kept
  guard -- "source in doubt" --> nothing["nothing deleted<br>and nothing to approve"]:::bad
  pending -. approve .-> write
  guard -.-> dry["--dry-run<br>shows the plan"]:::good
{COLOURS}"""


def floors() -> str:
    """Return the floors of imports, the highest first; each imports what lies below it."""
    numbered = [(number, rooms.split()) for number, rooms in enumerate(FLOORS, 1)]
    boxes = [f'  f{number}["{"<br>".join(_lines(rooms))}"]' for number, rooms in reversed(numbered)]
    ways = [f"  f{number} --> f{number - 1}" for number, _ in reversed(numbered[1:])]
    return "\n".join(["flowchart TB", *boxes, *ways])


def _lines(rooms: list[str]) -> list[str]:
    """Return the rooms of a floor, three a line."""
    return [" · ".join(rooms[start : start + 3]) for start in range(0, len(rooms), 3)]


DIAGRAMS = {"data-flow": DATA_FLOW, "job-life": JOB_LIFE, "sync-run": SYNC_RUN, "floors": floors()}


def main() -> None:
    """Write every diagram into the pages that show it."""
    for page in sorted(DOCS.rglob("*.md")):
        page.write_text(pasted(page.read_text()))


def pasted(page: str) -> str:
    """Return a page with each diagram that it shows as it is now; raises KeyError for one that is not there."""
    return PLACE.sub(_block, page)


def _block(found: re.Match[str]) -> str:
    return (
        f"<!-- diagram {found['name']} -->\n"
        f"```mermaid\n{DIAGRAMS[found['name']]}\n```\n"
        "<!-- end of diagram -->"
    )


if __name__ == "__main__":
    main()
