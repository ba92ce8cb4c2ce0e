"""The daily training run: interactions of the lake become a better release, and a worse one never ships."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

log = logging.getLogger(__name__)


def last_word(context: Any) -> None:
    """Says why a task failed in the last line of its log, below the traceback."""
    log.error("%s", context.get("exception"))


DEFAULTS = {
    "owner": "recommendations",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "execution_timeout": timedelta(hours=1),
    "on_failure_callback": last_word,
    "on_retry_callback": last_word,
}


def perform(run_id: str, step: str) -> dict[str, Any]:
    """Runs one step of training.jobs; data that is broken is no reason to try again."""
    from training.jobs.entry import BrokenDataError, run_step

    try:
        report = run_step(run_id, step)
    except BrokenDataError as error:
        raise AirflowFailException(str(error)) from error
    log.info("%s: %s", step, report)
    return report


@dag(
    dag_id="train_daily",
    # A trigger timetable without a start date: taking the DAG out of pause waits for the next midnight. With either
    # another timetable or a start date Airflow would train on the day before at once; so it would, whatever its manual
    # says of False, until a tenth of the day is over.
    schedule=CronTriggerTimetable(
        "0 0 * * *", timezone="UTC", interval=timedelta(days=1), run_immediately=timedelta(0)
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["training", "daily"],
    params={
        "date": Param(None, type=["null", "string"], description="YYYY-MM-DD; empty: the run's interval, or now"),
        "seed": Param(None, type=["null", "integer"], minimum=0, description="empty: the setting train_seed"),
        "budget": Param(None, type=["null", "integer"], minimum=1, description="seconds; empty: train_seconds"),
    },
    doc_md=__doc__
    + """

Each task is one step of `training.jobs`, whose files lie under `<home>/runs/<run>/<step>/`. A retry skips what is done
with the same inputs. Data Docs of the two validations: `<home>/data_docs` (the address is in their log and XCom).
A refusal by the gate is a success on the branch `refused`, with its numbers in the log of `gate`.
""",
)
def train_daily() -> None:
    @task(doc_md="Names the run by a hash of its data, settings, seed and commit.")
    def plan() -> str:
        from training.jobs.entry import plan_run

        context = get_current_context()
        params, run = context["params"], context["dag_run"]
        scheduled = str(run.run_type) not in ("manual", "DagRunType.MANUAL")
        end = run.data_interval_end if scheduled else None
        named: str = plan_run(params["date"] or (end and end.isoformat()), params["seed"], params["budget"])
        log.info("run %s", named)
        return named

    @task(doc_md="Spark: contract, duplicates, bots and spam dropped by stated rules and counted.")
    def clean(run: str) -> dict[str, Any]:
        return perform(run, "clean")

    @task(doc_md="Spark: daily aggregates of users and items, labels from impressions.")
    def features(run: str) -> dict[str, Any]:
        return perform(run, "features")

    @task(doc_md="Great Expectations on the lake slice. A broken day stops here.")
    def validate_lake(run: str) -> dict[str, Any]:
        return perform(run, "validate_lake")

    @task(doc_md="Point-in-time join of labels and features by Feast.")
    def training_set(run: str) -> dict[str, Any]:
        return perform(run, "training_set")

    @task(doc_md="Great Expectations on the training set.")
    def validate_training_set(run: str) -> dict[str, Any]:
        return perform(run, "validate_training_set")

    @task(doc_md="Two-tower retrieval in TensorFlow Recommenders.")
    def train_two_tower(run: str) -> dict[str, Any]:
        return perform(run, "train_two_tower")

    @task(doc_md="ALS in Spark.")
    def train_als(run: str) -> dict[str, Any]:
        return perform(run, "train_als")

    @task(doc_md="Item-kNN, the sequential linear model, popularity and trends.")
    def train_item_models(run: str) -> dict[str, Any]:
        return perform(run, "train_item_models")

    @task(doc_md="LambdaMART and the deep ranker on candidates of sources that have not seen the labels.")
    def train_rankers(run: str) -> dict[str, Any]:
        return perform(run, "train_rankers")

    @task(doc_md="Users' recent actions into their online state.")
    def seed_histories(run: str) -> dict[str, Any]:
        return perform(run, "seed_histories")

    @task(doc_md="One directory in the layout of a release, with its index.")
    def assemble(run: str) -> dict[str, Any]:
        return perform(run, "assemble")

    @task(doc_md="Every model, the champion and the anchor on one time holdout, with bootstrap intervals.")
    def evaluate(run: str) -> dict[str, Any]:
        return perform(run, "evaluate")

    @task.branch(doc_md="Ship or refuse, with every check as numbers in the log.")
    def gate(run: str) -> str:
        report = perform(run, "gate")
        for check in report["checks"]:
            log.info("%s", check)
        return "publish" if report["passed"] else "refused"

    @task(doc_md="The candidate stays out; the run and its numbers are in MLflow. No error.")
    def refused(run: str) -> dict[str, Any]:
        return perform(run, "refused")

    @task(doc_md="The immutable directory and its manifest.")
    def publish(run: str) -> dict[str, Any]:
        return perform(run, "publish")

    @task(doc_md="Features and vectors into Redis and Parquet; old releases' vectors cleaned.")
    def export(run: str) -> dict[str, Any]:
        return perform(run, "export")

    @task(doc_md="The run and the model version in MLflow.")
    def register(run: str) -> dict[str, Any]:
        return perform(run, "register")

    @task(doc_md="Moves the pointer champion: the very last step.")
    def promote(run: str) -> dict[str, Any]:
        return perform(run, "promote")

    run = plan()
    cleaned, aggregated, judged = clean(run), features(run), validate_lake(run)
    joined, sound = training_set(run), validate_training_set(run)
    tower, als, item_models, rankers = train_two_tower(run), train_als(run), train_item_models(run), train_rankers(run)
    whole, measured, verdict = assemble(run), evaluate(run), gate(run)
    cleaned >> [aggregated, judged] >> joined >> sound >> tower
    # Each model waits for the judgement of what it reads; ALS for the features too, so that one Spark runs at a time.
    judged >> item_models
    [aggregated, judged] >> als
    [tower, als, item_models] >> rankers >> whole >> measured >> verdict
    shipped, exported, seeded = publish(run), export(run), seed_histories(run)
    # Needed by the export alone; here, where the evaluation leaves a core idle.
    rankers >> seeded >> exported
    verdict >> refused(run)
    verdict >> shipped >> [exported, register(run)] >> promote(run)


train_daily()
