"""The API: health, posts, and a job for the worker.

It migrates the database when it starts, as the real one does.
"""

import os
import time
from contextlib import asynccontextmanager

import redis
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import text

from database import engine

STARTED = time.monotonic()
POOL = engine()
QUEUE = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"])


@asynccontextmanager
async def lifespan(_: FastAPI):
    if os.environ.get("MIGRATE_AT_START", "yes") == "yes":
        command.upgrade(Config("alembic.ini"), "head")
    yield


app = FastAPI(lifespan=lifespan)


class Post(BaseModel):
    title: str


@app.get("/health")
def health() -> dict:
    return {
        "status": "ok",
        "uptime_s": round(time.monotonic() - STARTED, 1),
        "environment": os.environ["ENVIRONMENT"],
        "release": os.environ.get("RELEASE", "dev"),
    }


@app.get("/v1/post/recent")
def recent() -> list[dict]:
    with POOL.connect() as connection:
        rows = connection.execute(
            text("SELECT id, title, views FROM posts ORDER BY id DESC LIMIT 20")
        )
        return [dict(row._mapping) for row in rows]


@app.post("/v1/post", status_code=201)
def create(post: Post) -> dict:
    with POOL.begin() as connection:
        row = connection.execute(
            text("INSERT INTO posts (title) VALUES (:title) RETURNING id"), {"title": post.title}
        ).one()
    QUEUE.rpush("jobs", row.id)
    return {"id": row.id}
