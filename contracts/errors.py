"""Errors that a person may see. Each message is one sentence that says what to do."""


class HeadwaterError(Exception):
    """A failure with a sentence for the person who runs the command (exit status 1)."""


class InvalidInputError(HeadwaterError):
    """A value from outside breaks the contract: names the field and what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NotFoundError(HeadwaterError):
    """A named thing (release, experiment, item) does not exist."""


class ConflictError(HeadwaterError):
    """The thing changed since it was read (a compare-and-set lost), or may not change now."""


class UnavailableError(HeadwaterError):
    """A dependency (Redis, Kafka, PostgreSQL, model server) cannot be reached right now."""

    def __init__(self, dependency: str, message: str) -> None:
        super().__init__(f"{dependency} is unavailable: {message}")
        self.dependency = dependency
