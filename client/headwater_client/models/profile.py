from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.last_action import LastAction
    from ..models.profile_features import ProfileFeatures


T = TypeVar("T", bound="Profile")


@_attrs_define
class Profile:
    """What is known of the user: last actions newest first, and the age of the newest thing known.

    Attributes:
        user_id (str):
        last_actions (list[LastAction]):
        features (ProfileFeatures):
        age_seconds (float | None):
        state (str):
        seen (int):
        vectors (list[str]):
    """

    user_id: str
    last_actions: list[LastAction]
    features: ProfileFeatures
    age_seconds: float | None
    state: str
    seen: int
    vectors: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        user_id = self.user_id

        last_actions = []
        for last_actions_item_data in self.last_actions:
            last_actions_item = last_actions_item_data.to_dict()
            last_actions.append(last_actions_item)

        features = self.features.to_dict()

        age_seconds: float | None
        age_seconds = self.age_seconds

        state = self.state

        seen = self.seen

        vectors = self.vectors

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "user_id": user_id,
                "last_actions": last_actions,
                "features": features,
                "age_seconds": age_seconds,
                "state": state,
                "seen": seen,
                "vectors": vectors,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.last_action import LastAction  # noqa: PLC0415
        from ..models.profile_features import ProfileFeatures  # noqa: PLC0415

        d = dict(src_dict)
        user_id = d.pop("user_id")

        last_actions = []
        _last_actions = d.pop("last_actions")
        for last_actions_item_data in _last_actions:
            last_actions_item = LastAction.from_dict(last_actions_item_data)

            last_actions.append(last_actions_item)

        features = ProfileFeatures.from_dict(d.pop("features"))

        def _parse_age_seconds(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        age_seconds = _parse_age_seconds(d.pop("age_seconds"))

        state = d.pop("state")

        seen = d.pop("seen")

        vectors = cast(list[str], d.pop("vectors"))

        profile = cls(
            user_id=user_id,
            last_actions=last_actions,
            features=features,
            age_seconds=age_seconds,
            state=state,
            seen=seen,
            vectors=vectors,
        )

        profile.additional_properties = d
        return profile

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
