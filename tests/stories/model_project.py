"""A model repository that keeps every standard, and the ways in which the stories break it."""

from __future__ import annotations

from tests.gitlab.verbs import Files

NAME = "iris"

SERVE = '''\
"""Serves the iris model."""

import ddtrace

ddtrace.patch(tornado=True)

import kserve  # noqa: E402

from model import Classifier  # noqa: E402


class Iris(kserve.Model):
    """The API."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.classifier = Classifier()

    def load(self) -> None:
        self.classifier.restore("weights")
        self.ready = True

    def predict(self, payload, headers=None):
        return {"predictions": self.classifier.classify(payload["instances"])}


if __name__ == "__main__":
    model = Iris("iris")
    model.load()
    kserve.ModelServer().start([model])
'''

DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
ARG CI_COMMIT_AUTHOR
ARG CI_COMMIT_REF_NAME
ARG CI_COMMIT_SHA
ARG CI_COMMIT_TIMESTAMP
ARG CI_PROJECT_URL
LABEL author="$CI_COMMIT_AUTHOR" version="$CI_COMMIT_REF_NAME" model="iris" \\
      org.label-schema.version="$CI_COMMIT_REF_NAME" org.label-schema.name="iris" \\
      org.label-schema.build-date="$CI_COMMIT_TIMESTAMP" org.label-schema.vcs-ref="$CI_COMMIT_SHA" \\
      org.label-schema.vcs-url="$CI_PROJECT_URL" org.label-schema.vendor="example" \\
      org.label-schema.schema-version="1.0"
CMD ["python", "serve.py"]
"""

CI = """\
include:
  - project: ml-platform/model-promotion-pipeline
    file: /pipeline.yml

variables:
  MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z
"""

GITIGNORE = "# data stays out of git\ndatasets/*\nweights/*\n!.gitkeep\n"

README = """\
# iris

Classifies irises.

## Run it

    aws s3 cp --recursive s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z weights/
    aws s3 cp --recursive s3://ml-platform-bucket/iris/datasets/2026-02-01T12:00:00Z datasets/
    python serve.py

## Links

- weights: s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z
- datasets: s3://ml-platform-bucket/iris/datasets/2026-02-01T12:00:00Z
- images: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/iris
- deployments: https://deploy.example.com/iris/production
- logs: https://app.datadoghq.com/logs?query=service%3Airis
- traces: https://app.datadoghq.com/apm/services/iris
- ticket: https://example.atlassian.net/browse/IRIS-1
- document: https://example.atlassian.net/wiki/spaces/ML/pages/1/iris
"""

OPENAPI = """\
openapi: 3.0.3
info:
  title: Iris
  description: Classifies irises.
  version: 1.0.0
servers:
  - url: /v1
paths:
  /models/iris:predict:
    post:
      summary: Classifies irises.
      responses:
        "200":
          description: The classes.
"""

MODEL = """\
class Classifier:
    def restore(self, folder):
        self.folder = folder

    def classify(self, instances):
        return [0 for _ in instances]
"""

SCRIPT = """\
from model import Classifier


def main():
    print(Classifier())


if __name__ == "__main__":
    main()
"""

PROJECT: Files = {
    ".gitignore": GITIGNORE,
    ".gitlab-ci.yml": CI,
    "Dockerfile": DOCKERFILE,
    "README.md": README,
    "model.py": MODEL,
    "train.py": SCRIPT,
    "evaluate.py": SCRIPT,
    "serve.py": SERVE,
    "openapi.yaml": OPENAPI,
    "requirements.txt": "ddtrace==2.21.1\nkserve==0.8.0\n",
    "weights/.gitkeep": "",
    "datasets/.gitkeep": "",
    **{
        f"tests/test_{name}.py": f"import {name}\n\n\ndef test_{name}():\n    assert {name}\n"
        for name in ("model", "train", "evaluate", "serve")
    },
}

UNTRACED = SERVE.replace("import ddtrace\n\nddtrace.patch(tornado=True)\n\n", "").replace("  # noqa: E402", "")
"""10.patch fails, at the import of kserve (line 3)."""

UNPREDICTING = SERVE[: SERVE.index("    def predict")] + SERVE[SERVE.index("\n\nif __name__") :]
"""4.predict fails."""

UNLABELLED = DOCKERFILE.replace(' org.label-schema.vendor="example"', "").replace('model="iris" ', "")
"""6.model and 6.org.label-schema.vendor fail."""

ELSEWHERE = CI.replace("s3://ml-platform-bucket/iris", "s3://my-bucket/iris")
"""1.path fails, at the variable (line 6)."""

UNIGNORING = GITIGNORE.replace("weights/*\n", "")
"""1.ignored fails."""

LONELY = CI[CI.index("variables:") :]
"""3.include fails."""
