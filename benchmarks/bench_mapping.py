"""Documents a second that one process takes through a mapping, from bytes on, the choice of the mapping included."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import yaml

from workers.core.errors import InputError
from workers.mappings.apply import apply_mapping, elements
from workers.mappings.folder import shipped
from workers.mappings.matching import GENERIC, Mappings

SAMPLES = Path(__file__).parents[1] / "tests" / "fixtures" / "mappings"

#: How often all samples are taken; the fastest round counts, in processor time.
ROUNDS = 20


def run() -> dict[str, Any]:
    """Return documents a second of processor time, of all formats and of the slowest ones, and what loading takes."""
    began = time.process_time()
    mappings = shipped()
    loaded_ms = (time.process_time() - began) * 1000
    texts = {path.stem: _documents(path) for path in sorted(SAMPLES.glob("*.yaml"))}
    rates = {name: _per_s(mappings, documents) for name, documents in texts.items()}
    every = [document for documents in texts.values() for document in documents]
    return {
        "mappings": len(list(mappings)),
        "documents": len(every),
        "documents_per_s": _per_s(mappings, every),
        "slowest": dict(sorted(rates.items(), key=lambda pair: pair[1])[:5]),
        "loaded_once_ms": round(loaded_ms, 1),
    }


def _documents(path: Path) -> list[bytes]:
    samples = yaml.safe_load(path.read_text())
    return [json.dumps(sample["document"], default=str).encode() for sample in samples]


def _per_s(mappings: Mappings, documents: list[bytes]) -> int:
    best = min(_round(mappings, documents) for _ in range(ROUNDS))
    return round(len(documents) / best)


def _round(mappings: Mappings, documents: list[bytes]) -> float:
    began = time.process_time()
    for text in documents:
        _map(mappings, json.loads(text))
    return time.process_time() - began


def _map(mappings: Mappings, document: dict[str, Any]) -> None:
    mapping = mappings.choose(document) or mappings.named(GENERIC)
    for element in elements(mapping, document):
        try:
            apply_mapping(mapping, element)
        except InputError:
            continue
