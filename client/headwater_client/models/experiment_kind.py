from enum import StrEnum


class ExperimentKind(StrEnum):
    INTERLEAVING = "interleaving"
    SPLIT = "split"

    def __str__(self) -> str:
        return str(self.value)
