"""Which week is compared with which."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from contracts.clock import utc
from contracts.errors import HeadwaterError
from contracts.release import Manifest

WEEK = 7 * 86400.0
MOST_HISTORY = 12 * WEEK


class TooEarlyError(HeadwaterError):
    """There is not yet enough to compare; nothing is wrong."""


@dataclass(frozen=True)
class Window:
    """[start, end), epoch seconds. What users did in the ``history`` seconds before ``start`` is known of them."""

    start: float
    end: float
    history: float

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """Start and end."""
        return utc(self.start), utc(self.end)


def windows(manifest: Manifest, end: datetime, first_day: date) -> tuple[Window, Window]:
    """The last seven days of the champion's data that lie before the week to be judged, and that week, which ends at
    ``end``. Both are whole weeks, so that a Sunday meets a Sunday, and both know their users for equally long (up to
    ``MOST_HISTORY``, and no longer than since ``first_day`` of the data), so that a history that only grows older is
    no drift.

    Raises TooEarlyError where the data begins less than two weeks before ``end``.
    """
    current = end.timestamp() - WEEK
    reference_end = min(manifest.data_to.timestamp(), current)
    reference = reference_end - WEEK
    began = max(datetime.combine(first_day, datetime.min.time(), UTC), manifest.data_from).timestamp()
    if reference < began:
        raise TooEarlyError(
            f"drift needs a week of data before {utc(reference_end):%Y-%m-%d} and the data begins on "
            f"{utc(began):%Y-%m-%d}: wait until {utc(end.timestamp() + began - reference):%Y-%m-%d}"
        )
    history = min(MOST_HISTORY, reference - began)
    return Window(reference, reference_end, history), Window(current, current + WEEK, history)
