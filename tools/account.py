"""The account of a whole `make chaos` in docs/explanation/chaos.md, made from the run that is kept beside it.

`python -m tools.account chaos/results/last.json` takes over another run first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chaos.account import Account
from chaos.run import SCENARIOS, ChaosRun

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "chaos.md"
KEPT = ROOT / "docs" / "explanation" / "chaos.json"

#: Where the table stands in the page.
PLACE = re.compile(r"(?<=<!-- account -->\n).*?(?=<!-- end of account -->)", re.DOTALL)

#: Notes of an account that its figures or the page itself tell.
TOLD = re.compile(r"\d+ dead: ")


def main(argv: Sequence[str]) -> None:
    """Take over the run that is named, if one is, and make the table."""
    for path in argv:
        KEPT.write_bytes(Path(path).read_bytes())
    PAGE.write_text(replaced(PAGE.read_text()))


def replaced(page: str) -> str:
    """Return `page` with the account that is kept."""
    run = msgspec.json.decode(KEPT.read_bytes(), type=ChaosRun)
    return PLACE.sub(lambda _: shown(run), page)


def shown(run: ChaosRun) -> str:
    """Return what was played, and a table with a row for each fault."""
    where = f"{run.machine['cores']} cores, Python {run.machine['python']}, {run.machine['system']}"
    head = "| fault | accepted | done | dead | lost | doubled | incomplete | calls | seconds | noted |"
    lines = [f"`{run.command}`, {run.at} UTC, {where}.{run.remark}", "", head, "|---|" + "---:|" * 8 + "---|"]
    return "\n".join([*lines, *map(row, run.accounts), total(run.accounts), ""])


def row(account: Account) -> str:
    """Return the row of one fault."""
    notes = [*(f"BROKEN: {problem}" for problem in account.problems), *account.notes]
    noted = "; ".join(note for note in notes if not TOLD.match(note)).replace("|", "/")
    cells = (*figures(account), account.calls, f"{account.seconds:.0f}", noted)
    return f"| {account.fault}: {SCENARIOS[account.fault].what} | " + " | ".join(map(str, cells)) + " |"


def total(accounts: Sequence[Account]) -> str:
    """Return the sums below the table."""
    sums = [sum(column) for column in zip(*map(figures, accounts), strict=True)]
    return f"| {len(accounts)} faults | " + " | ".join(map(str, sums)) + " | | | |"


def figures(account: Account) -> tuple[int, ...]:
    """Return what is counted for each fault."""
    return account.accepted, account.done, account.dead, account.lost, account.doubled, account.incomplete


if __name__ == "__main__":
    main(sys.argv[1:])
