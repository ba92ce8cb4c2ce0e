"""What each worker process of the gateway runs."""

import ctypes
import gc
import multiprocessing
import os
import signal

from fastapi import FastAPI

from contracts.settings import Settings
from serving.gateway import app, logs
from serving.gateway.configuration import Configuration
from serving.gateway.service import Gateway

METRICS_FOLDER = "gateway/metrics"


PR_SET_PDEATHSIG = 1
"""Of linux/prctl.h."""


def end_with_parent() -> None:
    """Has this process killed when the parent that started it is gone, however it went: a worker left alone would hold
    the port against the next parent."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:
        os.kill(os.getpid(), signal.SIGKILL)


def create() -> FastAPI:
    """The application as the settings say."""
    end_with_parent()
    # Nothing that starting makes is garbage, and looking for some takes a fifth of the start: on again when it serves.
    gc.disable()
    settings = Settings()
    logs.configure(settings.log_level)
    return app.create(Gateway(Configuration.of(settings, settings.home / METRICS_FOLDER)), gc.enable)
