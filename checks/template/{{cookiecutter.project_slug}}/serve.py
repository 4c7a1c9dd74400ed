"""The API: kserve answers POST /v1/models/{{ cookiecutter.project_slug }}:predict as openapi.yaml says."""

import ddtrace

# Before what it patches is imported. kserve serves on FastAPI since 0.10.
ddtrace.patch(tornado=True, fastapi=True)

import os
from pathlib import Path
from typing import Any

import kserve
from kserve.errors import InvalidInput

from model import Model


class Server(kserve.Model):
    """Serves the model."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.model: Model | None = None

    def load(self) -> bool:
        """Reads the weights of the folder that MODEL_DIR names, else of `weights`."""
        self.model = Model.restore(Path(os.environ.get("MODEL_DIR", "weights")))
        self.ready = True
        return self.ready

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> dict[str, list[str]]:
        """A label for each instance."""
        instances = payload.get("instances") if isinstance(payload, dict) else None
        if not isinstance(instances, list) or not all(isinstance(one, str) for one in instances):
            raise InvalidInput("instances must be a list of texts")
        if self.model is None:
            raise RuntimeError("the model is not loaded")
        return {"predictions": self.model.predict(instances) if instances else []}


if __name__ == "__main__":
    server = Server("{{ cookiecutter.project_slug }}")
    server.load()
    kserve.ModelServer().start([server])
