"""One SavedModel in a TensorFlow v1 session: memory stays flat over many swaps, which the v2 loader's does not."""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training import tensorflow_runtime

tf = tensorflow_runtime.load()
log = logging.getLogger(__name__)

SERVE_TAG = "serve"


class ModelInputError(ValueError):
    """A request does not fit the signature."""


class ModelFaultError(RuntimeError):
    """TensorFlow could not run the model, through no fault of the request."""


class LoadedModel:
    """A version that answers. ``run`` may be called from many threads; ``close`` waits for them."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Loads the SavedModel at ``path``. Raises OSError or ValueError when it is damaged."""
        v1 = tf.compat.v1
        options = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
        self._session = v1.Session(graph=tf.Graph(), config=options)
        try:
            with self._session.graph.as_default():
                self._meta_graph = v1.saved_model.loader.load(self._session, [SERVE_TAG], str(path))
        except (RuntimeError, tf.errors.OpError) as error:
            self._session.close()
            raise ValueError(f"{path} cannot be loaded: {error}") from error
        self._callables: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._idle = threading.Condition()
        self._running = 0

    @property
    def signatures(self) -> Mapping[str, Any]:
        """SignatureDef by name, without TensorFlow's internal ones."""
        return {k: v for k, v in self._meta_graph.signature_def.items() if not k.startswith("__")}

    def run(
        self, signature: str, inputs: Mapping[str, npt.NDArray[Any]], outputs: tuple[str, ...] = ()
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs one signature; ``outputs`` empty means all. Raises ModelInputError when the request does not fit,
        ModelFaultError when the model fails."""
        definition = self.signatures.get(signature)
        if definition is None:
            raise ModelInputError(f"the signature {signature!r} is not one of {sorted(self.signatures)}")
        names = sorted(definition.inputs)
        if sorted(inputs) != names:
            raise ModelInputError(f"the inputs must be {names}, not {sorted(inputs)}")
        for name in names:
            wanted = tf.dtypes.as_dtype(definition.inputs[name].dtype).as_numpy_dtype
            if inputs[name].dtype != np.dtype(wanted):
                raise ModelInputError(f"the input {name!r} must be {np.dtype(wanted)}, not {inputs[name].dtype}")
        fetched = outputs or tuple(sorted(definition.outputs))
        unknown = set(fetched) - set(definition.outputs)
        if unknown:
            raise ModelInputError(f"the outputs {sorted(unknown)} are not among {sorted(definition.outputs)}")
        with self._idle:
            self._running += 1
        try:
            results = self._callable(signature, definition, names, fetched)(*(inputs[name] for name in names))
        except (tf.errors.InvalidArgumentError, ValueError) as error:
            raise ModelInputError(str(error)) from error
        except tf.errors.OpError as error:
            raise ModelFaultError(f"{type(error).__name__}: {error}") from error
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()
        return dict(zip(fetched, results, strict=True))

    def _callable(self, signature: str, definition: Any, names: list[str], fetched: tuple[str, ...]) -> Any:
        key = (signature, fetched)
        if key not in self._callables:
            self._callables[key] = self._session.make_callable(
                [definition.outputs[name].name for name in fetched], [definition.inputs[name].name for name in names]
            )
        return self._callables[key]

    def warm_up(self) -> None:
        """Runs every signature once, unknown dimensions as 1, so that the first request pays for no set-up.

        A model that takes no such input is served all the same. Raises ModelFaultError for one that cannot run."""
        for signature, definition in self.signatures.items():
            inputs = {}
            for name, info in definition.inputs.items():
                shape = [1 if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
                dtype = tf.dtypes.as_dtype(info.dtype)
                inputs[name] = (
                    np.full(shape, b"", object) if dtype == tf.string else np.zeros(shape, dtype.as_numpy_dtype)
                )
            try:
                self.run(signature, inputs)
            except ModelInputError as error:
                log.warning("warm-up with dimensions of 1 does not fit %s: %s", signature, error)

    def close(self) -> None:
        """Waits for running calls, then gives the memory back."""
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0)
        self._callables.clear()
        self._session.close()
