"""The gRPC services: PredictionService and ModelService over the served models, with TensorFlow Serving's codes."""

import logging
from typing import Any

import grpc

from contracts.errors import ConflictError, InvalidInputError, NotFoundError
from releases.tensors import read_tensor, write_tensor
from serving import protos
from serving.model_server.config import from_proto
from serving.model_server.saved_model import LoadedModel, ModelFaultError, ModelInputError
from serving.model_server.versions import ServedModels

log = logging.getLogger(__name__)

DEFAULT_SIGNATURE = "serving_default"
SIGNATURE_DEF = "signature_def"
_OK, _INVALID_ARGUMENT, _NOT_FOUND, _FAILED_PRECONDITION = 0, 3, 5, 9


def _spec(spec: Any) -> tuple[str, int | None, str | None]:
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    return spec.name, version, spec.version_label if choice == "version_label" else None


class PredictionService(protos.prediction_service.PredictionServiceServicer):  # type: ignore[misc]
    """Predict and GetModelMetadata. The calls for tf.Example (Classify, Regress) answer UNIMPLEMENTED."""

    def __init__(self, models: ServedModels[LoadedModel]) -> None:
        self._models = models

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        response = protos.predict.PredictResponse()
        try:
            inputs = {name: read_tensor(tensor) for name, tensor in request.inputs.items()}
            with self._models.borrow(*_spec(request.model_spec)) as (version, model):
                outputs = model.run(signature, inputs, tuple(request.output_filter))
        except NotFoundError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except (ModelInputError, ValueError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except ModelFaultError as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        for name, array in outputs.items():
            write_tensor(array, response.outputs[name])
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        response.model_spec.signature_name = signature
        return response

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if list(request.metadata_field) != [SIGNATURE_DEF]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"metadata_field must be [{SIGNATURE_DEF!r}]")
        response = protos.model_metadata.GetModelMetadataResponse()
        signatures = protos.model_metadata.SignatureDefMap()
        try:
            with self._models.borrow(*_spec(request.model_spec)) as (version, model):
                for name, definition in model.signatures.items():
                    signatures.signature_def[name].ParseFromString(definition.SerializeToString())
        except NotFoundError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        response.metadata[SIGNATURE_DEF].Pack(signatures)
        return response


class ModelService(protos.model_service.ModelServiceServicer):  # type: ignore[misc]
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, models: ServedModels[LoadedModel]) -> None:
        self._models = models

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        response = protos.model_status.GetModelStatusResponse()
        name, version, label = _spec(request.model_spec)
        try:
            if label is not None:
                with self._models.borrow(name, None, label) as (number, _):
                    version = number
            states = self._models.states(name)
        except NotFoundError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        if version is not None and version not in states:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Could not find version {version} of model {name}")
        for number, (state, message) in states.items():
            if version in (None, number):
                one = response.model_version_status.add(version=number, state=int(state))
                one.status.error_message = message
                one.status.error_code = _INVALID_ARGUMENT if message else _OK
        return response

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        response = protos.model_management.ReloadConfigResponse()
        try:
            self._models.configure(from_proto(request.config))
        except InvalidInputError as error:
            response.status.error_code, response.status.error_message = _INVALID_ARGUMENT, str(error)
        except ConflictError as error:
            response.status.error_code, response.status.error_message = _FAILED_PRECONDITION, str(error)
        return response
