"""The JSON Schema of payloads, made from the code: `python -m tools.schemas` writes docs/schema/."""

from __future__ import annotations

import json
from pathlib import Path

from workers.payload.schema import payload_schema

FILE = Path(__file__).resolve().parents[1] / "docs" / "schema" / "payload.schema.json"


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text())


def text() -> str:
    """Return what is in the file."""
    return json.dumps(payload_schema(), indent=2) + "\n"


if __name__ == "__main__":
    main()
