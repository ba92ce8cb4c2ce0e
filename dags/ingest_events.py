"""Every hour: what the stream brought goes into the lake, where the daily training reads it."""

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

DOC = """
# ingest_events

Brings the topics `events` and `impressions` into the lake's tables `interactions` and `impressions`, each message once,
in the partition of the day it happened on. Days that had ended already are marked in `dirty_days`. Items put and
deleted through the API change the table `items`.

A run may be repeated, killed or skipped: the next one goes on where the lake stands. Without news no Spark is started.
"""


@dag(
    # Shortly before train_daily, so that a day is nearly whole when it is trained on.
    schedule=CronTriggerTimetable("55 * * * *", timezone="UTC", run_immediately=timedelta(0)),
    is_paused_upon_creation=False,
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
        """All topics, one after the other."""
        from streaming import jobs

        return jobs.ingest_events()

    sink()


ingest_events()
