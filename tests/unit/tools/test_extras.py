"""The table of what each machine installs."""

from __future__ import annotations

import tomllib

from tools.extras import PAGE, PARTS, PLACE, ROOT


def test_every_extra_is_in_the_table_with_its_size() -> None:
    # Given the extras, and the table on the page
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (table,) = PLACE.findall(PAGE.read_text())
    # Then each of them is measured, and the page shows what is measured
    assert {f"tq-workers[{extra}]" for extra in extras} <= {part.words for part in PARTS}
    assert [part.machine for part in PARTS if f"| {part.machine} | " not in table] == []
