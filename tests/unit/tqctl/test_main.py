"""How `tqctl` answers what is misspelt."""

from __future__ import annotations

import pytest

from tqctl.main import main


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(["stauts"], "status"), (["sync", "aprove"], "approve"), (["dead", "lst"], "list")],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_misspelt_command_is_told_which_one_was_meant(
    typed: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(typed)
    assert ended.value.code == 2
    assert f"{typed[-1]!r} is not known; did you mean {meant!r}?" in capsys.readouterr().err


def test_a_word_that_is_near_to_none_is_told_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["xyzzy"])
    assert ended.value.code == 2
    assert "choose from" in capsys.readouterr().err
