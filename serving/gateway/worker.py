"""What each worker process of the gateway runs."""

import gc

from fastapi import FastAPI

from contracts.settings import Settings
from serving.gateway import app, logs
from serving.gateway.configuration import Configuration
from serving.gateway.service import Gateway

METRICS_FOLDER = "gateway/metrics"


def create() -> FastAPI:
    """The application as the settings say."""
    settings = Settings()
    logs.configure(settings.log_level)
    return app.create(Gateway(Configuration.of(settings, settings.home / METRICS_FOLDER)), gc.enable)
