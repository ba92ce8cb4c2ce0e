"""Every day: does serving see what training sees?"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

DOC = """
# check_skew

For a thousand users of the last complete day, each at one of its moments: the features that the gateway logged with
what it showed, against those that the lake's events give for that moment by the same fold; and the daily features
online, against Feast's point-in-time join. The page is `<home>/reports/skew/<date>.html`, the figures are
`latest.json` beside it.

The task fails when a feature is above the bound (`streaming.skew.report.BOUND`). First look at the consumer's lag and
dead letters and at `ingest_events`: events that are late on either side are the usual cause. A run may be repeated.
"""


@dag(
    # After ingest_events has brought the last events of the day. Without a start date, as in train_daily.
    schedule=CronTriggerTimetable("30 1 * * *", timezone="UTC", run_immediately=timedelta(0)),
    is_paused_upon_creation=False,
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "streaming",
        "retries": 1,
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=1),
    },
    tags=["stream", "daily"],
    params={"day": Param(None, type=["null", "string"], description="YYYY-MM-DD; empty: the last complete day")},
    doc_md=DOC,
)
def check_skew() -> None:
    """The DAG."""

    @task(doc_md="Compares, writes the report, fails above the bound; returns the page.")
    def compare() -> str:
        from streaming.skew import job

        return job.check_skew(get_current_context()["params"]["day"])

    compare()


check_skew()
