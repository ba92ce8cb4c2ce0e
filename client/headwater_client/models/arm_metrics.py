from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ArmMetrics")


@_attrs_define
class ArmMetrics:
    """What was logged for one arm; ``conversion_rate`` is the share of its users who converted in their window.

    Attributes:
        name (str):
        release (None | str):
        users (int):
        impressions (int):
        clicks (int):
        conversions (int):
        ctr (float):
        conversion_rate (float):
    """

    name: str
    release: None | str
    users: int
    impressions: int
    clicks: int
    conversions: int
    ctr: float
    conversion_rate: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        release: None | str
        release = self.release

        users = self.users

        impressions = self.impressions

        clicks = self.clicks

        conversions = self.conversions

        ctr = self.ctr

        conversion_rate = self.conversion_rate

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "release": release,
                "users": users,
                "impressions": impressions,
                "clicks": clicks,
                "conversions": conversions,
                "ctr": ctr,
                "conversion_rate": conversion_rate,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        def _parse_release(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        release = _parse_release(d.pop("release"))

        users = d.pop("users")

        impressions = d.pop("impressions")

        clicks = d.pop("clicks")

        conversions = d.pop("conversions")

        ctr = d.pop("ctr")

        conversion_rate = d.pop("conversion_rate")

        arm_metrics = cls(
            name=name,
            release=release,
            users=users,
            impressions=impressions,
            clicks=clicks,
            conversions=conversions,
            ctr=ctr,
            conversion_rate=conversion_rate,
        )

        arm_metrics.additional_properties = d
        return arm_metrics

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
