from enum import StrEnum


class Action(StrEnum):
    CLICK = "click"
    PURCHASE = "purchase"
    VIEW = "view"

    def __str__(self) -> str:
        return str(self.value)
