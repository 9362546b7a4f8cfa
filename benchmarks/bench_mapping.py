"""Documents a second that one process takes through a mapping, from bytes on, the choice of the mapping included."""

from __future__ import annotations

import json
import time
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from workers.core.errors import InputError
from workers.mappings.apply import apply_mapping, elements
from workers.mappings.folder import shipped
from workers.mappings.matching import GENERIC, Mappings

SAMPLES = Path(__file__).parents[1] / "tests" / "fixtures" / "mappings"

#: Documents that a fresh process takes first.
FIRST = 5_000

#: How often all samples are taken; the fastest round counts, in processor time.
ROUNDS = 20


def run() -> dict[str, Any]:
    """Return documents a second of processor time: of all formats and of the slowest ones, and of a fresh process."""
    mappings = shipped()
    texts = _texts()
    rates = {name: _per_s(mappings, documents) for name, documents in texts.items()}
    every = [document for documents in texts.values() for document in documents]
    with get_context("spawn").Pool(1) as fresh:
        cold = fresh.apply(first)
    return {
        "mappings": len(list(mappings)),
        "documents": len(every),
        "documents_per_s": _per_s(mappings, every),
        "choosing_us": _choosing_us(mappings, every),
        "slowest": dict(sorted(rates.items(), key=lambda pair: pair[1])[:5]),
        "formats_below_5000_per_s": sum(rate < FIRST for rate in rates.values()),
        **cold,
    }


def first() -> dict[str, Any]:
    """Return what loading the mappings takes, and documents a second of the first ones that this process takes."""
    texts = [document for documents in _texts().values() for document in documents]
    began = time.process_time()
    mappings = shipped()
    loaded = time.process_time()
    for text in islice(cycle(texts), FIRST):
        _map(mappings, json.loads(text))
    ended = time.process_time()
    return {
        "loaded_once_ms": round((loaded - began) * 1000, 1),
        "first_documents_per_s": round(FIRST / (ended - loaded)),
        "first_documents_per_s_with_loading": round(FIRST / (ended - began)),
    }


def _texts() -> dict[str, list[bytes]]:
    return {path.stem: _documents(path) for path in sorted(SAMPLES.glob("*.yaml"))}


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


def _choosing_us(mappings: Mappings, documents: list[bytes]) -> float:
    """Return what it takes to find a document's mapping among all."""
    parsed = [json.loads(text) for text in documents]
    began = time.process_time()
    for _ in range(ROUNDS):
        for document in parsed:
            mappings.choose(document)
    return round((time.process_time() - began) / ROUNDS / len(documents) * 1e6, 1)


def _map(mappings: Mappings, document: dict[str, Any]) -> None:
    mapping = mappings.choose(document) or mappings.named(GENERIC)
    for element in elements(mapping, document):
        try:
            apply_mapping(mapping, element)
        except InputError:
            continue
