"""What features are about. Vectors belong to an entity under one release: those of two releases cannot be compared."""

from feast import Entity, ValueType

USER = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING, description="who is recommended to")
ITEM = Entity(name="item", join_keys=["item_id"], value_type=ValueType.STRING, description="what is recommended")
RELEASE = Entity(name="release", join_keys=["release"], value_type=ValueType.STRING, description="made the vector")

ENTITIES = {"user_id": USER, "item_id": ITEM, "release": RELEASE}
"""By join key."""
EVENT_TIMESTAMP = "event_timestamp"
