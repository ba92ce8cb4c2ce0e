from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.removed_item import RemovedItem


T = TypeVar("T", bound="StageTaken")


@_attrs_define
class StageTaken:
    """One stage of the request: milliseconds, how many items it kept, the fault when its fallback ran, and what it
    decided. ``removed`` names the first thousand for each reason, ``removed_count`` counts them all.

        Attributes:
            stage (str):
            ms (float):
            kept (int):
            removed (list[RemovedItem]):
            removed_count (int):
            fault (None | str):
            note (str):
    """

    stage: str
    ms: float
    kept: int
    removed: list[RemovedItem]
    removed_count: int
    fault: None | str
    note: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        stage = self.stage

        ms = self.ms

        kept = self.kept

        removed = []
        for removed_item_data in self.removed:
            removed_item = removed_item_data.to_dict()
            removed.append(removed_item)

        removed_count = self.removed_count

        fault: None | str
        fault = self.fault

        note = self.note

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "stage": stage,
                "ms": ms,
                "kept": kept,
                "removed": removed,
                "removed_count": removed_count,
                "fault": fault,
                "note": note,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.removed_item import RemovedItem  # noqa: PLC0415

        d = dict(src_dict)
        stage = d.pop("stage")

        ms = d.pop("ms")

        kept = d.pop("kept")

        removed = []
        _removed = d.pop("removed")
        for removed_item_data in _removed:
            removed_item = RemovedItem.from_dict(removed_item_data)

            removed.append(removed_item)

        removed_count = d.pop("removed_count")

        def _parse_fault(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        fault = _parse_fault(d.pop("fault"))

        note = d.pop("note")

        stage_taken = cls(
            stage=stage,
            ms=ms,
            kept=kept,
            removed=removed,
            removed_count=removed_count,
            fault=fault,
            note=note,
        )

        stage_taken.additional_properties = d
        return stage_taken

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
