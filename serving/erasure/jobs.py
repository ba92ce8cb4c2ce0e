"""The daily job that erases users, as Airflow and ``python -m serving.erasure`` start it."""

from typing import Any

import redis

from contracts.settings import Settings
from feature_repo import erased
from lake.store import Lake
from releases.store import ReleaseStore
from serving.erasure.job import erase_waiting
from serving.erasure.ledger import DONE, Ledger
from serving.erasure.online import erase_online, filled_again, remember_waiting


def erase_users() -> dict[str, Any]:
    """Works on every erasure that waits. Returns how many wait, are erased, and are done, and the rows removed.

    Raises UnavailableError or redis.RedisError: the next run goes on."""
    settings = Settings()
    lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
    releases = [manifest.id for manifest in ReleaseStore(settings.releases).list()]
    ledger = Ledger(settings.home / "erasures")
    with redis.Redis.from_url(settings.redis_url) as client:
        filled_again(client, ledger, releases)
        remember_waiting(client, ledger)
        worked_on = erase_waiting(
            ledger,
            lake,
            settings.home,
            lambda user_id: erase_online(client, user_id, releases),
            settings.now(),
        )
        erased.forget(client, {one.user_digest: one.requested_at for one in worked_on if one.state == DONE})
    states = [one.state for one in worked_on]
    return {
        "states": {state: states.count(state) for state in sorted(set(states))},
        "rows": sum(sum(one.tables.values()) + sum(one.files.values()) for one in worked_on),
    }
