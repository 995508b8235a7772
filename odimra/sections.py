"""What can be set: a frozen dataclass for each section of ``config/odimra.yaml``.

Read from files, environment and flags by :mod:`.config`; a room gets the section that is its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Section ``store``."""

    url: str
    namespace: str
    timeout_seconds: float
    connections: int
    cache_entries: int
    fsync: str


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Section ``http.tls``; ``certificate`` and ``key`` are paths, or both empty."""

    certificate: str
    key: str
    minimum: str


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Section ``http``."""

    address: str
    port: int
    processes: int
    tls: TlsSettings
    plain_http: bool
    public_url: str
    max_body_bytes: int
    max_json_depth: int
    request_timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Argon2Settings:
    """Section ``access.argon2``."""

    time_cost: int
    memory_kib: int
    parallelism: int
    threads: int


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Section ``access``."""

    administrator: str
    session_timeout_seconds: int
    sessions_per_user: int
    max_sessions: int
    max_accounts: int
    min_password_length: int
    max_password_length: int
    lockout_threshold: int
    lockout_duration_seconds: int
    lockout_reset_after_seconds: int
    basic_cache_seconds: int
    argon2: Argon2Settings


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Section ``tasks``."""

    max: int
    overwrite_policy: str
    auto_delete_minutes: int | None
    monitor_expiry_seconds: int | None
    max_messages: int
    max_events: int
    max_result_bytes: int
    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Section ``engine.limits``; ``kinds`` maps the name of a job kind to its limit."""

    kinds: Mapping[str, int]
    per_target: int


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Section ``engine``."""

    worker_processes: int
    concurrency: int
    poll_milliseconds: int
    redelivery_seconds: float
    drain_seconds: float
    resubmit_seconds: float
    max_interruptions: int
    limits: LimitSettings


@dataclass(frozen=True, slots=True)
class RedfishSettings:
    """Section ``redfish``."""

    page_size: int
    max_expand_members: int
    max_filter_scan: int


@dataclass(frozen=True, slots=True)
class EventsSettings:
    """Section ``events``; networks as :mod:`odimra.networks` reads them."""

    processes: int
    progress_step_percent: int
    progress_interval_seconds: float
    max_subscriptions: int
    max_streams: int
    stream_buffer_bytes: int
    keep_alive_seconds: float
    delivery_timeout_seconds: float
    denied_networks: str
    allowed_networks: str


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """Section ``records``; types as :class:`odimra.records.model.RecordOptions` reads them."""

    types: Sequence[str]
    max_bytes: int
    max_records: int
    max_results: int
    max_sorted: int


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """Section ``scans``."""

    max_completed_runs: int
    claim_seconds: int
    max_jobs: int
    lenient: bool


@dataclass(frozen=True, slots=True)
class BulkSettings:
    """Section ``bulk``."""

    flush_items: int
    flush_seconds: float
    workers: int
    max_output_items: int
    max_output_bytes: int
    max_console_bytes: int


@dataclass(frozen=True, slots=True)
class RatingSettings:
    """Section ``rating``; ``accounts`` maps the name of an account to the scopes it may see."""

    period_seconds: int
    wait_periods: int
    look_seconds: float
    begin_at_once: bool
    scope_key: str
    max_scopes: int
    max_rules: int
    max_windows: int
    max_points: int
    keep_hours: int
    meters: Mapping[str, Sequence[str]]
    meter_metric: str
    meter_metadata: Sequence[str]
    accounts: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Section ``jobs``; ``contracts`` is ``default`` or the path of a file."""

    contracts: str
    max_jobs: int
    keep_days: float


@dataclass(frozen=True, slots=True)
class IdempotencySettings:
    """Section ``idempotency``; sizes in bytes."""

    keep_hours: float
    max_keys: int
    max_answer_bytes: int


@dataclass(frozen=True, slots=True)
class ScriptSettings:
    """Section ``scripts``; ``memory_mb`` in MiB."""

    processes: int
    memory_mb: int
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class AggregationSettings:
    """Section ``aggregation``; the files are paths, or empty."""

    max_sources: int
    key_file: str
    authorities_file: str
    allow_http: bool
    connections: int
    connections_per_bmc: int
    connect_timeout_seconds: float
    timeout_seconds: float
    max_answer_bytes: int
    retries: int
    fresh_seconds: float
    members_fresh_seconds: float
    patience_seconds: float
    cache_mb: int
    event_destination: str
    event_verify_certificate: bool
    event_check_seconds: float
    poll_seconds: float


@dataclass(frozen=True, slots=True)
class EmulationSettings:
    """Section ``emulation``."""

    fleet: str
    scenarios: str
    seed: int
    time_factor: float


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Section ``metrics``."""

    without_login: str
    publish_seconds: float


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Section ``log``."""

    level: str
    format: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. ``state_folder`` is an absolute path once loaded."""

    state_folder: str
    store: StoreSettings
    http: HttpSettings
    access: AccessSettings
    tasks: TaskSettings
    engine: EngineSettings
    redfish: RedfishSettings
    events: EventsSettings
    records: RecordSettings
    scans: ScanSettings
    bulk: BulkSettings
    rating: RatingSettings
    jobs: JobSettings
    idempotency: IdempotencySettings
    scripts: ScriptSettings
    aggregation: AggregationSettings
    emulation: EmulationSettings
    metrics: MetricsSettings
    log: LogSettings
