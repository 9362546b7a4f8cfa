"""The JSON Schemas of payloads and of mappings, made from the code: `python -m tools.schemas` writes docs/schema/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workers.mappings.schema import mapping_schema
from workers.payload.schema import payload_schema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schema"

#: What makes each file.
SCHEMAS = {"payload.schema.json": payload_schema, "mapping.schema.json": mapping_schema}


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in SCHEMAS.items():
        (FOLDER / name).write_text(text(make()))


def text(schema: dict[str, Any]) -> str:
    """Return what is in a file."""
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    main()
