from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.status import Status

if TYPE_CHECKING:
    from ..models.arm_metrics import ArmMetrics
    from ..models.comparison_metrics import ComparisonMetrics
    from ..models.decision_taken import DecisionTaken


T = TypeVar("T", bound="ExperimentMetrics")


@_attrs_define
class ExperimentMetrics:
    """The newest look at an experiment.

    Attributes:
        id (str):
        status (Status): Where an experiment stands. ``draft → running → stopped``, or to a decision.
        arms (list[ArmMetrics]):
        comparison (ComparisonMetrics): The best arm against the control. A bound that cannot be given yet is null.
        decision (DecisionTaken): What was decided and why; ``at`` is null before the first look.
    """

    id: str
    status: Status
    arms: list[ArmMetrics]
    comparison: ComparisonMetrics
    decision: DecisionTaken
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        status = self.status.value

        arms = []
        for arms_item_data in self.arms:
            arms_item = arms_item_data.to_dict()
            arms.append(arms_item)

        comparison = self.comparison.to_dict()

        decision = self.decision.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
                "arms": arms,
                "comparison": comparison,
                "decision": decision,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.arm_metrics import ArmMetrics  # noqa: PLC0415
        from ..models.comparison_metrics import ComparisonMetrics  # noqa: PLC0415
        from ..models.decision_taken import DecisionTaken  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        status = Status(d.pop("status"))

        arms = []
        _arms = d.pop("arms")
        for arms_item_data in _arms:
            arms_item = ArmMetrics.from_dict(arms_item_data)

            arms.append(arms_item)

        comparison = ComparisonMetrics.from_dict(d.pop("comparison"))

        decision = DecisionTaken.from_dict(d.pop("decision"))

        experiment_metrics = cls(
            id=id,
            status=status,
            arms=arms,
            comparison=comparison,
            decision=decision,
        )

        experiment_metrics.additional_properties = d
        return experiment_metrics

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
