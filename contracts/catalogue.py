"""Items and users as the lake keeps them."""

from pydantic import Field

from contracts.rows import Id, Instant, Row


class Item(Row):
    """One item (table ``items``). ``attributes`` holds the columns beyond these; those declared become features."""

    item_id: Id
    category: list[str] = Field(default_factory=list)
    title: str | None = None
    created_at: Instant | None = None
    attributes: dict[str, str] = Field(default_factory=dict)


class User(Row):
    """One user (table ``users``)."""

    user_id: Id
    cohort: str | None = None
    created_at: Instant | None = None
    attributes: dict[str, str] = Field(default_factory=dict)


class CatalogueChange(Row):
    """An item put or deleted through the API, as the compacted topic ``catalogue`` carries it."""

    item_id: Id
    item: Item | None = None
    changed_at: Instant

    @property
    def deleted(self) -> bool:
        return self.item is None
