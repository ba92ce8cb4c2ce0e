from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.experiment_kind import ExperimentKind
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.arm import Arm


T = TypeVar("T", bound="Experiment")


@_attrs_define
class Experiment:
    """The declaration that people write. Shares of the arms sum to 1; ``traffic`` is the share of users enrolled.

    A ``split`` gives each user one arm. An ``interleaving`` drafts every list from the rankings of both arms: a quick
    first look at which is preferred, so it only recommends, and has no guardrails.

        Attributes:
            id (str):
            arms (list[Arm]):
            kind (ExperimentKind | Unset):  Default: ExperimentKind.SPLIT.
            hypothesis (str | Unset):  Default: ''.
            traffic (float | Unset):  Default: 1.0.
            segments (list[str] | Unset):
            group (None | str | Unset): experiments of one exclusive group never share a user
            metric (str | Unset):  Default: 'ctr'.
            guardrails (list[str] | Unset):
            minimum_days (int | Unset):  Default: 3.
            maximum_days (int | Unset):  Default: 28.
            smallest_effect (float | Unset): relative lift worth shipping Default: 0.01.
            window_days (int | Unset): days from first exposure that count for a user Default: 7.
            recommend_only (bool | Unset):  Default: False.
    """

    id: str
    arms: list[Arm]
    kind: ExperimentKind | Unset = ExperimentKind.SPLIT
    hypothesis: str | Unset = ""
    traffic: float | Unset = 1.0
    segments: list[str] | Unset = UNSET
    group: None | str | Unset = UNSET
    metric: str | Unset = "ctr"
    guardrails: list[str] | Unset = UNSET
    minimum_days: int | Unset = 3
    maximum_days: int | Unset = 28
    smallest_effect: float | Unset = 0.01
    window_days: int | Unset = 7
    recommend_only: bool | Unset = False

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        arms = []
        for arms_item_data in self.arms:
            arms_item = arms_item_data.to_dict()
            arms.append(arms_item)

        kind: str | Unset = UNSET
        if not isinstance(self.kind, Unset):
            kind = self.kind.value

        hypothesis = self.hypothesis

        traffic = self.traffic

        segments: list[str] | Unset = UNSET
        if not isinstance(self.segments, Unset):
            segments = self.segments

        group: None | str | Unset
        if isinstance(self.group, Unset):
            group = UNSET
        else:
            group = self.group

        metric = self.metric

        guardrails: list[str] | Unset = UNSET
        if not isinstance(self.guardrails, Unset):
            guardrails = self.guardrails

        minimum_days = self.minimum_days

        maximum_days = self.maximum_days

        smallest_effect = self.smallest_effect

        window_days = self.window_days

        recommend_only = self.recommend_only

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "id": id,
                "arms": arms,
            }
        )
        if kind is not UNSET:
            field_dict["kind"] = kind
        if hypothesis is not UNSET:
            field_dict["hypothesis"] = hypothesis
        if traffic is not UNSET:
            field_dict["traffic"] = traffic
        if segments is not UNSET:
            field_dict["segments"] = segments
        if group is not UNSET:
            field_dict["group"] = group
        if metric is not UNSET:
            field_dict["metric"] = metric
        if guardrails is not UNSET:
            field_dict["guardrails"] = guardrails
        if minimum_days is not UNSET:
            field_dict["minimum_days"] = minimum_days
        if maximum_days is not UNSET:
            field_dict["maximum_days"] = maximum_days
        if smallest_effect is not UNSET:
            field_dict["smallest_effect"] = smallest_effect
        if window_days is not UNSET:
            field_dict["window_days"] = window_days
        if recommend_only is not UNSET:
            field_dict["recommend_only"] = recommend_only

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.arm import Arm  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        arms = []
        _arms = d.pop("arms")
        for arms_item_data in _arms:
            arms_item = Arm.from_dict(arms_item_data)

            arms.append(arms_item)

        _kind = d.pop("kind", UNSET)
        kind: ExperimentKind | Unset
        if isinstance(_kind, Unset):
            kind = UNSET
        else:
            kind = ExperimentKind(_kind)

        hypothesis = d.pop("hypothesis", UNSET)

        traffic = d.pop("traffic", UNSET)

        segments = cast(list[str], d.pop("segments", UNSET))

        def _parse_group(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        group = _parse_group(d.pop("group", UNSET))

        metric = d.pop("metric", UNSET)

        guardrails = cast(list[str], d.pop("guardrails", UNSET))

        minimum_days = d.pop("minimum_days", UNSET)

        maximum_days = d.pop("maximum_days", UNSET)

        smallest_effect = d.pop("smallest_effect", UNSET)

        window_days = d.pop("window_days", UNSET)

        recommend_only = d.pop("recommend_only", UNSET)

        experiment = cls(
            id=id,
            arms=arms,
            kind=kind,
            hypothesis=hypothesis,
            traffic=traffic,
            segments=segments,
            group=group,
            metric=metric,
            guardrails=guardrails,
            minimum_days=minimum_days,
            maximum_days=maximum_days,
            smallest_effect=smallest_effect,
            window_days=window_days,
            recommend_only=recommend_only,
        )

        return experiment
