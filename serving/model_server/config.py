"""The configuration file of TensorFlow Serving (text proto ``ModelServerConfig``) and which versions it asks for."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import text_format  # type: ignore[import-untyped]

from contracts.errors import InvalidInputError
from serving import protos


@dataclass(frozen=True)
class ModelConfig:
    """One model: where its version directories stand, which of them to serve, and names for some of them.

    ``specific`` empty and ``latest`` None means all versions; else ``specific`` wins.
    """

    name: str
    base_path: Path
    latest: int | None = 1
    specific: frozenset[int] = frozenset()
    labels: dict[str, int] = field(default_factory=dict)

    def wanted(self, available: Collection[int]) -> frozenset[int]:
        """The versions to be loaded out of those ``available``."""
        if self.specific:
            return self.specific & frozenset(available)
        if self.latest is None:
            return frozenset(available)
        return frozenset(sorted(available)[-self.latest :])

    def available(self) -> frozenset[int]:
        """The versions on disk: directories whose names are numbers and that hold a SavedModel."""
        if not self.base_path.is_dir():
            return frozenset()
        return frozenset(
            int(child.name)
            for child in self.base_path.iterdir()
            if child.name.isdecimal() and (child / "saved_model.pb").is_file()
        )


def from_proto(config: Any) -> tuple[ModelConfig, ...]:
    """Reads a ``ModelServerConfig``. Raises InvalidInputError for what cannot be served."""
    if config.WhichOneof("config") not in (None, "model_config_list"):
        raise InvalidInputError("config", "only model_config_list is served")
    models = tuple(_model(one) for one in config.model_config_list.config)
    names = [model.name for model in models]
    if len(set(names)) != len(names):
        raise InvalidInputError("model_config_list", "a model is named twice")
    return models


def _model(one: Any) -> ModelConfig:
    if not one.name or not one.base_path:
        raise InvalidInputError("model_config_list", "every model needs a name and a base_path")
    if one.model_platform not in ("", "tensorflow"):
        raise InvalidInputError("model_platform", f"{one.model_platform!r} is not tensorflow")
    latest: int | None = 1
    specific: frozenset[int] = frozenset()
    match one.model_version_policy.WhichOneof("policy_choice"):
        case "all":
            latest = None
        case "latest":
            latest = max(int(one.model_version_policy.latest.num_versions), 1)
        case "specific":
            specific = frozenset(one.model_version_policy.specific.versions)
            if not specific:
                raise InvalidInputError("model_version_policy", "specific names no version")
    return ModelConfig(one.name, Path(one.base_path), latest, specific, dict(one.version_labels))


def read_config(path: Path) -> tuple[ModelConfig, ...]:
    """Reads the file. Raises InvalidInputError when it is no text proto, OSError when it cannot be read."""
    config = protos.server_config.ModelServerConfig()
    try:
        text_format.Parse(path.read_text(), config)
    except text_format.ParseError as error:
        raise InvalidInputError(str(path), f"is not a ModelServerConfig: {error}") from error
    return from_proto(config)


def write_default(path: Path, base: Path, names: tuple[str, ...]) -> None:
    """Writes a file that serves every version under ``base/<name>``, unless one is there.

    All versions, because a version is a hash of its release and the highest number is not the newest.
    """
    if path.exists():
        return
    config = protos.server_config.ModelServerConfig()
    for name in names:
        one = config.model_config_list.config.add(name=name, base_path=str(base / name), model_platform="tensorflow")
        one.model_version_policy.all.SetInParent()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_format.MessageToString(config))
