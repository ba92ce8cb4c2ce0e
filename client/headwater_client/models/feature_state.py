from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="FeatureState")


@_attrs_define
class FeatureState:
    """How old the user's features were: ``fresh``, ``stale`` or ``missing`` (then the age is null).

    Attributes:
        user_age_seconds (float | None):
        state (str):
    """

    user_age_seconds: float | None
    state: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        user_age_seconds: float | None
        user_age_seconds = self.user_age_seconds

        state = self.state

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "user_age_seconds": user_age_seconds,
                "state": state,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_user_age_seconds(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        user_age_seconds = _parse_user_age_seconds(d.pop("user_age_seconds"))

        state = d.pop("state")

        feature_state = cls(
            user_age_seconds=user_age_seconds,
            state=state,
        )

        feature_state.additional_properties = d
        return feature_state

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
