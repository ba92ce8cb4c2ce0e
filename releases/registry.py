"""MLflow's registry as a mirror of the pointers, over its REST interface. PostgreSQL decides; this only shows."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from contracts.errors import UnavailableError

MODEL = "headwater"
"""The registered model in MLflow; one version a release."""

RELEASE_TAG = "release"
"""Tag of a model version that holds the release's id."""

_PREFIX = "/api/2.0/mlflow"


class Registry:
    """The registered model on one MLflow server. Every method raises UnavailableError when it does not answer."""

    def __init__(self, mlflow_url: str, timeout_seconds: float = 10.0) -> None:
        self._client = httpx.Client(base_url=mlflow_url, timeout=timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def version(self, release_id: str) -> str | None:
        """The model version of a release, or None when it was never registered."""
        query = {"filter": f"name = '{MODEL}' and tags.{RELEASE_TAG} = '{release_id}'"}
        found = self._call("GET", "/model-versions/search", params=query).get("model_versions", [])
        return str(max(int(one["version"]) for one in found)) if found else None

    def aliases(self) -> dict[str, str]:
        """The aliases as MLflow has them: name → version. Empty when the model is not registered."""
        found = self._call("GET", "/registered-models/get", params={"name": MODEL}, missing_ok=True)
        aliases = found.get("registered_model", {}).get("aliases", [])
        return {one["alias"]: str(one["version"]) for one in aliases}

    def mirror(self, pointers: Mapping[str, str | None]) -> list[str]:
        """Makes the aliases equal to ``pointers`` (alias → release id, None removes it). Returns what could not be
        shown: a release that was never registered. Calling it again completes what a failure left."""
        present, problems = self.aliases(), []
        for alias, release_id in pointers.items():
            version = self.version(release_id) if release_id is not None else None
            if release_id is not None and version is None:
                problems.append(f"release {release_id} has no version in MLflow, so alias {alias} is not there")
            if version is None and alias in present:
                self._call("DELETE", "/registered-models/alias", json={"name": MODEL, "alias": alias})
            elif version is not None and present.get(alias) != version:
                body = {"name": MODEL, "alias": alias, "version": version}
                self._call("POST", "/registered-models/alias", json=body)
        return problems

    def _call(self, method: str, path: str, *, missing_ok: bool = False, **request: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, _PREFIX + path, **request)
            if missing_ok and answer.status_code == httpx.codes.NOT_FOUND:
                return {}
            answer.raise_for_status()
            body: dict[str, Any] = answer.json()
        except httpx.HTTPStatusError as error:
            raise UnavailableError("MLflow", f"{path} answered {error.response.status_code}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(
                "MLflow", f"{error or type(error).__name__}; is it up (headwater status)?"
            ) from error
        return body
