"""JSON without the package `json` is the same JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core import light_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_what_is_written_is_what_json_writes(value: Any, sort_keys: bool) -> None:
    compact = json.dumps(value, separators=(",", ":"), sort_keys=sort_keys)
    assert light_json.write(value, sort_keys=sort_keys) == compact
    assert light_json.write(value, item=", ", key=": ") == json.dumps(value)


@given(VALUES, st.sampled_from([None, 1]), st.text(" \t\r\n"))
def test_what_is_read_is_what_json_reads(value: Any, indent: int | None, blanks: str) -> None:
    assert light_json.read(blanks + json.dumps(value, indent=indent) + blanks) == value


@pytest.mark.parametrize("text", ["", "{", "[1,]", "1 2", "nul", '"\n"', "{'a': 1}", '{"a" 1}', "\ufeff1"])
def test_what_is_no_json_is_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        light_json.read(text)


def test_what_json_has_not_is_refused() -> None:
    with pytest.raises(TypeError, match="Path"):
        light_json.write({"a": Path()})


def test_a_python_without_the_part_in_c_writes_and_reads_the_same() -> None:
    code = """
import sys
sys.modules["_json"] = None
from workers.core import light_json
text = light_json.write({"b": ["\u00fc", 1.5, None], "a": True}, sort_keys=True)
print(text, light_json.read(f" {text} ")["b"][1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == '{"a":true,"b":["\\u00fc",1.5,null]} 1.5\n'
