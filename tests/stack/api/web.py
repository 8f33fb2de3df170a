"""The site: one page that names the API that it was built for."""

import os

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI()


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    return f"<!doctype html><title>Makapix</title><p data-api=\"{os.environ['NEXT_PUBLIC_API_BASE_URL']}\">"
