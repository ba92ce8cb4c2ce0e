"""Items put and deleted through the API since the release was made. Every worker knows the whole compacted topic."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.catalogue import CatalogueChange, Item


@dataclass(frozen=True, slots=True)
class Placed:
    """A change and its offset in the topic's one partition: the order of changes, whatever the writers' clocks say."""

    offset: int
    change: CatalogueChange


class Catalogue:
    """The last change of every item. ``changed`` is called, without arguments, after new changes were taken in."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._last: dict[str, Placed] = {}
        self._lock = threading.Lock()
        self.version = 0
        """Grows with everything taken in, before ``changed`` is called."""

    def apply(self, placed: Sequence[Placed]) -> None:
        """Takes changes in; an older change of an item never replaces a later one."""
        taken = False
        with self._lock:
            for one in placed:
                known = self._last.get(one.change.item_id)
                if known is None or known.offset < one.offset:
                    self._last[one.change.item_id] = one
                    taken = True
            if taken:
                self.version += 1
        if taken:
            self._changed()

    def clear(self) -> None:
        """Forgets everything: the topic was made anew, its offsets mean nothing to those known."""
        with self._lock:
            self._last.clear()
            self.version += 1
        self._changed()

    def placed(self) -> list[Placed]:
        """The last change of every item."""
        with self._lock:
            return list(self._last.values())

    def put_items(self) -> list[Item]:
        """Items whose last change put them, in the order of their change."""
        placed = sorted(self.placed(), key=lambda one: one.offset)
        return [one.change.item for one in placed if one.change.item is not None]

    def deleted_ids(self) -> list[str]:
        """Ids whose last change deleted them."""
        with self._lock:
            return [item_id for item_id, one in self._last.items() if one.change.deleted]

    def last(self, item_id: str) -> CatalogueChange | None:
        """The last change of one item."""
        with self._lock:
            known = self._last.get(item_id)
        return known.change if known is not None else None
