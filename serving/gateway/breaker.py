"""Circuit breaking: a dependency that failed a few times in a row is left alone for a moment, then tried once."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pybreaker

from contracts.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")


class Breaker:
    """Guards the calls to one dependency, from many threads.

    pybreaker's own ``call`` holds a lock while the guarded function runs, which would make requests wait for each
    other; while the circuit is closed its state is called directly.
    """

    def __init__(
        self,
        dependency: str,
        faults: tuple[type[Exception], ...],
        *,
        failures: int = 3,
        reset_seconds: float = 1.0,
    ) -> None:
        """``faults`` are what the dependency's library raises when it is down; anything else passes unseen."""
        self.dependency = dependency
        self._faults = faults
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=failures, reset_timeout=reset_seconds, exclude=[lambda error: not isinstance(error, faults)]
        )

    @property
    def closed(self) -> bool:
        """Whether calls go through."""
        return bool(self._breaker.current_state == pybreaker.STATE_CLOSED)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls ``function``. Raises UnavailableError when the dependency is down or the circuit is open."""
        try:
            if self.closed:
                return self._breaker.state.call(function, *args, **kwargs)  # type: ignore[no-any-return]
            return self._breaker.call(function, *args, **kwargs)  # type: ignore[no-any-return]
        except pybreaker.CircuitBreakerError as error:
            raise UnavailableError(self.dependency, "it failed repeatedly and is left alone for a moment") from error
        except UnavailableError:
            raise
        except self._faults as error:
            raise UnavailableError(self.dependency, f"{type(error).__name__}: {error}") from error
