from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.explained_item_features import ExplainedItemFeatures


T = TypeVar("T", bound="ExplainedItem")


@_attrs_define
class ExplainedItem:
    """An item of the answer with the values that ranked it.

    Attributes:
        item_id (str):
        position (int):
        score (float):
        sources (list[str]):
        reasons (list[str]):
        features (ExplainedItemFeatures):
        title (None | str | Unset):
        category (list[str] | Unset):
    """

    item_id: str
    position: int
    score: float
    sources: list[str]
    reasons: list[str]
    features: ExplainedItemFeatures
    title: None | str | Unset = UNSET
    category: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        item_id = self.item_id

        position = self.position

        score = self.score

        sources = self.sources

        reasons = self.reasons

        features = self.features.to_dict()

        title: None | str | Unset
        if isinstance(self.title, Unset):
            title = UNSET
        else:
            title = self.title

        category: list[str] | Unset = UNSET
        if not isinstance(self.category, Unset):
            category = self.category

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "item_id": item_id,
                "position": position,
                "score": score,
                "sources": sources,
                "reasons": reasons,
                "features": features,
            }
        )
        if title is not UNSET:
            field_dict["title"] = title
        if category is not UNSET:
            field_dict["category"] = category

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.explained_item_features import ExplainedItemFeatures  # noqa: PLC0415

        d = dict(src_dict)
        item_id = d.pop("item_id")

        position = d.pop("position")

        score = d.pop("score")

        sources = cast(list[str], d.pop("sources"))

        reasons = cast(list[str], d.pop("reasons"))

        features = ExplainedItemFeatures.from_dict(d.pop("features"))

        def _parse_title(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        title = _parse_title(d.pop("title", UNSET))

        category = cast(list[str], d.pop("category", UNSET))

        explained_item = cls(
            item_id=item_id,
            position=position,
            score=score,
            sources=sources,
            reasons=reasons,
            features=features,
            title=title,
            category=category,
        )

        explained_item.additional_properties = d
        return explained_item

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
