from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.arm_settings import ArmSettings


T = TypeVar("T", bound="Arm")


@_attrs_define
class Arm:
    """What one group of users gets. Unset fields are those of the champion.

    Attributes:
        name (str):
        share (float):
        release (None | str | Unset):
        rules (None | str | Unset):
        settings (ArmSettings | Unset):
    """

    name: str
    share: float
    release: None | str | Unset = UNSET
    rules: None | str | Unset = UNSET
    settings: ArmSettings | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        share = self.share

        release: None | str | Unset
        if isinstance(self.release, Unset):
            release = UNSET
        else:
            release = self.release

        rules: None | str | Unset
        if isinstance(self.rules, Unset):
            rules = UNSET
        else:
            rules = self.rules

        settings: dict[str, Any] | Unset = UNSET
        if not isinstance(self.settings, Unset):
            settings = self.settings.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "share": share,
            }
        )
        if release is not UNSET:
            field_dict["release"] = release
        if rules is not UNSET:
            field_dict["rules"] = rules
        if settings is not UNSET:
            field_dict["settings"] = settings

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.arm_settings import ArmSettings  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        share = d.pop("share")

        def _parse_release(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        release = _parse_release(d.pop("release", UNSET))

        def _parse_rules(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        rules = _parse_rules(d.pop("rules", UNSET))

        _settings = d.pop("settings", UNSET)
        settings: ArmSettings | Unset
        if isinstance(_settings, Unset):
            settings = UNSET
        else:
            settings = ArmSettings.from_dict(_settings)

        arm = cls(
            name=name,
            share=share,
            release=release,
            rules=rules,
            settings=settings,
        )

        return arm
