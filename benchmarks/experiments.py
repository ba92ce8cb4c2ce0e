"""Whether the statistics keep their promise: A/A and A/B experiments with known truth, looked at every day.

The simulated users return, their activity is heavy-tailed (log-normal), their click rates differ (beta). All go
through the same functions as real experiments. Baseline: a two-sided test at .05 repeated every day on all data so far.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from benchmarks.result import Figure
from contracts.experiment import Arm, Experiment, RunningExperiment, Status
from experimentation.aggregation import observe
from experimentation.analysis import analyse, windows
from experimentation.assignment import assign
from experimentation.comparison import TUNED_TO, looks
from experimentation.log_tables import Logs, Resources
from experimentation.mismatch import sample_ratio
from experimentation.ratio import difference, ratio
from experimentation.users import Users

DAYS, WINDOW, ALPHA = 14, 3, 0.05
ACTIVITY = (-0.5, 1.2)
"""Mean and deviation of the logarithm of a user's impressions a day."""

RATE, RATE_WEIGHT = 0.1, 20.0
"""The click rate of a user is drawn from a beta distribution with this mean, worth so many impressions."""
AA_USERS, AB_USERS = 3000, 60_000
FIRST_DAY = date(2026, 1, 1)

Counts = npt.NDArray[np.int64]


def simulate(generator: np.random.Generator, users: int, lift: float) -> tuple[Users, Counts, Counts]:
    """One experiment: the users as the analysis sees them, and impressions and clicks int64[users, DAYS] by day."""
    activity = np.exp(generator.normal(*ACTIVITY, users))
    rate = generator.beta(RATE * RATE_WEIGHT, (1 - RATE) * RATE_WEIGHT, users)
    arm = (generator.random(users) < 0.5).astype(np.int16)
    treated = np.minimum(rate * np.where(arm == 1, 1 + lift, 1.0), 1.0)
    impressions = generator.poisson(activity[:, None], (users, DAYS))
    clicks = generator.binomial(impressions, treated[:, None])
    known = generator.random(users) < 0.8
    before = generator.poisson(activity * DAYS) * known
    before_clicks = generator.binomial(before, rate)
    came = impressions.sum(axis=1) > 0
    impressions, clicks, arm = impressions[came], clicks[came], arm[came]
    first = (impressions > 0).argmax(axis=1)
    day = np.arange(DAYS)
    inside = (day >= first[:, None]) & (day < first[:, None] + WINDOW)
    nothing = np.zeros(len(arm))
    table = Users(
        arm,
        first.astype(np.int32),
        (impressions * inside).sum(axis=1).astype(np.float64),
        (clicks * inside).sum(axis=1).astype(np.float64),
        nothing,
        nothing,
        nothing,
        before[came].astype(np.float64),
        before_clicks[came].astype(np.float64),
        np.zeros(len(arm), np.int16),
        np.full(len(arm), -1, np.int16),
    )
    return table, impressions, clicks


def peeked(arm: npt.NDArray[np.int16], impressions: Counts, clicks: Counts) -> bool:
    """The baseline: whether a test at ALPHA on all data so far is significant at the end of any day."""
    shown, clicked = impressions.cumsum(axis=1).astype(np.float64), clicks.cumsum(axis=1).astype(np.float64)
    bound = norm.ppf(1 - ALPHA / 2)
    for day in range(DAYS):
        sides = [ratio(clicked[arm == side, day], shown[arm == side, day]) for side in (0, 1)]
        found = difference(sides[1], sides[0])
        if found.standard_error > 0 and abs(found.effect) > bound * found.standard_error:
            return True
    return False


def experiments(
    generator: np.random.Generator, count: int, users: int, lift: float, progress: Callable[[int], None]
) -> dict[str, float]:
    """Shares over ``count`` experiments: declared by the sequence, by one fixed test at the end and by daily peeking,
    covered at every look, median day of the declaration, mean variance reduction."""
    declared, fixed, peeks, covered, reductions, days = 0, 0, 0, 0, [], []
    for number in range(count):
        table, impressions, clicks = simulate(generator, users, lift)
        first = float((table.day == 0).sum())
        expected = TUNED_TO * first
        found = looks(table, "ctr", 1, range(WINDOW, DAYS), window_days=WINDOW, alpha=ALPHA, expected_users=expected)
        away = [look.day + 1 for look in found if look.ready and (look.interval[0] > 0 or look.interval[1] < 0)]
        truth = RATE * lift
        declared += bool(away)
        days.append(away[0] if away else DAYS + 1)
        fixed += found[-1].fixed_p_value < ALPHA
        covered += all(look.interval[0] <= truth <= look.interval[1] for look in found)
        peeks += peeked(table.arm, impressions, clicks) if lift == 0 else 0
        reductions.append(found[-1].variance_reduction)
        progress(number + 1)
    return {
        "declared": declared / count,
        "fixed": fixed / count,
        "peeked": peeks / count,
        "covered": covered / count,
        "days": float(np.median(days)),
        "reduction": float(np.mean(reductions)),
    }


def mismatches(generator: np.random.Generator, count: int, users: int, share: float) -> float:
    """Share of splits, looked at on each of DAYS days, that raise the alarm of a 50/50 experiment."""
    alarms = 0
    for _ in range(count):
        new = generator.multinomial(users, np.full(DAYS, 1 / DAYS))
        one = generator.binomial(new, share)
        alarms += not sample_ratio(np.column_stack([one, new - one]).cumsum(axis=0), (0.5, 0.5)).ok
    return alarms / count


def assignment_microseconds() -> float:
    """Mean processor time of one assignment."""
    experiment = Experiment(id="bench", arms=(Arm(name="control", share=0.5), Arm(name="variant", share=0.5)))
    running = [RunningExperiment(experiment=experiment, status=Status.RUNNING)]
    names = [f"user-{number}" for number in range(100_000)]
    start = time.process_time()
    for name in names:
        assign(running, name)
    return (time.process_time() - start) / len(names) * 1e6


def write_logs(folder: Path, rows: int) -> None:
    """``rows`` impressions of a tenth as many users over 14 days, and a click on a tenth of them."""
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '1500MB'; SET threads = 2; SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = '{folder}'")
        made = (
            f"WITH drawn AS (SELECT r, hash(r) % {rows // 10} AS u FROM range({rows}) AS t(r)) "
            "SELECT uuid()::TEXT AS request_id, 'u' || u AS user_id, 'i' || (hash(r + 7) % 10000) AS item_id, "
            f"1 AS position, TIMESTAMPTZ '{FIRST_DAY}' + INTERVAL (hash(r + 13) % {DAYS * 86_400}) SECOND "
            "AS timestamp, "
            "'bench' AS experiment, CASE WHEN hash(u) % 2 = 0 THEN 'control' ELSE 'variant' END AS arm, "
            "(hash(r + 3) % 100)::DOUBLE AS latency_ms, hash(r + 5) % 50 = 0 AS degraded FROM drawn"
        )
        connection.execute(f"COPY ({made}) TO '{folder / 'impressions.parquet'}' (FORMAT parquet)")
        clicked = (
            "SELECT 'e' || request_id AS event_id, request_id, user_id, item_id, 'click' AS action, "
            "NULL::DOUBLE AS value, timestamp + INTERVAL 5 SECOND AS timestamp "
            f"FROM '{folder / 'impressions.parquet'}' WHERE hash(request_id) % 10 = 0"
        )
        connection.execute(f"COPY ({clicked}) TO '{folder / 'interactions.parquet'}' (FORMAT parquet)")


def analyse_logs(folder: Path) -> int:
    """The look that the DAG takes at an experiment, on the files of ``write_logs``. Returns the users in it."""
    arms = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5))
    experiment = Experiment(id="bench", arms=arms, guardrails=("conversion_rate",))
    logs = Logs([str(folder / "impressions.parquet")], [str(folder / "interactions.parquet")])
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    observed = observe(
        experiment.id, ["control", "variant"], logs, until=last, windows=windows(experiment),
        resources=Resources(spill=folder),
    )  # fmt: skip
    return sum(evidence.primary.users for evidence in analyse(experiment, observed).evidence)


def analysis(rows: int) -> tuple[float, float]:
    """Seconds and peak GiB of a process that analyses ``rows`` impressions and a tenth as many clicks."""
    with tempfile.TemporaryDirectory() as name:
        write_logs(Path(name), rows)
        start = time.perf_counter()
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            process.submit(analyse_logs, Path(name)).result()
        seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def run(argv: list[str]) -> list[Figure]:
    """Runs all of it; ``--experiments`` scales it down for a quick look."""
    parser = argparse.ArgumentParser(prog="headwater bench experiments")
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--effects", type=int, default=200, help="experiments for each true lift")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(argv)
    generator = np.random.default_rng(options.seed)

    def progress(label: str, count: int) -> Callable[[int], None]:
        def show(done: int) -> None:
            if done % max(1, count // 10) == 0:
                print(f"{label}: {done}/{count}", file=sys.stderr)  # noqa: T201

        return show

    aa = experiments(generator, options.experiments, AA_USERS, 0.0, progress("A/A", options.experiments))
    results = [
        Figure("aa_false_positive", aa["declared"], "share", "daily_peeked_test", aa["peeked"]),
        Figure("aa_fixed_horizon", aa["fixed"], "share", "nominal", ALPHA),
        Figure("aa_coverage", aa["covered"], "share", "nominal", 1 - ALPHA),
        Figure("cuped_variance_reduction", aa["reduction"], "share"),
    ]
    for percent in (2, 5, 10):
        ab = experiments(
            generator, options.effects, AB_USERS, percent / 100, progress(f"lift {percent} %", options.effects)
        )
        results += [
            Figure(f"power_at_{percent}pct", ab["declared"], "share", "fixed_horizon", ab["fixed"]),
            Figure(f"days_to_decision_at_{percent}pct", ab["days"], "days", "fixed_horizon", float(DAYS)),
            Figure(f"coverage_at_{percent}pct", ab["covered"], "share", "nominal", 1 - ALPHA),
        ]
    results += [
        Figure("srm_detected_51_49", mismatches(generator, 200, 100_000, 0.51), "share", "all", 1.0),
        Figure("srm_false_alarm", mismatches(generator, options.experiments, 100_000, 0.5), "share", "nominal", 0.01),
        Figure("assignment", assignment_microseconds(), "microseconds", "budget", 5.0),
    ]
    seconds, gibibytes = analysis(options.rows)
    results += [
        Figure("analysis_seconds", seconds, "seconds", "budget", 60.0),
        Figure("analysis_peak", gibibytes, "GiB", "budget", 2.0),
    ]
    return results
