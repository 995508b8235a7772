"""How a child process never outlives its parent, even one that is killed with SIGKILL.

Used by the supervisor and the embedded store for what they start. Must never import a room.
Two means: Linux's parent-death signal, arranged between fork and exec, and, for our own Python
children everywhere, a pipe whose end is the parent's.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> Callable[[], None]:
    """Return what a child runs between fork and exec so that it dies when ``parent`` does.

    Linux only (prctl(2): PR_SET_PDEATHSIG survives execve); elsewhere it does nothing. The kernel
    sends the signal when the *thread* that forked ends: fork from the main thread.
    """
    if sys.platform != "linux":  # pragma: no cover - the tests of this line need another system
        return lambda: None
    # Loaded here, not in the child: between fork and exec nothing may be imported.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def arrange() -> None:  # pragma: no cover - between fork and exec, where no tracer follows
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            # The parent died before the signal was arranged; it will not come any more.
            os._exit(1)

    return arrange


def exit_with_pipe(pipe: BinaryIO) -> threading.Thread:
    """Start a thread that ends this process at once when ``pipe`` comes to its end."""
    descriptor = pipe.fileno()

    def watch() -> None:
        # Not pipe.read: a thread inside it would hold the lock that the interpreter's end needs.
        while os.read(descriptor, 1):
            pass
        os._exit(1)

    thread = threading.Thread(target=watch, name="lifeline", daemon=True)
    thread.start()
    return thread
