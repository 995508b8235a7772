"""From a URL to a client: the only module that knows the topology of Redis.

``redis:// rediss:// unix://`` name one server, ``redis+sentinel://host:port,host:port/name/db`` a
master found through Sentinel, ``redis+cluster://`` (or ``rediss+cluster://``) a Cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import DataError

Client = Redis | RedisCluster


class BadStoreUrl(ValueError):
    """The URL of the store cannot be understood."""


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """How to connect. Times in seconds."""

    url: str
    connections: int = 4
    timeout: float = 0.8


class _Packed:
    """Packs commands by hiredis, in a third of the time that the client library itself takes.

    The library does so only where nothing is asynchronous.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        name = args[0]
        # The library's own methods have names of two words: SCRIPT LOAD.
        words = name.split() if isinstance(name, str) else [name]
        try:
            return [hiredis.pack_command((*words, *args[1:]))]
        except TypeError as error:
            raise DataError(str(error)) from None


class _Tcp(_Packed, Connection):
    pass


class _Tls(_Packed, SSLConnection):
    pass


class _Unix(_Packed, UnixDomainSocketConnection):
    pass


_PACKED: dict[str, type[AbstractConnection]] = {"redis": _Tcp, "rediss": _Tls, "unix": _Unix}


def _common(options: ConnectOptions) -> dict[str, Any]:
    # socket_timeout stays None: redis-py 8 would otherwise wrap every read in a task of its own
    # (a fifth of the speed) and abort blocking reads. The time limit is the coalescer's.
    # Nothing is retried: a script that was applied before its answer was lost must not run twice.
    return {
        "socket_timeout": None,
        "socket_connect_timeout": options.timeout,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        "protocol": 2,
    }


def connect(options: ConnectOptions) -> Client:
    """Return a client for ``options.url``; nothing is sent yet.

    Raises :class:`BadStoreUrl` when the URL cannot be understood.
    """
    scheme = urlsplit(options.url).scheme
    if scheme in ("redis", "rediss", "unix"):
        common = _common(options)
        if scheme == "unix":
            common.pop("socket_keepalive")
        pool = BlockingConnectionPool.from_url(
            options.url,
            # More than the coalescer's lanes: the tracking cache and the signals have their own.
            max_connections=options.connections + 4,
            timeout=options.timeout,
            **common,
        )
        pool.connection_class = _PACKED[scheme]
        return Redis(connection_pool=pool)
    if scheme in ("redis+sentinel", "rediss+sentinel"):
        return _sentinel(options)
    if scheme in ("redis+cluster", "rediss+cluster"):
        return _cluster(options)
    raise BadStoreUrl(f"the scheme '{scheme}' of the store's URL is not one that is known")


def _credentials(netloc: str) -> tuple[str | None, str | None, str]:
    login, _, hosts = netloc.rpartition("@")
    if not login:
        return None, None, hosts
    user, _, password = login.partition(":")
    return unquote(user) or None, unquote(password) or None, hosts


def _hosts(hosts: str, default_port: int) -> list[tuple[str, int]]:
    found = []
    for entry in filter(None, hosts.split(",")):
        host, _, port = entry.partition(":")
        found.append((host, int(port or default_port)))
    if not found:
        raise BadStoreUrl("the store's URL names no host")
    return found


def _tls(scheme: str, query: str) -> dict[str, Any]:
    if not scheme.startswith("rediss"):
        return {}
    names = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
    given = parse_qs(query)
    return {"ssl": True, **{name: given[name][0] for name in names if name in given}}


def _sentinel(options: ConnectOptions) -> Redis:
    parts = urlsplit(options.url)
    user, password, hosts = _credentials(parts.netloc)
    name, _, db = parts.path.strip("/").partition("/")
    if not name:
        raise BadStoreUrl("a Sentinel URL needs the name of the master as its path")
    common = {**_common(options), **_tls(parts.scheme, parts.query)}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(hosts, 26379),
        sentinel_kwargs={"socket_timeout": options.timeout, **_tls(parts.scheme, parts.query)},
        **common,
    )
    master: Redis = sentinel.master_for(name, db=int(db or 0), username=user, password=password)
    return master


def _cluster(options: ConnectOptions) -> RedisCluster:
    from redis.asyncio.cluster import ClusterNode

    parts = urlsplit(options.url)
    user, password, hosts = _credentials(parts.netloc)
    common = {**_common(options), **_tls(parts.scheme, parts.query)}
    common.pop("retry")
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in _hosts(hosts, 6379)],
        username=user,
        password=password,
        # A cluster's redirections are followed; what was sent is not sent again otherwise.
        retry=Retry(NoBackoff(), 0),
        **common,
    )
