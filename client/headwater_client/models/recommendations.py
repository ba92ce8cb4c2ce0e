from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.assigned_arm import AssignedArm
    from ..models.feature_state import FeatureState
    from ..models.recommended_item import RecommendedItem


T = TypeVar("T", bound="Recommendations")


@_attrs_define
class Recommendations:
    """The answer of every route that returns a list of items.

    Attributes:
        request_id (str):
        user_id (None | str):
        release (None | str):
        items (list[RecommendedItem]):
        features (FeatureState): How old the user's features were: ``fresh``, ``stale`` or ``missing`` (then the age is
            null).
        experiment (AssignedArm | None | Unset):
        degraded (list[str] | Unset):
    """

    request_id: str
    user_id: None | str
    release: None | str
    items: list[RecommendedItem]
    features: FeatureState
    experiment: AssignedArm | None | Unset = UNSET
    degraded: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.assigned_arm import AssignedArm  # noqa: PLC0415

        request_id = self.request_id

        user_id: None | str
        user_id = self.user_id

        release: None | str
        release = self.release

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        features = self.features.to_dict()

        experiment: dict[str, Any] | None | Unset
        if isinstance(self.experiment, Unset):
            experiment = UNSET
        elif isinstance(self.experiment, AssignedArm):
            experiment = self.experiment.to_dict()
        else:
            experiment = self.experiment

        degraded: list[str] | Unset = UNSET
        if not isinstance(self.degraded, Unset):
            degraded = self.degraded

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "request_id": request_id,
                "user_id": user_id,
                "release": release,
                "items": items,
                "features": features,
            }
        )
        if experiment is not UNSET:
            field_dict["experiment"] = experiment
        if degraded is not UNSET:
            field_dict["degraded"] = degraded

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.assigned_arm import AssignedArm  # noqa: PLC0415
        from ..models.feature_state import FeatureState  # noqa: PLC0415
        from ..models.recommended_item import RecommendedItem  # noqa: PLC0415

        d = dict(src_dict)
        request_id = d.pop("request_id")

        def _parse_user_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_id = _parse_user_id(d.pop("user_id"))

        def _parse_release(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        release = _parse_release(d.pop("release"))

        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = RecommendedItem.from_dict(items_item_data)

            items.append(items_item)

        features = FeatureState.from_dict(d.pop("features"))

        def _parse_experiment(data: object) -> AssignedArm | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                experiment_type_0 = AssignedArm.from_dict(data)

                return experiment_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AssignedArm | None | Unset, data)

        experiment = _parse_experiment(d.pop("experiment", UNSET))

        degraded = cast(list[str], d.pop("degraded", UNSET))

        recommendations = cls(
            request_id=request_id,
            user_id=user_id,
            release=release,
            items=items,
            features=features,
            experiment=experiment,
            degraded=degraded,
        )

        recommendations.additional_properties = d
        return recommendations

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
