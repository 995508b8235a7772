"""The floor of a bulk script: read every record, change it, write it, by pipelined commands.

``python -m benchmarks.modify_all URL TYPE VALUE`` sets a title and prints the seconds that it took
and how many records there were. It compares no revisions, keeps no place and puts nothing out.
"""

from __future__ import annotations

import sys
import time

import orjson
from redis import Redis

PAGE = 500


def main(url: str, type_: str, value: str) -> None:
    """Work on one page of records after the other."""
    with Redis.from_url(url) as redis:
        started, found, after = time.monotonic(), 0, b"-"
        while True:
            ids = redis.zrangebylex(f"{{odimra}}:records:{type_}", after, b"+", 0, PAGE)
            if not ids:
                break
            keys = [f"{{odimra}}:record:{type_}:{one.decode()}" for one in ids]
            reading = redis.pipeline(transaction=False)
            for key in keys:
                reading.hmget(key, "doc", "rev")
            writing = redis.pipeline(transaction=False)
            for key, (doc, rev) in zip(keys, reading.execute(), strict=True):
                changed = orjson.dumps({**orjson.loads(doc), "title": value})
                writing.hset(key, mapping={"doc": changed, "rev": int(rev) + 1})
            found += len(writing.execute())
            after = b"(" + ids[-1]
        print(time.monotonic() - started, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
