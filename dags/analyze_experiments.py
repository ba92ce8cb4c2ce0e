"""Every day: look at each running experiment, and do what the numbers decide."""

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

DOC = """
# analyze_experiments

*ingest* brings the last of the day into the lake, so that nothing is concluded from half a day. *replay* asks a
challenger the requests of that day: it informs, whatever it finds. *running* opens the experiment of a new challenger,
where the setting says so.

For each experiment that runs: *analyse* everything up to the end of the day before (DuckDB over the lake; confidence
sequences, so a look every day costs nothing), keep the look, then *carry out* what was decided: promote or roll back
through the same door as `headwater release`, or end it as futile or inconclusive. The log of *carry out* ends with
the verdict and its reasons as numbers. *grow* enrols more users while guardrails hold.

The day is the last complete one on the installation's clock, or the parameter `day`.
A run may be repeated or be late: the same day gives the same look, and a decision moves the pointer once.
"""


@dag(
    schedule=CronTriggerTimetable("0 1 * * *", timezone="UTC", run_immediately=timedelta(0)),
    is_paused_upon_creation=False,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    default_args={"owner": "experimentation", "retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["experiments"],
    params={"day": Param(None, type=["null", "string"], description="look at everything up to this day, YYYY-MM-DD")},
    doc_md=DOC,
)
def analyze_experiments() -> None:
    """The DAG."""

    @task
    def ingest() -> list[dict[str, Any]]:
        """What the stream still holds of the day."""
        from streaming import jobs

        return jobs.ingest_events()

    @task
    def replay() -> dict[str, Any] | None:
        """The challenger on the requests of the day."""
        from serving import jobs

        return jobs.replay_challenger(get_current_context()["params"]["day"])

    @task
    def running() -> list[str]:
        """The ids of the experiments that run."""
        from experimentation import daily

        return daily.running()

    @task(max_active_tis_per_dagrun=1)
    def analyse(experiment: str) -> dict[str, Any]:
        """One look; returns the experiment's id and the decision."""
        from experimentation import daily

        return daily.analyse(experiment, get_current_context()["params"]["day"])

    @task(max_active_tis_per_dagrun=1)
    def carry_out(look: dict[str, Any]) -> dict[str, Any]:
        """Moves the pointer if that was decided, and ends the experiment."""
        from experimentation import daily

        return daily.carry_out(look)

    @task(max_active_tis_per_dagrun=1)
    def grow(look: dict[str, Any]) -> float | None:
        """Enrols more users in a challenger's experiment while its guardrails hold."""
        from experimentation import daily

        return daily.grow(look)

    found = running()
    ingest() >> replay() >> found
    looks = analyse.expand(experiment=found)
    carry_out.expand(look=looks) >> grow.expand(look=looks)


analyze_experiments()
