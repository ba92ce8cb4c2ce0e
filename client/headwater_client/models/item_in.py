from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.item_in_attributes import ItemInAttributes


T = TypeVar("T", bound="ItemIn")


@_attrs_define
class ItemIn:
    """An item as a client puts it into the catalogue.

    Attributes:
        category (list[str] | Unset):
        title (None | str | Unset):
        created_at (datetime.datetime | None | Unset):
        attributes (ItemInAttributes | Unset):
    """

    category: list[str] | Unset = UNSET
    title: None | str | Unset = UNSET
    created_at: datetime.datetime | None | Unset = UNSET
    attributes: ItemInAttributes | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        category: list[str] | Unset = UNSET
        if not isinstance(self.category, Unset):
            category = self.category

        title: None | str | Unset
        if isinstance(self.title, Unset):
            title = UNSET
        else:
            title = self.title

        created_at: None | str | Unset
        if isinstance(self.created_at, Unset):
            created_at = UNSET
        elif isinstance(self.created_at, datetime.datetime):
            created_at = self.created_at.isoformat()
        else:
            created_at = self.created_at

        attributes: dict[str, Any] | Unset = UNSET
        if not isinstance(self.attributes, Unset):
            attributes = self.attributes.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if category is not UNSET:
            field_dict["category"] = category
        if title is not UNSET:
            field_dict["title"] = title
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if attributes is not UNSET:
            field_dict["attributes"] = attributes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.item_in_attributes import ItemInAttributes  # noqa: PLC0415

        d = dict(src_dict)
        category = cast(list[str], d.pop("category", UNSET))

        def _parse_title(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        title = _parse_title(d.pop("title", UNSET))

        def _parse_created_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = datetime.datetime.fromisoformat(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        created_at = _parse_created_at(d.pop("created_at", UNSET))

        _attributes = d.pop("attributes", UNSET)
        attributes: ItemInAttributes | Unset
        if isinstance(_attributes, Unset):
            attributes = UNSET
        else:
            attributes = ItemInAttributes.from_dict(_attributes)

        item_in = cls(
            category=category,
            title=title,
            created_at=created_at,
            attributes=attributes,
        )

        return item_in
