"""From the settings to what each room takes: one function per room.

Called by the composition root and by whoever puts a few rooms together (tests, tools).
"""

from __future__ import annotations

from pathlib import Path

import odimra
from odimra.access import (
    AccessOptions,
    HashingOptions,
    Policy,
    SessionLimits,
    SessionPolicy,
)
from odimra.aggregation.bmc import BmcOptions, WireOptions
from odimra.aggregation.bmcs import BmcsOptions
from odimra.aggregation.inventory import InventoryOptions
from odimra.aggregation.listening import ListeningOptions
from odimra.cloudkitty.frame import RatingOptions
from odimra.config import Settings
from odimra.crest.frame import CrestOptions
from odimra.dataone.frame import JobManagerOptions
from odimra.engine import EngineOptions, ExecutorOptions, Limits
from odimra.events import FeedOptions, PushOptions, StreamOptions, SubscriptionOptions
from odimra.jobs.bulk.steps import BulkOptions
from odimra.jobs.reprocess.cycle import CycleOptions
from odimra.jobs.scanner.work import WorkOptions
from odimra.jobs.scanner.worker import ScannerOptions
from odimra.metrics.frame import MetricsOptions
from odimra.midpoint.frame import MidpointOptions
from odimra.networks import Reach, parse
from odimra.rating.meters import MeterOptions
from odimra.records.model import RecordOptions
from odimra.redfish.frame import FrameOptions
from odimra.redfish.query import QueryOptions
from odimra.scripting import ScriptOptions
from odimra.store import StoreOptions
from odimra.tasks import TaskOptions
from odimra.tasks.retries import RetryOptions
from odimra.wire import BodyLimits


def store_options(settings: Settings, store_url: str) -> StoreOptions:
    """Return the section ``store`` as that room takes it."""
    given = settings.store
    return StoreOptions(
        store_url,
        given.namespace,
        given.connections,
        given.timeout_seconds,
        given.cache_entries,
        settings.tasks.max_events,
    )


def metrics_options(settings: Settings) -> MetricsOptions:
    """Return the section ``metrics`` as that room takes it."""
    given = settings.metrics
    return MetricsOptions(
        without_login=given.without_login,
        every=given.publish_seconds,
        version=odimra.__version__,
        public_url=settings.http.public_url,
    )


def access_options(settings: Settings) -> AccessOptions:
    """Return the section ``access`` as that room takes it."""
    given = settings.access
    return AccessOptions(
        administrator=given.administrator,
        policy=Policy(
            given.min_password_length,
            given.max_password_length,
            given.lockout_threshold,
            given.lockout_duration_seconds,
            given.lockout_reset_after_seconds,
        ),
        sessions=SessionPolicy(given.session_timeout_seconds),
        limits=SessionLimits(given.sessions_per_user, given.max_sessions),
        max_accounts=given.max_accounts,
        basic_cache=given.basic_cache_seconds,
        hashing=HashingOptions(
            given.argon2.time_cost,
            given.argon2.memory_kib,
            given.argon2.parallelism,
            given.argon2.threads,
        ),
    )


def task_options(settings: Settings) -> TaskOptions:
    """Return the section ``tasks`` as that room takes it."""
    return TaskOptions(
        max_tasks=settings.tasks.max,
        policy=settings.tasks.overwrite_policy,
        max_messages=settings.tasks.max_messages,
        max_result_bytes=settings.tasks.max_result_bytes,
        resubmit_ms=round(settings.engine.resubmit_seconds * 1000),
        max_interruptions=settings.engine.max_interruptions,
        progress_step=settings.events.progress_step_percent,
        progress_ms=round(settings.events.progress_interval_seconds * 1000),
    )


def engine_options(settings: Settings, store_url: str) -> EngineOptions:
    """Return the section ``engine`` as that room takes it."""
    given = settings.engine
    return EngineOptions(
        ExecutorOptions(
            store_url,
            f"{settings.store.namespace}-engine",
            given.concurrency,
            given.poll_milliseconds / 1000,
            given.redelivery_seconds,
        ),
        Limits(given.limits.kinds, given.limits.per_target),
        given.drain_seconds,
    )


def subscription_options(settings: Settings) -> SubscriptionOptions:
    """Return what is kept of subscriptions."""
    return SubscriptionOptions(settings.events.max_subscriptions)


def stream_options(settings: Settings) -> StreamOptions:
    """Return what is kept of streams of server-sent events."""
    return StreamOptions(settings.events.max_streams)


def feed_options(settings: Settings) -> FeedOptions:
    """Return the section ``events`` as the streams take it."""
    given = settings.events
    return FeedOptions(keep_alive=given.keep_alive_seconds, bound=given.stream_buffer_bytes)


def push_options(settings: Settings) -> PushOptions:
    """Return the section ``events`` as the delivery takes it."""
    timeout = settings.events.delivery_timeout_seconds
    return PushOptions(
        timeout=timeout,
        # A holder that is posting keeps its lease to the end of the post.
        lease=timeout + 5,
        reach=reach(settings),
    )


def reach(settings: Settings) -> Reach:
    """Return where events may be sent."""
    given = settings.events
    return Reach(parse(given.allowed_networks), parse(given.denied_networks))


def record_options(settings: Settings) -> RecordOptions:
    """Return the section ``records`` as that room takes it."""
    given = settings.records
    return RecordOptions(
        types=tuple(given.types),
        max_bytes=given.max_bytes,
        max_records=given.max_records,
        max_sorted=given.max_sorted,
        max_results=given.max_results,
    )


def scanner_options(settings: Settings) -> ScannerOptions:
    """Return the section ``scans`` as the job kind takes it."""
    given = settings.scans
    return ScannerOptions(WorkOptions(hold=given.claim_seconds), given.lenient)


def bulk_options(settings: Settings) -> BulkOptions:
    """Return the section ``bulk`` as the job kind takes it."""
    given = settings.bulk
    return BulkOptions(
        flush_items=given.flush_items,
        flush_seconds=given.flush_seconds,
        workers=given.workers,
        max_items=given.max_output_items,
        max_bytes=given.max_output_bytes,
        max_console=given.max_console_bytes,
        max_records=settings.records.max_records,
        max_events=settings.tasks.max_events,
        max_sorted=settings.records.max_sorted,
    )


def script_options(settings: Settings) -> ScriptOptions:
    """Return the section ``scripts`` as that room takes it."""
    given = settings.scripts
    return ScriptOptions(processes=given.processes, memory=given.memory_mb * 1024 * 1024)


def crest_options(settings: Settings) -> CrestOptions:
    """Return the bounds of requests as that face takes them."""
    return CrestOptions(body_limits(settings), settings.scans.lenient, settings.http.public_url)


def midpoint_options(settings: Settings) -> MidpointOptions:
    """Return the bounds of requests as that face takes them."""
    return MidpointOptions(body_limits(settings), settings.http.public_url)


def rating_options(settings: Settings) -> RatingOptions:
    """Return the bounds of requests as that face takes them."""
    return RatingOptions(body_limits(settings), settings.http.public_url, settings.rating.accounts)


def retry_options(settings: Settings) -> RetryOptions:
    """Return for how long requests that may come again are known, and how many."""
    given = settings.idempotency
    return RetryOptions(int(given.keep_hours * 3600), given.max_keys, given.max_answer_bytes)


def cycle_options(settings: Settings) -> CycleOptions:
    """Return when the ordinary rating rates what."""
    given = settings.rating
    return CycleOptions(
        given.period_seconds, given.wait_periods, given.look_seconds, given.keep_hours * 3600
    )


def meter_options(settings: Settings) -> MeterOptions:
    """Return who pays for which machines."""
    given = settings.rating
    return MeterOptions(
        given.meters,
        given.meter_metric,
        given.scope_key,
        given.meter_metadata,
        given.period_seconds,
        # One look may be missed.
        max(2.5 * given.look_seconds, 1.0),
        given.max_points,
    )


def bmcs_options(settings: Settings) -> BmcsOptions:
    """Return how BMCs are spoken to."""
    given = settings.aggregation
    wire = WireOptions(
        connections=given.connections,
        per_bmc=given.connections_per_bmc,
        connect_timeout=given.connect_timeout_seconds,
        timeout=given.timeout_seconds,
        longest_answer=given.max_answer_bytes,
    )
    authorities = given.authorities_file
    return BmcsOptions(
        wire,
        BmcOptions(retries=given.retries),
        str(Path(authorities).expanduser()) if authorities else "",
    )


def inventory_options(settings: Settings) -> InventoryOptions:
    """Return how the resources of BMCs are read and kept."""
    given = settings.aggregation
    return InventoryOptions(
        fresh=given.fresh_seconds,
        members_fresh=given.members_fresh_seconds,
        patience=given.patience_seconds,
        longest=given.timeout_seconds,
        kept_bytes=given.cache_mb * 1024 * 1024,
    )


def listening_options(settings: Settings) -> ListeningOptions:
    """Return how BMCs are listened to."""
    given = settings.aggregation
    return ListeningOptions(
        given.event_destination or settings.http.public_url,
        given.event_verify_certificate,
        given.poll_seconds,
        given.event_check_seconds,
    )


def vault_file(settings: Settings) -> Path:
    """Return where the key is that seals the passwords of sources."""
    given = settings.aggregation.key_file
    return Path(given).expanduser() if given else Path(settings.state_folder) / "aggregation.key"


def job_manager_options(settings: Settings) -> JobManagerOptions:
    """Return the bounds of requests as that face takes them."""
    return JobManagerOptions(body_limits(settings), settings.http.public_url)


def body_limits(settings: Settings) -> BodyLimits:
    """Return the bounds of a request's body."""
    http = settings.http
    return BodyLimits(http.max_body_bytes, http.max_json_depth, http.request_timeout_seconds)


def frame_options(settings: Settings) -> FrameOptions:
    """Return the bounds of requests and answers as the frame takes them."""
    return FrameOptions(body_limits(settings), query_options(settings), settings.http.public_url)


def query_options(settings: Settings) -> QueryOptions:
    """Return the section ``redfish`` as the frame takes it."""
    given = settings.redfish
    return QueryOptions(given.page_size, given.max_expand_members, given.max_filter_scan)
