"""Every week: has the world moved away from what the champion learned?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

DEFAULTS = {
    "owner": "recommendations",
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "execution_timeout": timedelta(hours=1),
}


def perform(run: str, step: str) -> dict[str, Any]:
    """One step of the daily run on the weeks that are compared."""
    from monitoring import weekly

    return weekly.perform_step(run, step)


@dag(
    dag_id="monitor_drift",
    # Without a start date, as in train_daily: a new installation waits for the next Monday.
    schedule=CronTriggerTimetable(
        "0 4 * * 1", timezone="UTC", interval=timedelta(days=7), run_immediately=timedelta(0)
    ),
    is_paused_upon_creation=False,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["monitoring", "weekly"],
    params={"day": Param(None, type=["null", "string"], description="last day, YYYY-MM-DD; empty: up to the run")},
    doc_md=__doc__
    + """

The last seven days against the last week of the champion's training window before them: features, labels, embeddings,
scores, the champion's offline quality and the calibration of its ranker. The report for a person is
`<home>/reports/drift/<date>.html` (its path and its address in MLflow are the XComs of *measure* and *log_report*), the
figures for Prometheus are `latest.json` beside it. A breach goes to the setting `alert_webhook`; with `drift_retrain`
it triggers `train_daily`. `docs/runbooks/drift.md` says what to do. Without a champion, or in its first two weeks, the
run is skipped.
""",
)
def monitor_drift() -> None:
    """The DAG."""

    @task(doc_md="Chooses the weeks and names the reading by a hash of their data.")
    def plan() -> str:
        from monitoring import weekly

        context = get_current_context()
        run = context["dag_run"]
        scheduled = str(run.run_type) not in ("manual", "DagRunType.MANUAL")
        end = run.data_interval_end if scheduled else None
        try:
            return weekly.plan(context["params"]["day"] or (end and end.isoformat()))
        except weekly.TooEarlyError as error:
            raise AirflowSkipException(str(error)) from error

    @task(doc_md="Spark: contract, duplicates, bots and spam dropped, as in the daily run.")
    def clean(run: str) -> dict[str, Any]:
        return perform(run, "clean")

    @task(doc_md="Spark: daily aggregates of users and items, labels from impressions.")
    def features(run: str) -> dict[str, Any]:
        return perform(run, "features")

    @task(doc_md="Point-in-time join of labels and features by Feast.")
    def training_set(run: str) -> dict[str, Any]:
        return perform(run, "training_set")

    @task(doc_md="Compares the two weeks; the path of the page.")
    def measure(run: str) -> str:
        from monitoring import weekly

        return weekly.measure(run)

    @task(doc_md="The report in MLflow; the address of its run.")
    def log_report(page: str) -> str:
        from monitoring import weekly

        return weekly.log_report(page)

    @task(doc_md="Tells the webhook what moved.")
    def alert(page: str, address: str) -> list[str]:
        from monitoring import weekly

        return weekly.alert(page, address)

    @task.short_circuit(doc_md="Goes on only where something moved and the setting drift_retrain is on.")
    def retrains(moved: list[str]) -> bool:
        from monitoring import weekly

        return weekly.retrains(moved)

    run = plan()
    cleaned, aggregated, joined, page = clean(run), features(run), training_set(run), measure(run)
    train = TriggerDagRunOperator(task_id="train", trigger_dag_id="train_daily", doc_md="Starts train_daily.")
    cleaned >> aggregated >> joined >> page
    retrains(alert(page, log_report(page))) >> train


monitor_drift()
