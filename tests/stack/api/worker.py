"""The worker: takes a post's id from the queue and counts a view."""

import os
import signal
import sys

import redis
from sqlalchemy import text

from database import engine


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pool = engine()
    queue = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"])
    while True:
        job = queue.blpop("jobs", timeout=5)
        if job is None:
            continue
        with pool.begin() as connection:
            connection.execute(
                text("UPDATE posts SET views = views + 1 WHERE id = :id"), {"id": int(job[1])}
            )


if __name__ == "__main__":
    main()
