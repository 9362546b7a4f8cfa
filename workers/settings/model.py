"""The settings: one frozen model, read once, passed in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_type_hints

from msgspec import Meta, Struct

from workers.core.errors import ConfigError

#: How the environment variable of a setting begins.
PREFIX = "TQ_"


class Secret(str):
    """Text that prints as stars; `reveal` gives it to the one place that needs it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')" if self else "Secret('')"

    __str__ = __repr__

    def reveal(self) -> str:
        """Return the secret itself."""
        return str.__str__(self)


class Doc(Struct, frozen=True):
    """What a setting means, for the reference page and for the errors that ask for it."""

    text: str


#: Numbers as most settings take them; the others state their bounds themselves.
Positive = Annotated[float, Meta(gt=0)]
PositiveInt = Annotated[int, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting, its default and its meaning; in the environment, `TQ_` and the name in capitals."""

    # fmt: off
    redis_url: Annotated[str, Doc("The Redis of the ledger and the queue.")] = "redis://127.0.0.1:6379/0"
    functions_secret: Annotated[Secret, Doc(
        "Secret part of the names in Redis' ACL file that only the function of its users producer and stub knows; "
        "the workers of the queue upkeep need it.")] = Secret("")

    threatq_url: Annotated[str, Doc("ThreatQ, as a host name or a URL.")] = ""
    threatq_client_id: Annotated[str, Doc("OAuth client id of the ThreatQ user.")] = ""
    threatq_email: Annotated[str, Doc("E-mail address of the ThreatQ user.")] = ""
    threatq_password: Annotated[Secret, Doc("Password of the ThreatQ user.")] = Secret("")
    threatq_client_secret: Annotated[Secret, Doc(
        "Secret for the client-credentials grant; replaces e-mail and password.")] = Secret("")
    threatq_status: Annotated[str, Doc("Status of indicators that payloads create.")] = "Review"
    logrhythm_status: Annotated[str, Doc(
        "Status of indicators that LogRhythm's alarms and analysts' actions create.")] = "Active"
    threatq_ca_file: Annotated[str, Doc("CA bundle (PEM) that signs ThreatQ's certificate.")] = ""
    threatq_client_cert: Annotated[str, Doc("Client certificate and key (one PEM file) for ThreatQ.")] = ""
    threatq_proxy: Annotated[str, Doc("Proxy URL towards ThreatQ; empty: none.")] = ""
    threatq_connect_timeout_s: Annotated[Positive, Doc("Seconds to connect to ThreatQ.")] = 3.0
    threatq_read_timeout_s: Annotated[Positive, Doc("Seconds to wait for ThreatQ's answer.")] = 30.0

    connector_name: Annotated[str, Doc("Name of the Events Builder connector in ThreatQ.")] = "Events Builder"
    settings_from: Annotated[Literal["threatq", "local"], Doc(
        "threatq: the connectors' settings in its UI; local: file and environment alone.")] = "threatq"

    private_ips: Annotated[str, Doc("Addresses that never become indicators: commas, dash ranges, CIDR, IPv6.")] = ""
    private_ips_become: Annotated[Literal["asset", "attribute", "drop"], Doc(
        "What becomes of a private address or another value of ours: an asset and an attribute, the attribute alone, "
        "neither.")] = "asset"
    own_private_ranges: Annotated[bool, Doc(
        "RFC 1918 and unique local (IPv6) addresses count as private also where private_ips does not name them."
        )] = True
    own_assets: Annotated[str, Doc(
        "What is ours and never becomes an indicator: domains (with all below them and their e-mail addresses), "
        "`@domain` (e-mail addresses alone), networks (185.10.20.0/24 or 185.10.20.*), host names, "
        "by commas or lines.")] = ""
    own_assets_collection: Annotated[str, Doc(
        "Data collection of ThreatQ whose indicators are ours, too; read by the workers every ten minutes.")] = ""
    known_good: Annotated[bool, Doc(
        "Values on known-good lists (docs/known-good.md) never become indicators or entries of lists.")] = True
    known_good_dir: Annotated[str, Doc("Folder of known-good lists of your own, `*.txt`; empty: none.")] = ""
    known_good_actions: Annotated[str, Doc(
        "What lists do, `list=action` or `list/type=action` by commas: block, inform (kept, with an attribute), "
        "allow (the list does not count).")] = ""
    known_good_override: Annotated[bool, Doc(
        "A payload (`allow_known_good`) or tq-add-ioc --force may have a known-good value kept as an indicator."
        )] = False
    sighting_own_fields: Annotated[str, Doc(
        "Alarm fields whose values are ours (assets), as tq-sighting names them: DIP, DHostName, Recipient; empty: "
        "every field is an observed indicator, as in the guide.")] = ""
    naive_timezone: Annotated[str, Doc("Zone of times that name none.")] = "UTC"
    unknown_event_type: Annotated[Literal["create", "reject"], Doc(
        "What to do with an event type that ThreatQ does not know.")] = "create"
    mappings_dir: Annotated[str, Doc(
        "Folder of your own mappings (`NAME.yaml`), which come before the shipped ones; the same on the hosts of "
        "producers and workers; see docs/mappings.md.")] = ""
    unmatched_documents: Annotated[Literal["refuse", "event"], Doc(
        "What becomes of a document that is no payload of the guide's and has no mapping: refused with the nearest "
        "mappings, or a generic event that shows it.")] = "refuse"
    max_payload_bytes: Annotated[PositiveInt, Doc("Largest payload that a producer accepts.")] = 1_048_576
    redact: Annotated[str, Doc(
        "What of a payload is never stored: paths (`user.password`) and `/patterns/`, by commas or lines; "
        "see docs/data-protection.md.")] = ""
    max_description_chars: Annotated[PositiveInt, Doc("Longest description that ThreatQ takes.")] = 65_500
    group_by: Annotated[str, Doc(
        "Fields whose equal values make firings one event: `Suricata=event_name, uri_source; *=event_name`; "
        "see docs/storms.md. Empty: each firing is an event of its own.")] = ""
    group_window_s: Annotated[Positive, Doc(
        "Seconds from the first firing of a group, in which others join its event.")] = 3_600.0
    group_update_s: Annotated[Positive, Doc(
        "Seconds after which the event of a group is told of the firings that joined it.")] = 60.0
    group_values: Annotated[int, Doc(
        "Distinct values (indicators, identities, malware, assets) that a group keeps."), Meta(gt=0, le=1_000)] = 100
    max_groups: Annotated[PositiveInt, Doc(
        "Groups that are kept at a time; above it, and above memory_percent, firings are not grouped.")] = 2_000
    rate_limits: Annotated[str, Doc(
        "Firings of a source that become events in each window, `Suricata=1000/3600; *=5000/3600` (firings/seconds); "
        "those above are counted in one event. Empty: no limit.")] = ""

    keep_bodies_days: Annotated[Positive, Doc(
        "Days for which done jobs are kept with their content; then a marker of each is left.")] = 2.0
    keep_markers_days: Annotated[Positive, Doc(
        "Days for which a repeat of a done job is known as one and makes no second event.")] = 90.0
    encryption_keys_file: Annotated[str, Doc(
        "File of keys, one a line, that encrypt the content of jobs in Redis: the first encrypts, all decrypt; "
        "empty: none.")] = ""
    keep_dead_days: Annotated[NotNegative, Doc(
        "Days after which dead letters and quarantined items are forgotten; 0: kept until an operator acts.")] = 0.0
    max_open_jobs: Annotated[PositiveInt, Doc("Open jobs in one queue above which producers refuse.")] = 100_000
    memory_percent: Annotated[float, Doc(
        "Percent of Redis' maxmemory in use above which producers refuse."), Meta(gt=0, le=100)] = 70.0
    ingest_memory_percent: Annotated[float, Doc(
        "The same for the Redis bridge, which makes room by emptying the lists and the stream."),
        Meta(gt=0, le=100)] = 90.0
    accept_replicas: Annotated[Count, Doc(
        "Replicas of Redis that must hold a job before a producer says accepted.")] = 0
    accept_wait_ms: Annotated[int, Doc(
        "Milliseconds that replicas get to confirm; then the sender is asked to repeat."), Meta(gt=0, le=1_000)] = 500
    lease_s: Annotated[Positive, Doc(
        "Seconds for which a worker claims jobs before it renews; what an analyst waits for, 6 at most.")] = 60.0
    look_up_after_restart_s: Annotated[NotNegative, Doc(
        "Seconds after a restart or fail-over of Redis in which a first attempt looks for its event too.")] = 120.0
    max_retry_after_s: Annotated[float, Doc(
        "Longest wait that a service gets which asks for one (Retry-After)."), Meta(ge=60)] = 900.0
    stop_within_s: Annotated[Positive, Doc(
        "Seconds that a worker which is asked to stop gives its running jobs.")] = 30.0
    spool_dir: Annotated[str, Doc("Folder that keeps jobs while Redis is away.")] = ""
    heartbeat_file: Annotated[str, Doc(
        "File that a worker, beat and the bridge touch every few seconds, for health checks.")] = ""

    log_location: Annotated[str, Doc(
        "Where workers and beat log: stdout, stderr, or a folder with one file each.")] = "stdout"
    log_verbosity: Annotated[int, Doc(
        "What workers and beat log: 1 warnings, 2 what is done, 3 everything."), Meta(ge=1, le=3)] = 2
    metrics_host: Annotated[str, Doc("Address on which a worker serves its metrics, without a token.")] = "127.0.0.1"
    metrics_port: Annotated[int, Meta(ge=-1, le=65_535), Doc(
        "Port on which a worker serves its metrics, or the next free one of the twenty from it; "
        "0: any free one, which its log names; -1: none.")] = -1

    audit_entries: Annotated[PositiveInt, Doc(
        "Entries of the audit trail (who did what) that are kept in Redis, the newest; about 300 bytes each.")] = 20_000
    audit_file: Annotated[str, Doc(
        "File to which each process also appends its entries of the audit trail, as JSON lines; empty: none.")] = ""
    audit_syslog: Annotated[str, Doc(
        "Syslog that also gets them: a socket (`/dev/log`), or `host:port` over UDP; empty: none.")] = ""

    job_events: Annotated[Literal["all", "sampled", "failures", "off"], Doc(
        "Which jobs workers tell Celery's event readers (Flower) of; sampled: one in 20 and every dead one.")] = "all"
    flower_basic_auth: Annotated[Secret, Doc(
        "Who may look at Flower, `user:password`; without it `tqctl flower` does not start.")] = Secret("")
    flower_host: Annotated[str, Doc("Address on which Flower listens.")] = "127.0.0.1"
    flower_port: Annotated[int, Doc("Port on which Flower listens."), Meta(gt=0, le=65_535)] = 5555

    wait_s: Annotated[NotNegative, Doc("Seconds that a Smart Response command waits for its outcome.")] = 25.0

    logrhythm_connector_name: Annotated[str, Doc("Name of the LogRhythm connector in ThreatQ.")] = "LogRhythm"
    logrhythm_url: Annotated[str, Doc("LogRhythm's API gateway, host or URL; port 8501 if none.")] = ""
    logrhythm_hosts: Annotated[str, Doc(
        "Hosts that LogRhythm's page in ThreatQ may name, `host` or `host:port`, commas between; empty: any that "
        "its own token goes to.")] = ""
    logrhythm_token: Annotated[Secret, Doc("JW token of the LogRhythm API user.")] = Secret("")
    logrhythm_owner: Annotated[str, Doc(
        "LogRhythm person who owns our lists, by the name that the console shows.")] = ""
    logrhythm_v751: Annotated[bool, Doc("LogRhythm is version 7.5.1 or higher.")] = True
    logrhythm_ca_file: Annotated[str, Doc("CA bundle (PEM) that signs LogRhythm's certificate.")] = ""
    logrhythm_entity: Annotated[str, Doc("LogRhythm entity that new lists belong to.")] = "Global Entity"
    logrhythm_read_access: Annotated[str, Doc("Who may read new lists.")] = "PublicAll"
    logrhythm_write_access: Annotated[str, Doc("Who may change new lists.")] = "PublicGlobalAdmin"
    logrhythm_proxy: Annotated[str, Doc("Proxy URL towards LogRhythm; empty: none.")] = ""
    logrhythm_connect_timeout_s: Annotated[Positive, Doc("Seconds to connect to LogRhythm.")] = 3.0
    logrhythm_read_timeout_s: Annotated[Positive, Doc("Seconds to wait for LogRhythm's answer.")] = 30.0
    logrhythm_list_timeout_s: Annotated[Positive, Doc("Seconds to wait for LogRhythm to gather a long list.")] = 300.0

    sync_collections: Annotated[str, Doc("YAML text: data collection -> baseName and splitBy.")] = ""
    sync_method: Annotated[Literal["add", "full"], Doc("add: only add to lists. full: also delete what left.")] = "add"
    sync_max_items: Annotated[PositiveInt, Doc("Largest list that is compared.")] = 1_000_000
    sync_list_maximum: Annotated[PositiveInt, Doc(
        "Entries that one list may have; the highest scores go first.")] = 1_000_000
    sync_delete_max_count: Annotated[Count, Doc(
        "Deletes above this count and above sync_delete_max_percent of a list wait for approval.")] = 1_000
    sync_delete_max_percent: Annotated[float, Doc(
        "Percent of a list up to which deletes never wait for approval."), Meta(ge=0, le=100)] = 20.0
    sync_four_eyes: Annotated[bool, Doc(
        "Pending deletes are approved by another operator than the one who started the run that found them.")] = False
    sync_foreign_entries: Annotated[Literal["keep", "delete"], Doc(
        "What a full sync does with entries of our lists that came from elsewhere.")] = "keep"
    sync_statuses_kept_out: Annotated[str, Doc(
        "Indicators of these statuses are kept out of the lists, by commas; empty: none.")] = "Whitelisted, Expired"
    sync_whitelist_at_once: Annotated[bool, Doc(
        "Whether an indicator that is whitelisted by an action leaves our lists at once, not at the next sync.")] = True
    sync_false_positive_at_once: Annotated[bool, Doc(
        "Whether an indicator that an action marks as a false positive leaves our lists at once, if no data collection "
        "holds it any more.")] = False
    sync_add_at_once: Annotated[bool, Doc(
        "Whether an indicator that an action adds goes into our lists at once, if a data collection holds it.")] = False
    sync_abandoned: Annotated[Literal["report", "retire"], Doc(
        "What becomes of lists that no data collection feeds any more; retire: emptied and retired once approved."
    )] = "report"
    sync_types: Annotated[str, Doc("YAML text: changes to the table of indicator types and LogRhythm list types.")] = ""
    sync_score_bands: Annotated[str, Doc("Lowest scores of Very High, High, Medium and Low.")] = "10, 9, 7, 5"
    sync_score_zero: Annotated[Literal["Not Scored", "Very Low"], Doc(
        "The score range that a score of 0 belongs to.")] = "Not Scored"

    sync_interval_s: Annotated[NotNegative, Doc(
        "Seconds between two scheduled syncs, an hour at least; 0: none.")] = 3_600.0
    sync_interval_floor_s: Annotated[Positive, Doc(
        "Shortest interval that is accepted; lower it for rehearsals alone.")] = 3_600.0
    sync_full_interval_s: Annotated[NotNegative, Doc(
        "Seconds after which a sync reads everything again, not only what changed; 0: each one does.")] = 86_400.0
    sync_delta_interval_s: Annotated[NotNegative, Doc(
        "Seconds between two syncs of what has changed, beside those of sync_interval_s; 0: none.")] = 300.0
    sync_delta_overlap_s: Annotated[NotNegative, Doc(
        "Seconds by which such a sync looks back beyond the last one; more than ThreatQ takes to index.")] = 300.0
    sync_dir: Annotated[str, Doc("Folder for the entries of a run, some 300 bytes each; empty: a temporary one.")] = ""

    http_tokens: Annotated[Secret, Doc(
        "Tokens of the HTTP entry point, `name:scope+scope:token[:day]`, by commas; see docs/http.md.")] = Secret("")
    http_host: Annotated[str, Doc("Address on which the HTTP entry point listens.")] = "127.0.0.1"
    http_port: Annotated[int, Doc("Port of the HTTP entry point; 0: any free one."), Meta(ge=0, le=65_535)] = 8070
    http_max_body_bytes: Annotated[PositiveInt, Doc(
        "Largest body of one HTTP request, as sent and inflated.")] = 10_485_760
    http_max_items: Annotated[PositiveInt, Doc("Most payloads in one HTTP request.")] = 1_000
    http_max_requests: Annotated[PositiveInt, Doc(
        "HTTP requests with a token in hand at a time; more are asked to come later.")] = 512
    http_max_connections: Annotated[PositiveInt, Doc(
        "Connections to the HTTP entry point; above it, the oldest one that showed no token is closed.")] = 8_192
    http_max_connections_per_address: Annotated[PositiveInt, Doc(
        "Connections without a token from one address (IPv6: one /64); above it, its oldest one is closed.")] = 1_024
    http_trusted_proxies: Annotated[str, Doc(
        "Addresses and networks of proxies whose X-Forwarded-For, -Proto and user headers count, by commas.")] = ""
    http_sso: Annotated[Literal["off", "X-Auth-Request", "X-Forwarded", "Remote"], Doc(
        "How the headers begin in which a trusted proxy names the page's user: `-User` and `-Groups` follow.")] = "off"
    http_sso_read_groups: Annotated[str, Doc("Groups of a single sign-on that may read the page, by commas.")] = ""
    http_sso_operate_groups: Annotated[str, Doc("Groups of a single sign-on that may operate too, by commas.")] = ""
    http_sso_sign_out: Annotated[str, Doc("Where the proxy ends its session: a path or an https address.")] = (
        "/oauth2/sign_out")
    http_inflight_bytes: Annotated[PositiveInt, Doc(
        "Bytes of large HTTP bodies that are received, and as many that are read, at a time.")] = 33_554_432
    http_busy_status: Annotated[Literal[503, 429], Doc(
        "Status with which the HTTP entry point asks to come later; NiFi does not repeat after 429.")] = 503
    http_requests_per_s: Annotated[Positive, Doc(
        "HTTP requests a second of one token name; more are asked to come later.")] = 2_000.0
    http_tls_cert: Annotated[str, Doc("Certificate chain (PEM) of the HTTP entry point; empty: plain HTTP.")] = ""
    http_tls_key: Annotated[str, Doc("Private key (PEM) of that certificate; empty: it is in the same file.")] = ""
    http_tls_client_ca: Annotated[str, Doc(
        "CA (PEM); every client of the HTTP entry point must show a certificate that it signed.")] = ""
    http_behind_tls: Annotated[bool, Doc(
        "A proxy before the HTTP entry point speaks TLS, so that cookies may demand it.")] = False
    http_drain_s: Annotated[PositiveInt, Doc(
        "Seconds that HTTP requests in hand get when the producer is told to stop.")] = 30
    max_quarantined: Annotated[PositiveInt, Doc("Unreadable items that are kept before producers refuse.")] = 10_000
    max_quarantined_bytes: Annotated[PositiveInt, Doc(
        "Bytes that they may take, compressed, before producers refuse.")] = 67_108_864
    ingest_redis_url: Annotated[str, Doc("The Redis that the bridge reads; empty: the ledger's.")] = ""
    ingest_takeover_s: Annotated[Positive, Doc(
        "Seconds of silence after which a bridge's messages go to another one.")] = 15.0
    ingest_channel: Annotated[bool, Doc(
        "The bridge also listens to the pub/sub channel, which loses what is sent while no bridge runs.")] = True

    otlp_endpoint: Annotated[str, Doc(
        "OpenTelemetry collector that workers and the HTTP entry point send traces to (OTLP over HTTP), such as "
        "`http://collector:4318`; empty: none.")] = ""
    otlp_headers: Annotated[Secret, Doc("Headers for the collector, `name=value`, by commas.")] = Secret("")
    otlp_ca_file: Annotated[str, Doc("CA bundle (PEM) that signs the collector's certificate.")] = ""
    otlp_dir: Annotated[str, Doc(
        "Folder in which spans wait to be sent, so that they outlive a killed process; empty: in memory alone.")] = ""
    public_url: Annotated[str, Doc(
        "Address under which operators open the status page, for the links in notices.")] = ""
    notices_webhook_url: Annotated[Secret, Doc(
        "Webhook that is told of what needs an operator; its address is a secret.")] = Secret("")
    notices_webhook_form: Annotated[Literal["json", "slack", "teams"], Doc(
        "What the webhook takes: generic JSON, Slack's text, or a Teams workflow's Adaptive Card.")] = "json"
    notices_webhook_authorization: Annotated[Secret, Doc(
        "Value of the header Authorization for the webhook, such as `Bearer …`; empty: none.")] = Secret("")
    notices_webhook_ca_file: Annotated[str, Doc("CA bundle (PEM) that signs the webhook's certificate.")] = ""
    notices_webhook_proxy: Annotated[str, Doc("Proxy URL towards the webhook; empty: none.")] = ""
    notices_mail_to: Annotated[str, Doc("E-mail addresses that are told of what needs an operator, by commas.")] = ""
    notices_mail_from: Annotated[str, Doc("E-mail address that notices come from.")] = ""
    notices_smtp_host: Annotated[str, Doc("Mail server for notices.")] = ""
    notices_smtp_port: Annotated[int, Doc(
        "Its port; 0: 587 with starttls, 465 with tls, 25 with none."), Meta(ge=0, le=65_535)] = 0
    notices_smtp_security: Annotated[Literal["starttls", "tls", "none"], Doc(
        "How the way to the mail server is secured; its certificate is verified.")] = "starttls"
    notices_smtp_user: Annotated[str, Doc("User of the mail server; empty: no login.")] = ""
    notices_smtp_password: Annotated[Secret, Doc("Password of that user.")] = Secret("")
    notices_smtp_ca_file: Annotated[str, Doc("CA bundle (PEM) that signs the mail server's certificate.")] = ""
    notices_muted: Annotated[str, Doc(
        "Causes of which nothing is told, `cause` or `cause:until` (UTC), by commas; `all` is every cause.")] = ""
    notices_repeat_h: Annotated[Positive, Doc("Hours after which a notice is repeated while its cause lasts.")] = 24.0
    notices_away_min: Annotated[Positive, Doc(
        "Minutes for which a service is away before a notice tells it.")] = 10.0
    notices_expiry_days: Annotated[Positive, Doc(
        "Days before the end of a certificate or a token from which on notices tell it.")] = 14.0
    # fmt: on

    @property
    def keep_bodies_s(self) -> float:
        """Seconds for which done jobs are kept with their content."""
        return self.keep_bodies_days * 86_400


@cache
def fields() -> Mapping[str, Any]:
    """Return the name of each setting and its annotation, in the order in which they are documented."""
    # Reading the annotations takes as long as several calls to a service.
    return MappingProxyType(get_type_hints(Settings, include_extras=True))


def meaning(annotation: Any) -> str:
    """Return what the setting with this annotation means."""
    return next(part.text for part in annotation.__metadata__ if isinstance(part, Doc))


def threatq_needs(settings: Settings) -> tuple[str, ...]:
    """Return the settings without which ThreatQ cannot be spoken to, by the grant that `settings` choose."""
    login = (
        ("threatq_client_secret",)
        if settings.threatq_client_secret
        else ("threatq_email", "threatq_password")
    )
    return ("threatq_url", "threatq_client_id", *login)


def missing(settings: Settings, names: tuple[str, ...]) -> list[str]:
    """Return those of `names` that are empty."""
    return [name for name in names if not getattr(settings, name)]


def not_set(settings: Settings, names: tuple[str, ...]) -> str:
    """Return a sentence about those of `names` that are empty, "" where none is."""
    absent = ", ".join(map(env_name, missing(settings, names)))
    return f"not set: {absent}" if absent else ""


def require(settings: Settings, *names: str) -> None:
    """Raise ConfigError that lists every one of `names` that is empty, with what it means."""
    annotations = fields()
    lines = [f"  {env_name(name)}: {meaning(annotations[name])}" for name in missing(settings, names)]
    if lines:
        raise ConfigError(
            "these settings are missing; run tqctl setup, which asks for them, or set them in the "
            "environment or, in small letters and without TQ_, in tq.yaml:\n" + "\n".join(lines)
        )


def env_name(setting: str) -> str:
    """Return the environment variable of `setting`."""
    return PREFIX + setting.upper()
