from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="SeenIn")


@_attrs_define
class SeenIn:
    """Items of an answer that came into the user's sight.

    Attributes:
        request_id (str):
        user_id (str):
        items (list[str]):
    """

    request_id: str
    user_id: str
    items: list[str]

    def to_dict(self) -> dict[str, Any]:
        request_id = self.request_id

        user_id = self.user_id

        items = self.items

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "request_id": request_id,
                "user_id": user_id,
                "items": items,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        request_id = d.pop("request_id")

        user_id = d.pop("user_id")

        items = cast(list[str], d.pop("items"))

        seen_in = cls(
            request_id=request_id,
            user_id=user_id,
            items=items,
        )

        return seen_in
