"""The guide's payload lies twice: with the tests, and with the sandbox, which is installed without them."""

from __future__ import annotations

from pathlib import Path

from sandbox.launch.demo import EXAMPLE


def test_the_demos_payload_is_the_tests_payload() -> None:
    fixture = Path(__file__).parents[2] / "fixtures" / "payload-example.json"
    assert EXAMPLE.read_bytes() == fixture.read_bytes()
