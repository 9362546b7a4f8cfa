"""The settings: where they come from, which one wins, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.settings_page import table
from workers.core.errors import ConfigError
from workers.ledger.connection import connect
from workers.settings.loading import load
from workers.settings.model import Secret, Settings, fields, meaning, require, threatq_needs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def put(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "tq.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_without_anything_every_setting_has_its_default(folder: Path) -> None:
    loaded = load(folder, {})

    assert loaded.settings == Settings()
    assert loaded.origins == {}
    assert not loaded.has_file


def test_the_environment_wins_over_a_named_file_and_that_over_the_yaml_file(folder: Path) -> None:
    # given
    put(folder, "threatq_status: from-yaml\nthreatq_email: from-yaml\nthreatq_client_id: from-yaml\n")
    secret = folder / "secret"
    secret.write_text("from-file\n")
    environ = {
        "TQ_THREATQ_STATUS": "from-env",
        "TQ_THREATQ_STATUS_FILE": str(secret),
        "TQ_THREATQ_EMAIL_FILE": str(secret),
    }

    # when
    loaded = load(folder, environ)

    # then
    assert loaded.settings.threatq_status == "from-env"
    assert loaded.settings.threatq_email == "from-file"
    assert loaded.settings.threatq_client_id == "from-yaml"
    assert loaded.origins["threatq_status"] == "TQ_THREATQ_STATUS"
    assert loaded.origins["threatq_email"] == f"{secret} (TQ_THREATQ_EMAIL_FILE)"
    assert loaded.origins["threatq_client_id"] == f"{folder / 'tq.yaml'}:3"


def test_the_folder_comes_from_the_argument_then_tq_config_then_the_current_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("argument", "variable", "current"):
        (folder / name).mkdir()
        put(folder / name, f"threatq_status: {name}\n")
    monkeypatch.chdir(folder / "current")
    environ = {"TQ_CONFIG": str(folder / "variable")}

    assert load(folder / "argument", environ).settings.threatq_status == "argument"
    assert load(None, environ).settings.threatq_status == "variable"
    assert load(None, {}).settings.threatq_status == "current"


def test_an_empty_variable_counts_as_not_set(folder: Path) -> None:
    put(folder, "threatq_status: Active\n")

    assert load(folder, {"TQ_THREATQ_STATUS": ""}).settings.threatq_status == "Active"


@pytest.mark.parametrize("where", ["file", "environment"])
def test_a_setting_is_still_read_by_the_name_that_it_had_before(folder: Path, where: str) -> None:
    environ = {"TQ_KEEP_DONE_DAYS": "5"} if where == "environment" else {}
    if where == "file":
        put(folder, "keep_done_days: 5\n")
    found = load(folder, environ)
    assert (found.settings.keep_bodies_days, found.warnings) == (5.0, ())
    # and by its name of now, which wins
    assert load(folder, environ | {"TQ_KEEP_BODIES_DAYS": "3"}).settings.keep_bodies_days == 3.0


def test_a_password_stays_the_text_that_stands_in_the_file(folder: Path) -> None:
    put(folder, "threatq_password: 0123\nthreatq_client_secret: yes\n")

    settings = load(folder, {}).settings

    assert settings.threatq_password.reveal() == "0123"
    assert settings.threatq_client_secret.reveal() == "yes"


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("lease_s", "soon", "a number above 0"),
        ("lease_s", "nan", "a number above 0"),
        ("lease_s", "0", "a number above 0"),
        ("wait_s", "-1", "a number of at least 0"),
        ("max_open_jobs", "1.5", "a whole number above 0"),
        ("memory_percent", "150", "a number above 0 and at most 100"),
        ("log_verbosity", "7", "a whole number of at least 1 and at most 3"),
        ("sync_method", "Full", "add or full"),
        ("logrhythm_v751", "maybe", "true or false"),
        ("redis_url", "127.0.0.1:6379", "redis://"),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_what_is_accepted(
    folder: Path, name: str, text: str, accepted: str
) -> None:
    path = put(folder, f"version: 1\n{name}: '{text}'\n")

    with pytest.raises(ConfigError) as caught:
        load(folder, {})

    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert f"{path}:2" in message
    assert repr(text) in message
    assert accepted in message


def test_true_and_false_are_read_however_they_are_spelt(folder: Path) -> None:
    put(folder, "logrhythm_v751: False\n")

    assert load(folder, {}).settings.logrhythm_v751 is False
    assert load(folder, {"TQ_LOGRHYTHM_V751": "TRUE"}).settings.logrhythm_v751 is True


def test_an_unknown_key_is_an_error_that_guesses_the_right_one(folder: Path) -> None:
    path = put(folder, "threatq_pasword: x\n")

    with pytest.raises(ConfigError, match="did you mean threatq_password") as caught:
        load(folder, {})

    assert f"{path}:1" in str(caught.value)


def test_a_misspelt_variable_is_a_warning_and_a_foreign_one_is_not(folder: Path) -> None:
    environ = {"TQ_THREATQ_PASWORD": "x", "TQ_QUITE_ANOTHER_THING": "x", "TQ_CONFIG": str(folder)}

    (warning,) = load(None, environ).warnings

    assert "TQ_THREATQ_PASWORD" in warning
    assert "did you mean TQ_THREATQ_PASSWORD?" in warning


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(folder: Path, mode: int) -> None:
    path = put(folder, "threatq_status: Active\n", mode)

    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        load(folder, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a\n- b\n", "not a list of settings"),
        ("threatq_status: [a, b]\n", "nested value"),
        ("threatq_status: a\nthreatq_status: b\n", "stands twice, in lines 1 and 2"),
        ("version: 2\n", "reads version 1"),
        ("threatq_status: 'a\n", "is not YAML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(folder: Path, text: str, reason: str) -> None:
    put(folder, text)

    with pytest.raises(ConfigError, match=reason):
        load(folder, {})


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    put(folder, "").write_bytes(b"threatq_status: \xff\n")

    with pytest.raises(ConfigError, match="UTF-8"):
        load(folder, {})


def test_a_file_instead_of_a_folder_is_refused_unless_it_is_the_file_itself(folder: Path) -> None:
    put(folder, "threatq_status: Active\n")
    (folder / "other.yaml").write_text("")

    assert load(folder / "tq.yaml", {}).settings.threatq_status == "Active"
    with pytest.raises(ConfigError, match="name the folder"):
        load(folder / "other.yaml", {})


def test_a_secret_file_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="TQ_THREATQ_PASSWORD_FILE"):
        load(folder, {"TQ_THREATQ_PASSWORD_FILE": str(folder / "nowhere")})


def test_hosts_are_urls_once_loaded(folder: Path) -> None:
    environ = {"TQ_THREATQ_URL": "threatq.example.com", "TQ_LOGRHYTHM_URL": "lr.example.com"}

    settings = load(folder, environ).settings

    assert settings.threatq_url == "https://threatq.example.com"
    assert settings.logrhythm_url == "https://lr.example.com:8501"


def test_secrets_and_passwords_are_shown_as_stars(folder: Path) -> None:
    environ = {"TQ_THREATQ_PASSWORD": "hunter2", "TQ_REDIS_URL": "redis://me:hunter2@redis:6379/0"}

    loaded = load(folder, environ)

    assert loaded.shown("threatq_password") == "***"
    assert loaded.shown("redis_url") == "redis://me:***@redis:6379/0"
    odd = load(folder, {"TQ_REDIS_URL": "redis://:hunt/er2@redis"})
    assert odd.shown("redis_url") == "redis://:***@redis"
    assert loaded.shown("logrhythm_v751") == "true"
    assert "hunter2" not in f"{loaded.settings.threatq_password!s}{loaded.settings.threatq_password!r}"
    assert isinstance(loaded.settings.threatq_password, Secret)


@pytest.mark.parametrize(
    "url", ["redis://:hunt/er2@redis", "sentinel://:hunt/er2@a:1,b:2", "redis//:hunter2@redis"]
)
def test_a_redis_url_that_cannot_be_read_is_named_without_its_password(folder: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"redis_url: .*\*\*\*@") as caught:
        connect(load(folder, {"TQ_REDIS_URL": url}).settings.redis_url)
    assert "hunt" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_missing_is_listed_at_once_with_its_variable() -> None:
    settings = Settings(threatq_url="https://threatq.example.com")

    with pytest.raises(ConfigError) as caught:
        require(settings, *threatq_needs(settings))

    message = str(caught.value)
    assert "TQ_THREATQ_URL" not in message
    assert all(f"TQ_THREATQ_{name}" in message for name in ("CLIENT_ID", "EMAIL", "PASSWORD"))


def test_with_a_client_secret_no_password_is_needed() -> None:
    settings = Settings(threatq_client_secret=Secret("s"))

    assert threatq_needs(settings) == ("threatq_url", "threatq_client_id", "threatq_client_secret")


def test_no_setting_is_named_like_the_file_variant_of_another() -> None:
    names = set(fields())

    assert not {f"{name}_file" for name in names} & names


def test_every_setting_says_what_it_means() -> None:
    assert all(meaning(annotation) for annotation in fields().values())


def test_the_page_of_settings_is_the_one_that_the_model_makes() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"

    assert page.read_text(encoding="utf-8") == table(), "run `make docs`"


@pytest.mark.parametrize(
    ("variable", "default"),
    [
        # a number that is nothing; a switch that is off; a text that is not set, and a secret
        ("TQ_ACCEPT_REPLICAS", "`0`"),
        ("TQ_HTTP_BEHIND_TLS", "`false`"),
        ("TQ_SPOOL_DIR", "(empty)"),
        ("TQ_THREATQ_PASSWORD", "(empty)"),
    ],
)
def test_the_page_of_settings_tells_nothing_from_not_set(variable: str, default: str) -> None:
    assert f"| `{variable}` | {default} |" in table()
