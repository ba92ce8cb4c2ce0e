from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.assigned_arm import AssignedArm
    from ..models.explained_item import ExplainedItem
    from ..models.profile import Profile
    from ..models.stage_taken import StageTaken


T = TypeVar("T", bound="Explanation")


@_attrs_define
class Explanation:
    """An answer and everything that led to it. ``ranking_features`` are the columns that the ranker reads.

    Attributes:
        request_id (str):
        release (str):
        experiment (AssignedArm | None):
        user (Profile): What is known of the user: last actions newest first, and the age of the newest thing known.
        stages (list[StageTaken]):
        items (list[ExplainedItem]):
        ranking_features (list[str]):
        degraded (list[str]):
    """

    request_id: str
    release: str
    experiment: AssignedArm | None
    user: Profile
    stages: list[StageTaken]
    items: list[ExplainedItem]
    ranking_features: list[str]
    degraded: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.assigned_arm import AssignedArm  # noqa: PLC0415

        request_id = self.request_id

        release = self.release

        experiment: dict[str, Any] | None
        if isinstance(self.experiment, AssignedArm):
            experiment = self.experiment.to_dict()
        else:
            experiment = self.experiment

        user = self.user.to_dict()

        stages = []
        for stages_item_data in self.stages:
            stages_item = stages_item_data.to_dict()
            stages.append(stages_item)

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        ranking_features = self.ranking_features

        degraded = self.degraded

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "request_id": request_id,
                "release": release,
                "experiment": experiment,
                "user": user,
                "stages": stages,
                "items": items,
                "ranking_features": ranking_features,
                "degraded": degraded,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.assigned_arm import AssignedArm  # noqa: PLC0415
        from ..models.explained_item import ExplainedItem  # noqa: PLC0415
        from ..models.profile import Profile  # noqa: PLC0415
        from ..models.stage_taken import StageTaken  # noqa: PLC0415

        d = dict(src_dict)
        request_id = d.pop("request_id")

        release = d.pop("release")

        def _parse_experiment(data: object) -> AssignedArm | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                experiment_type_0 = AssignedArm.from_dict(data)

                return experiment_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AssignedArm | None, data)

        experiment = _parse_experiment(d.pop("experiment"))

        user = Profile.from_dict(d.pop("user"))

        stages = []
        _stages = d.pop("stages")
        for stages_item_data in _stages:
            stages_item = StageTaken.from_dict(stages_item_data)

            stages.append(stages_item)

        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = ExplainedItem.from_dict(items_item_data)

            items.append(items_item)

        ranking_features = cast(list[str], d.pop("ranking_features"))

        degraded = cast(list[str], d.pop("degraded"))

        explanation = cls(
            request_id=request_id,
            release=release,
            experiment=experiment,
            user=user,
            stages=stages,
            items=items,
            ranking_features=ranking_features,
            degraded=degraded,
        )

        explanation.additional_properties = d
        return explanation

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
