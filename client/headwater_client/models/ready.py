from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.ready_releases import ReadyReleases


T = TypeVar("T", bound="Ready")


@_attrs_define
class Ready:
    """The releases in force by pointer, and the dependencies that do not answer: answers are then degraded.

    Attributes:
        status (str):
        releases (ReadyReleases):
        down (list[str]):
    """

    status: str
    releases: ReadyReleases
    down: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        status = self.status

        releases = self.releases.to_dict()

        down = self.down

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "status": status,
                "releases": releases,
                "down": down,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.ready_releases import ReadyReleases  # noqa: PLC0415

        d = dict(src_dict)
        status = d.pop("status")

        releases = ReadyReleases.from_dict(d.pop("releases"))

        down = cast(list[str], d.pop("down"))

        ready = cls(
            status=status,
            releases=releases,
            down=down,
        )

        ready.additional_properties = d
        return ready

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
