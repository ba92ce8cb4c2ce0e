from enum import StrEnum


class Status(StrEnum):
    DRAFT = "draft"
    FUTILE = "futile"
    INCONCLUSIVE = "inconclusive"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    RUNNING = "running"
    STOPPED = "stopped"

    def __str__(self) -> str:
        return str(self.value)
