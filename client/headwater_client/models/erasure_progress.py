from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.erasure_progress_files import ErasureProgressFiles
    from ..models.erasure_progress_tables import ErasureProgressTables


T = TypeVar("T", bound="ErasureProgress")


@_attrs_define
class ErasureProgress:
    """How far a user's erasure is: ``requested`` (gone online), ``erased`` (gone everywhere but from Kafka, whose
    retention ends at ``kafka_clear_at``, 0 until that is known) or ``done``. ``tables`` maps a table of the lake, and
    ``files`` a kind of file, to the rows removed; times are epoch seconds.

        Attributes:
            user_digest (str):
            requested_at (float):
            state (str):
            online_keys (int):
            tables (ErasureProgressTables):
            files (ErasureProgressFiles):
            kafka_clear_at (float):
            finished_at (float | None):
    """

    user_digest: str
    requested_at: float
    state: str
    online_keys: int
    tables: ErasureProgressTables
    files: ErasureProgressFiles
    kafka_clear_at: float
    finished_at: float | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        user_digest = self.user_digest

        requested_at = self.requested_at

        state = self.state

        online_keys = self.online_keys

        tables = self.tables.to_dict()

        files = self.files.to_dict()

        kafka_clear_at = self.kafka_clear_at

        finished_at: float | None
        finished_at = self.finished_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "user_digest": user_digest,
                "requested_at": requested_at,
                "state": state,
                "online_keys": online_keys,
                "tables": tables,
                "files": files,
                "kafka_clear_at": kafka_clear_at,
                "finished_at": finished_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.erasure_progress_files import ErasureProgressFiles  # noqa: PLC0415
        from ..models.erasure_progress_tables import ErasureProgressTables  # noqa: PLC0415

        d = dict(src_dict)
        user_digest = d.pop("user_digest")

        requested_at = d.pop("requested_at")

        state = d.pop("state")

        online_keys = d.pop("online_keys")

        tables = ErasureProgressTables.from_dict(d.pop("tables"))

        files = ErasureProgressFiles.from_dict(d.pop("files"))

        kafka_clear_at = d.pop("kafka_clear_at")

        def _parse_finished_at(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        finished_at = _parse_finished_at(d.pop("finished_at"))

        erasure_progress = cls(
            user_digest=user_digest,
            requested_at=requested_at,
            state=state,
            online_keys=online_keys,
            tables=tables,
            files=files,
            kafka_clear_at=kafka_clear_at,
            finished_at=finished_at,
        )

        erasure_progress.additional_properties = d
        return erasure_progress

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
