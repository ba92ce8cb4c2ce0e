"""What the gateway and the consumer did in an interval, from what their counters grew by."""

from typing import Any

from console.exposition import Scrape

RECOMMENDATIONS = "/v1/recommendations"
STAGE = "headwater_stage_seconds"
REQUEST = "headwater_request_seconds"
AGE = "headwater_consumer_event_age_seconds"


def of_gateway(now: Scrape, grown: Scrape, seconds: float) -> dict[str, Any]:
    """Requests, times in milliseconds, and shares. A share or time of nothing is None."""
    stages = {name: count for name, count in grown.by(f"{STAGE}_count", "stage").items() if count > 0}
    answers = max(stages.values(), default=0.0)
    degraded = {name: count for name, count in grown.by("headwater_degraded_total", "stage").items() if count > 0}
    rows = grown.by("headwater_user_rows_total", "state")
    codes = grown.by("headwater_requests_total", "code")
    requests = sum(codes.values())
    return {
        "requests_per_second": requests / seconds,
        "codes": {code: count for code, count in sorted(codes.items()) if count > 0},
        "failed_share": _share(sum(count for code, count in codes.items() if code.startswith("5")), requests),
        "p50_ms": _ms(grown.quantile(REQUEST, 0.5, route=RECOMMENDATIONS)),
        "p95_ms": _ms(grown.quantile(REQUEST, 0.95, route=RECOMMENDATIONS)),
        "stages": [
            {
                "stage": name,
                "count": int(count),
                "p50_ms": _ms(grown.quantile(STAGE, 0.5, stage=name)),
                "p95_ms": _ms(grown.quantile(STAGE, 0.95, stage=name)),
            }
            for name, count in stages.items()
        ],
        "answers": int(answers),
        "degraded_share": _share(max(degraded.values(), default=0.0), answers),
        "degraded": degraded,
        "hit_share": _share(rows.get("fresh", 0.0) + rows.get("stale", 0.0), sum(rows.values())),
        "stale_share": _share(rows.get("stale", 0.0), sum(rows.values())),
        "sources": grown.by("headwater_candidates_total", "source"),
        "impressions": grown.by("headwater_impressions_total", "outcome"),
        "impressions_waiting": now.total("headwater_impression_buffer", where="memory"),
        "impressions_on_disk_bytes": now.most("headwater_impression_spilled_bytes"),
        "item_features_age_seconds": now.most("headwater_item_features_age_seconds"),
    }


def of_consumer(now: Scrape, grown: Scrape, seconds: float) -> dict[str, Any]:
    """Events, lag in messages, and the age of events when they were written, in milliseconds."""
    return {
        "lag": now.total("headwater_consumer_lag"),
        "events_per_second": grown.total("headwater_consumer_events_total") / seconds,
        "repeated": grown.total("headwater_consumer_repeated_events_total"),
        "age_p50_ms": _ms(grown.quantile(AGE, 0.5)),
        "age_p95_ms": _ms(grown.quantile(AGE, 0.95)),
        "dead_letters": grown.total("headwater_consumer_dead_letters_total"),
        "dead_letters_in_all": now.total("headwater_consumer_dead_letters_total"),
        "outages": {name: n for name, n in grown.by("headwater_consumer_outages_total", "dependency").items() if n > 0},
        "vectors_behind": now.total("headwater_consumer_vectors_behind"),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
