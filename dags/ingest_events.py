"""Every ten minutes: what the stream brought goes into the lake, where the daily training reads it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag, task

DOC = """
# ingest_events

Brings the topics `events` and `impressions` into the lake's tables `interactions` and `impressions`, each message once,
in the partition of the day it happened on. Days that had ended already are marked in `dirty_days`.

A run may be repeated, killed or skipped: the next one goes on where the lake stands. Without news no Spark is started.
"""


@dag(
    schedule=timedelta(minutes=10),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args={"owner": "streaming", "retries": 3, "retry_delay": timedelta(seconds=30)},
    tags=["stream", "lake"],
    doc_md=DOC,
)
def ingest_events() -> None:
    """The DAG."""

    @task
    def sink() -> list[dict[str, Any]]:
        """Both topics, one after the other."""
        from streaming import jobs

        return jobs.ingest_events()

    sink()


ingest_events()
