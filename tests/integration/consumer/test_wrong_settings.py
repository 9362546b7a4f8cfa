"""With a wrong setting, what Celery or LogRhythm starts ends with a line that names it, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.launch.processes import ROOT

pytestmark = pytest.mark.integration

BIN = Path(sys.executable).parent
CELERY = (BIN / "celery", "-A", "workers.app")


def run(folder: Path, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TQ_")}
    return subprocess.run(
        words,
        env={**clean, "TQ_CONFIG": str(folder), **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("program", [("worker", "-P", "threads"), ("beat",)], ids=["worker", "beat"])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TQ_WAIT_S", "soon", "wait_s: 'soon' (from TQ_WAIT_S) is not accepted; give a number of at least 0"),
        ("TQ_LOG_LOCATION", "/not/there", "/not/there is not a folder; mkdir -p /not/there"),
        ("TQ_REDIS_URL", "redis://host:port", "redis_url: redis://host:port is no Redis URL"),
    ],
)
def test_celery_ends_with_the_setting_that_is_wrong(
    tmp_path: Path, program: tuple[str, ...], name: str, value: str, said: str
) -> None:
    ended = run(tmp_path, *CELERY, *program, **{name: value})
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_smart_response_shows_its_usage_for_wrong_words_alone(tmp_path: Path) -> None:
    wrong_setting = run(tmp_path, BIN / "tq-lookup", "FQDN", "x.example", TQ_REDIS_URL="nonsense")
    assert wrong_setting.returncode == 2
    assert "give a URL that starts with redis://" in wrong_setting.stdout
    assert "<indicator type>" not in wrong_setting.stdout

    wrong_words = run(tmp_path, BIN / "tq-lookup", "FQDN", TQ_REDIS_URL="redis://127.0.0.1:1/0")
    assert wrong_words.returncode == 2
    assert "<indicator type>" in wrong_words.stdout


def test_a_job_that_is_called_like_an_option_is_none(tmp_path: Path) -> None:
    ended = run(tmp_path, BIN / "tq-job", "--no-such-option", TQ_REDIS_URL="redis://127.0.0.1:1/0")
    assert (ended.returncode, "--no-such-option: is no option of tq-job" in ended.stderr) == (2, True)
