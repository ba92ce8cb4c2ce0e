from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="RankRequest")


@_attrs_define
class RankRequest:
    """A list of items to be ranked for a user.

    Attributes:
        user_id (str):
        items (list[str]):
    """

    user_id: str
    items: list[str]

    def to_dict(self) -> dict[str, Any]:
        user_id = self.user_id

        items = self.items

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "user_id": user_id,
                "items": items,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        user_id = d.pop("user_id")

        items = cast(list[str], d.pop("items"))

        rank_request = cls(
            user_id=user_id,
            items=items,
        )

        return rank_request
