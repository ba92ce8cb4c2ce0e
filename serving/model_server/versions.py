"""The models being served: which versions are loaded, what state each is in, and which one a request means."""

import gc
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from contracts.errors import ConflictError, NotFoundError
from serving.model_server.config import ModelConfig

log = logging.getLogger(__name__)


LOAD_RETRIES = 5
"""How often a version that could not be loaded is tried again, as in TensorFlow Serving: it may have been looked at
while it was copied. The pause doubles each time."""
RETRY_SECONDS = 2.0


class State(IntEnum):
    """ModelVersionStatus.State of TensorFlow Serving."""

    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class Closable(Protocol):
    """What the loader returns."""

    def warm_up(self) -> None: ...
    def close(self) -> None: ...


M = TypeVar("M", bound=Closable)


@dataclass
class _Version(Generic[M]):
    state: State
    model: M | None = None
    error: str = ""
    users: int = 0
    failures: int = 0
    retry_at: float = math.inf


class ServedModels(Generic[M]):
    """Loads and unloads versions until what is served is what the configuration asks for."""

    def __init__(self, load: Callable[[Path], M], *, retry_seconds: float = RETRY_SECONDS) -> None:
        self._load = load
        self._retry_seconds = retry_seconds
        self._configs: dict[str, ModelConfig] = {}
        self._versions: dict[str, dict[int, _Version[M]]] = {}
        self._changed = threading.Condition()
        self._reconciling = threading.Lock()

    def configure(self, configs: Sequence[ModelConfig]) -> None:
        """Replaces the list of models and waits until all is loaded.

        Raises ConflictError when a label names a version that is not available; then nothing is changed but loads.
        """
        wanted = {config.name: config for config in configs}
        with self._reconciling:
            for config in configs:
                self._load_wanted(config)
                for label, version in config.labels.items():
                    one = self._versions.get(config.name, {}).get(version)
                    if one is None or one.state is not State.AVAILABLE:
                        raise ConflictError(f"the label {label!r} names {config.name} {version}, which is not loaded")
            with self._changed:
                self._configs = wanted
            self._unload_unwanted()

    def poll(self) -> None:
        """Looks at the directories once: loads what is new, unloads what is gone. New before old."""
        with self._reconciling:
            for config in list(self._configs.values()):
                self._load_wanted(config)
            self._unload_unwanted()

    def _load_wanted(self, config: ModelConfig) -> None:
        versions = self._versions.setdefault(config.name, {})
        for number in sorted(config.wanted(config.available())):
            known = versions.get(number)
            if known is not None and (known.state is not State.END or time.monotonic() < known.retry_at):
                continue
            with self._changed:
                versions[number] = _Version(State.LOADING)
            try:
                model = self._loaded(config.base_path / str(number))
            except Exception as error:  # whatever TensorFlow makes of a damaged model: the others are served on
                failures = 1 + (known.failures if known is not None else 0)
                log.exception("model %s version %d was refused", config.name, number)
                with self._changed:
                    versions[number] = self._failed(str(error) or type(error).__name__, failures)
                continue
            with self._changed:
                versions[number] = _Version(State.AVAILABLE, model)
            log.info("model %s version %d is available", config.name, number)

    def _loaded(self, path: Path) -> M:
        """The model, warm."""
        model = self._load(path)
        with ExitStack() as unless_warm:
            unless_warm.callback(model.close)
            model.warm_up()
            unless_warm.pop_all()
        return model

    def _failed(self, error: str, failures: int) -> _Version[M]:
        pause = self._retry_seconds * 2 ** (failures - 1)
        retry_at = time.monotonic() + pause if failures <= LOAD_RETRIES else math.inf
        return _Version(State.END, error=error, failures=failures, retry_at=retry_at)

    def _unload_unwanted(self) -> None:
        for name, versions in list(self._versions.items()):
            config = self._configs.get(name)
            wanted = config.wanted(config.available()) if config else frozenset()
            labelled = frozenset(config.labels.values()) if config else frozenset()
            for number, version in list(versions.items()):
                if number in wanted or number in labelled:
                    continue
                if version.state is State.END:
                    versions.pop(number)
                    continue
                self._unload(name, number, version)
            if config is None and not versions:
                self._versions.pop(name)

    def _unload(self, name: str, number: int, version: _Version[M]) -> None:
        with self._changed:
            version.state = State.UNLOADING
            self._changed.wait_for(lambda: version.users == 0)
            model, version.model, version.state = version.model, None, State.END
        if model is not None:
            model.close()
        with self._changed:
            self._versions[name].pop(number)
        del model
        gc.collect()
        log.info("model %s version %d is unloaded", name, number)

    @contextmanager
    def borrow(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[tuple[int, M]]:
        """The model that a request means, kept loaded while it is used. Raises NotFoundError."""
        with self._changed:
            number, held = self._resolve(name, version, label)
            model = held.model
            assert model is not None
            held.users += 1
        try:
            yield number, model
        finally:
            with self._changed:
                held.users -= 1
                self._changed.notify_all()

    def _resolve(self, name: str, version: int | None, label: str | None) -> tuple[int, _Version[M]]:
        if name not in self._configs:
            raise NotFoundError(f"Servable not found for request: the model {name!r} is not served")
        if label is not None:
            labels = self._configs[name].labels
            if label not in labels:
                raise NotFoundError(f"the model {name!r} has no version label {label!r}")
            version = labels[label]
        available = {n: v for n, v in self._versions.get(name, {}).items() if v.state is State.AVAILABLE}
        if version is None and available:
            version = max(available)
        if version is None or version not in available:
            wanted = "any version" if version is None else f"version {version}"
            raise NotFoundError(f"Servable not found for request: {name} {wanted} is not loaded")
        return version, available[version]

    def states(self, name: str) -> dict[int, tuple[State, str]]:
        """State and error of every version, newest number first. Raises NotFoundError for an unknown model."""
        with self._changed:
            if name not in self._configs:
                raise NotFoundError(f"Could not find any versions of model {name}")
            versions = self._versions.get(name, {})
            return {n: (versions[n].state, versions[n].error) for n in sorted(versions, reverse=True)}

    def ready(self) -> bool:
        """Whether a configuration is in force."""
        return bool(self._configs)

    def close(self) -> None:
        """Unloads everything."""
        with self._reconciling:
            self._configs = {}
            self._unload_unwanted()
