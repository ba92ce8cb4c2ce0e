"""``python -m client.generate``: writes the gateway's OpenAPI document, and the client that is generated from it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from openapi_python_client import generate
from openapi_python_client.config import ClassOverride, Config, ConfigFile, MetaType

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from serving.gateway import app
from serving.gateway.configuration import Configuration
from serving.gateway.service import Gateway

HERE = Path(__file__).parent
DOCUMENT = HERE / "openapi.json"
PACKAGE = HERE / "headwater_client"
LINE_LENGTH = "120"


def document() -> str:
    """The OpenAPI document of the gateway with its embedded issuer, as JSON text. Connects to nothing."""
    gateway = Gateway(replace(Configuration.of(Settings()), embedded_issuer=True))
    return json.dumps(app.create(gateway).openapi(), indent=1) + "\n"


def write_client(source: Path, package: Path) -> None:
    """Makes the package anew from the document ``source``. Raises HeadwaterError naming what cannot be expressed."""
    shutil.rmtree(package, ignore_errors=True)
    named = ClassOverride(class_name="TokenRequest", module_name="token_request")
    options = ConfigFile(class_overrides={"TokenTokenRequest": named}, post_hooks=[])
    config = Config.from_sources(options, MetaType.NONE, source, "utf-8", overwrite=False, output_path=package)
    errors = generate(config=config)
    if errors:
        raise HeadwaterError("; ".join(f"{error.header} {error.detail}" for error in errors))
    (package / "py.typed").touch()
    for verb in (["check", "--select", "I,F401", "--fix-only", "--silent"], ["format", "--silent"]):
        style = ["--isolated", "--line-length", LINE_LENGTH, "--target-version", "py311"]
        subprocess.run([sys.executable, "-m", "ruff", *verb, *style, str(package)], check=True)


if __name__ == "__main__":
    DOCUMENT.write_text(document())
    write_client(DOCUMENT, PACKAGE)
