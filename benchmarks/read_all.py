"""The floor of a scan: read every record by pipelined commands, and do nothing with it.

``python -m benchmarks.read_all URL TYPE`` prints the seconds that it took and how many there were.
"""

from __future__ import annotations

import sys
import time

from redis import Redis

PAGE = 1000


def main(url: str, type_: str) -> None:
    """Read the ids in pages, and the hashes of each page in one pipeline."""
    with Redis.from_url(url) as redis:
        started, found, after = time.monotonic(), 0, b"-"
        while True:
            ids = redis.zrangebylex(f"{{odimra}}:records:{type_}", after, b"+", 0, PAGE)
            if not ids:
                break
            pipeline = redis.pipeline(transaction=False)
            for one in ids:
                pipeline.hmget(f"{{odimra}}:record:{type_}:{one.decode()}", "doc", "rev")
            found += len(pipeline.execute())
            after = b"(" + ids[-1]
        print(time.monotonic() - started, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
