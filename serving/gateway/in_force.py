"""What answers requests now: loaded beside the old, warmed, then swapped by one assignment."""

import gc
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from contracts.clock import Clock
from contracts.errors import UnavailableError
from contracts.experiment import RunningExperiment
from contracts.release import CHAMPION
from pipeline.chain import Chain
from pipeline.items import Items
from pipeline.request import Request
from pipeline.rules.bound import BoundRules
from pipeline.rules.schema import Rules
from pipeline.served import ServedRelease
from serving.gateway import metrics
from serving.gateway.arms import ArmKey, RunningArms, with_settings
from serving.gateway.catalogue import Catalogue
from serving.gateway.release_loading import REFUSALS, LoadedRelease, ReleaseLoader, release_ids

log = logging.getLogger(__name__)

PointersRead = Callable[[], Mapping[str, str | None]]
"""Pointer name → release id. Raises UnavailableError."""
ItemScores = Callable[[LoadedRelease, Items, float], Items]
"""A release's item table, with items put since at its end, with the counts and the trend of now (epoch seconds)."""
RunningRead = Callable[[], Sequence[RunningExperiment]]
"""The running experiments in the order of starting. Raises UnavailableError."""
MakeChain = Callable[[RunningArms, Sequence[str]], Chain]
"""From the arms and the ids of the releases in force to the chain that answers."""
WARM_UP_USER = "headwater-warm-up"


@dataclass(frozen=True)
class InForce:
    """One consistent whole: every request works with one of these from start to end."""

    pointers: Mapping[str, str | None]
    running: Sequence[RunningExperiment]
    loaded: Mapping[str, LoadedRelease]
    served: Mapping[str, ServedRelease]
    chain: Chain

    @property
    def champion(self) -> ServedRelease:
        """The champion's release."""
        return self.served[str(self.pointers[CHAMPION])]


class ReleaseKeeper:
    """Holds what is in force. Reads never wait; every change builds a new whole beside the old one."""

    def __init__(
        self,
        loader: ReleaseLoader,
        pointers: PointersRead,
        running: RunningRead,
        catalogue: Catalogue,
        rules: Callable[[str], Rules],
        item_scores: ItemScores,
        make_chain: MakeChain,
        remembered: Path,
        clock: Clock,
    ) -> None:
        """``rules`` gives the rules of a name, "" those in force; ``remembered`` is a file with the last pointers, for
        a start without PostgreSQL."""
        self._loader = loader
        self._pointers = pointers
        self._running = running
        self._catalogue = catalogue
        self._rules = rules
        self._item_scores = item_scores
        self._make_chain = make_chain
        self._remembered = remembered
        self._clock = clock
        self._current: InForce | None = None
        self._refused: dict[str, Mapping[str, str | None]] = {}
        self._building = threading.Lock()

    @property
    def current(self) -> InForce:
        """What is in force. Raises UnavailableError before the first release."""
        if self._current is None:
            raise UnavailableError("release", "none is in force yet")
        return self._current

    @property
    def ready(self) -> bool:
        """Whether anything is in force."""
        return self._current is not None

    @property
    def refused(self) -> frozenset[str]:
        """Releases that pointers and running experiments name and that may not be served."""
        return frozenset(self._refused)

    def poll(self) -> None:
        """Looks at the pointers once and puts in force what they name. What cannot be loaded is refused, logged and
        counted; the old goes on until the pointers move again."""
        pointers = self._read_pointers()
        running = self._read_running()
        with self._building:
            current = self._current
            named = release_ids(pointers, running)
            self._refused = {one: seen for one, seen in self._refused.items() if seen == pointers and one in named}
            metrics.REFUSED.set(len(self._refused))
            if current is not None and (current.pointers, current.running) == (pointers, running):
                return
            loaded = {}
            for release_id in named:
                known = current.loaded.get(release_id) if current else None
                found = known or self._load(release_id, pointers)
                if found is not None:
                    loaded[release_id] = found
            metrics.REFUSED.set(len(self._refused))
            if pointers.get(CHAMPION) not in loaded:
                return
            version = self._catalogue.version
            self._swap(pointers, running, loaded, warm=True)
            if self._catalogue.version != version:
                self._swap(pointers, running, loaded, warm=False)
            self._remember(pointers)

    def refresh(self) -> None:
        """Takes changed items, rules and item scores into what is in force. Where nothing is yet, the release being
        loaded takes them in, and nobody waits for it."""
        if not self.ready:
            return
        with self._building:
            if self._current is not None:
                self._swap(self._current.pointers, self._current.running, self._current.loaded, warm=False)

    def _load(self, release_id: str, pointers: Mapping[str, str | None]) -> LoadedRelease | None:
        if self._refused.get(release_id) == pointers:
            return None
        try:
            # Nobody is answered yet: all cores, until there is something to answer with.
            return self._loader.load(release_id, 1 if self.ready else os.cpu_count() or 1)
        except UnavailableError as error:
            log.warning("release %s waits: %s", release_id, error)
        except REFUSALS as error:
            log.warning("release %s is refused: %s", release_id, error)
            self._refused[release_id] = pointers
            metrics.RELEASE_REFUSED.labels(release_id).inc()
        return None

    def _swap(
        self,
        pointers: Mapping[str, str | None],
        running: Sequence[RunningExperiment],
        loaded: Mapping[str, LoadedRelease],
        *,
        warm: bool,
    ) -> None:
        served = {release_id: self._serve(one) for release_id, one in loaded.items()}
        champion = str(pointers[CHAMPION])
        arms = RunningArms(served[champion], running, self._arms(champion, running, loaded, served))
        new = InForce(pointers, running, loaded, served, self._make_chain(arms, tuple(served)))
        if warm:
            self._warm_up(new)
            # What lives as long as the release is not to be looked through by every later collection of garbage.
            gc.collect()
            gc.freeze()
        old, self._current = self._current, new
        if old is None or old.pointers != new.pointers:
            for name, release_id in (old.pointers if old else {}).items():
                if release_id is not None:
                    metrics.RELEASE.labels(name, release_id).set(0)
            for name, release_id in pointers.items():
                if release_id in loaded:
                    metrics.RELEASE.labels(name, release_id).set(1)
            log.info("in force: %s", {name: one for name, one in pointers.items() if one in loaded})

    def _arms(
        self,
        champion: str,
        running: Sequence[RunningExperiment],
        loaded: Mapping[str, LoadedRelease],
        served: Mapping[str, ServedRelease],
    ) -> dict[ArmKey, ServedRelease]:
        arms = {}
        for one in running:
            for arm in one.experiment.arms:
                release_id = arm.release or champion
                if release_id not in served:
                    continue
                base = served[release_id]
                if arm.rules:
                    base = replace(base, rules=BoundRules.bind(self._rules(arm.rules), base.artifacts.items))
                arms[one.experiment.id, arm.name] = with_settings(base, arm.settings, loaded[release_id].rankers)
        return arms

    def _serve(self, loaded: LoadedRelease) -> ServedRelease:
        now = self._clock()
        put = self._catalogue.put_items()
        items = loaded.artifacts.items.with_put(put, now) if put else loaded.artifacts.items
        items = self._item_scores(loaded, items, now)
        deleted = self._catalogue.deleted_ids()
        if deleted:
            items = items.with_hidden(deleted)
        return loaded.served(items, put, self._rules(""))

    def _warm_up(self, new: InForce) -> None:
        """Touches every part once, so that the first request after the swap pays for no loading."""
        for release_id, served in new.served.items():
            popular = np.argsort(-served.artifacts.items.popular[: len(served.artifacts.items)])[:20]
            ids = tuple(served.artifacts.items.ids[row] for row in popular)
            for items in ((), ids):
                request = Request("warm-up", WARM_UP_USER, self._clock(), items=items)
                answer = self._make_chain(RunningArms(served, (), {}), (release_id,)).run(request)
                log.info("release %s is warm, %d items, degraded: %s", release_id, len(answer.items), answer.degraded)

    def _read_pointers(self) -> Mapping[str, str | None]:
        try:
            return self._pointers()
        except UnavailableError as error:
            if self._current is not None:
                return self._current.pointers
            log.warning("%s; starting with the last known pointers", error)
        try:
            remembered = json.loads(self._remembered.read_text())
        except (OSError, ValueError):
            return {CHAMPION: None}
        return {str(name): one for name, one in remembered.items()}

    def _read_running(self) -> Sequence[RunningExperiment]:
        try:
            return tuple(self._running())
        except UnavailableError:
            return self._current.running if self._current is not None else ()

    def _remember(self, pointers: Mapping[str, str | None]) -> None:
        self._remembered.parent.mkdir(parents=True, exist_ok=True)
        partial = self._remembered.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(dict(pointers)))
        partial.rename(self._remembered)
