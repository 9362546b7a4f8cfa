"""Which packages a CPython for Windows gets."""

from __future__ import annotations

from tools.windows import packages

LOCK = """
# a comment
celery==5.5.3 \\
    --hash=sha256:00
uvloop==0.22 ; sys_platform != 'win32' \\
    --hash=sha256:00
redis==8.1.0 ; python_version >= '3.11' \\
    --hash=sha256:00
"""


def test_what_does_not_exist_on_windows_is_left_out_and_what_others_need_there_is_added() -> None:
    assert packages(LOCK) == ["celery==5.5.3", "redis==8.1.0", "colorama", "tzdata"]
