from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.guardrail_metrics import GuardrailMetrics
    from ..models.sample_ratio import SampleRatio
    from ..models.variance_reduction import VarianceReduction


T = TypeVar("T", bound="ComparisonMetrics")


@_attrs_define
class ComparisonMetrics:
    """The best arm against the control. A bound that cannot be given yet is null.

    Attributes:
        metric (str):
        effect (float):
        interval (list[float | None]):
        p_value (float):
        method (str):
        cuped (VarianceReduction): The share of the variance that CUPED took away.
        srm (SampleRatio): Whether the arms' sizes are those declared.
        guardrails (list[GuardrailMetrics]):
    """

    metric: str
    effect: float
    interval: list[float | None]
    p_value: float
    method: str
    cuped: VarianceReduction
    srm: SampleRatio
    guardrails: list[GuardrailMetrics]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        metric = self.metric

        effect = self.effect

        interval = []
        for interval_item_data in self.interval:
            interval_item: float | None
            interval_item = interval_item_data
            interval.append(interval_item)

        p_value = self.p_value

        method = self.method

        cuped = self.cuped.to_dict()

        srm = self.srm.to_dict()

        guardrails = []
        for guardrails_item_data in self.guardrails:
            guardrails_item = guardrails_item_data.to_dict()
            guardrails.append(guardrails_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "metric": metric,
                "effect": effect,
                "interval": interval,
                "p_value": p_value,
                "method": method,
                "cuped": cuped,
                "srm": srm,
                "guardrails": guardrails,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.guardrail_metrics import GuardrailMetrics  # noqa: PLC0415
        from ..models.sample_ratio import SampleRatio  # noqa: PLC0415
        from ..models.variance_reduction import VarianceReduction  # noqa: PLC0415

        d = dict(src_dict)
        metric = d.pop("metric")

        effect = d.pop("effect")

        interval = []
        _interval = d.pop("interval")
        for interval_item_data in _interval:

            def _parse_interval_item(data: object) -> float | None:
                if data is None:
                    return data
                return cast(float | None, data)

            interval_item = _parse_interval_item(interval_item_data)

            interval.append(interval_item)

        p_value = d.pop("p_value")

        method = d.pop("method")

        cuped = VarianceReduction.from_dict(d.pop("cuped"))

        srm = SampleRatio.from_dict(d.pop("srm"))

        guardrails = []
        _guardrails = d.pop("guardrails")
        for guardrails_item_data in _guardrails:
            guardrails_item = GuardrailMetrics.from_dict(guardrails_item_data)

            guardrails.append(guardrails_item)

        comparison_metrics = cls(
            metric=metric,
            effect=effect,
            interval=interval,
            p_value=p_value,
            method=method,
            cuped=cuped,
            srm=srm,
            guardrails=guardrails,
        )

        comparison_metrics.additional_properties = d
        return comparison_metrics

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
