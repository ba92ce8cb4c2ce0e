"""Every day: users who asked for it are taken out of everything that is kept."""

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

DOC = """
# erase_users

Carries out what `DELETE /v1/users/{id}` asked for: *ingest* brings the last of the stream into the lake, *erase* takes
the users' rows out of every table of the lake, of exports, of training runs, of impressions that wait on disk, and of
the online store. `GET /v1/users/{id}/erasure` tells how far each is.

Messages in Kafka end by retention, so an erasure stays at *erased* until the longest one is over and the lake is
looked through again every day until then; then it is *done* and the id is forgotten. A run may be repeated or late.
"""


@dag(
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC", run_immediately=timedelta(0)),
    is_paused_upon_creation=False,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    default_args={"owner": "serving", "retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["privacy", "lake"],
    doc_md=DOC,
)
def erase_users() -> None:
    """The DAG."""

    @task
    def ingest() -> list[dict[str, Any]]:
        """What the stream still holds, so that no row of before comes after."""
        from streaming import jobs

        return jobs.ingest_events()

    @task
    def erase() -> dict[str, Any]:
        """Everything that waits."""
        from serving.erasure import jobs

        return jobs.erase_users()

    ingest() >> erase()


erase_users()
