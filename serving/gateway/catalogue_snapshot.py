"""The catalogue's changes as a file, for a start without Kafka. Every worker of a gateway writes the same one."""

import fcntl
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from contracts.catalogue import CatalogueChange
from serving.gateway.catalogue import Placed

log = logging.getLogger(__name__)


class CatalogueSnapshot:
    """A line with the topic and the offset that follows the last change taken in; then a line for each item."""

    def __init__(self, path: Path, topic: str) -> None:
        """``topic`` is its name on the broker: a file about another one is none of ours."""
        self._path = path
        self._topic = topic

    def read(self) -> tuple[int, list[Placed]] | None:
        """The next offset and the last change of each item; None where there is no file that can be used."""
        try:
            header, *lines = self._path.read_bytes().splitlines()
            following = self._following(header)
            if following is None:
                return None
            return following, [_placed(line) for line in lines]
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s cannot be read: %s", self._path, error)
        except (ValueError, KeyError) as error:
            log.warning("%s is damaged and removed: %s", self._path, error)
            self.remove()
        return None

    def write(self, following: int, placed: Sequence[Placed]) -> None:
        """Replaces the file, unless another worker has written one that goes as far. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._written() < following:
                self._replace(following, placed)

    def _replace(self, following: int, placed: Sequence[Placed]) -> None:
        partial = self._path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(json.dumps({"topic": self._topic, "next": following}).encode() + b"\n")
            for one in placed:
                file.write(b"%d %b\n" % (one.offset, one.change.to_payload()))
        partial.rename(self._path)

    def remove(self) -> None:
        """Takes the file away: the topic was made anew."""
        self._path.unlink(missing_ok=True)

    def _written(self) -> int:
        try:
            with self._path.open("rb") as file:
                return self._following(file.readline()) or 0
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError):
            return 0  # damaged, ``read`` told so

    def _following(self, header: bytes) -> int | None:
        content = json.loads(header)
        return int(content["next"]) if content["topic"] == self._topic else None


def _placed(line: bytes) -> Placed:
    offset, payload = line.split(b" ", 1)
    return Placed(int(offset), CatalogueChange.from_payload(payload))
