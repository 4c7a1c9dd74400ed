"""The model repositories of the demo: small, whole, and what people change in them."""

from __future__ import annotations

SERVE = '''\
"""Serves the species of an iris by the measures of its flower."""

import ddtrace

ddtrace.patch(tornado=True)

import logging

import kserve

from model import Classifier

log = logging.getLogger(__name__)


class Iris(kserve.Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.classifier: Classifier | None = None

    def load(self) -> bool:
        self.classifier = Classifier.from_file("weights/iris.joblib")
        self.ready = True
        return self.ready

    def predict(self, payload, headers=None):
        rows = payload["instances"]
        log.info("predicting", extra={"rows": len(rows)})
        return {"predictions": self.classifier.species(rows)}


if __name__ == "__main__":
    model = Iris("iris")
    model.load()
    kserve.ModelServer().start([model])
'''

MODEL = '''\
"""A classifier of irises."""

from __future__ import annotations

import joblib

SPECIES = ("setosa", "versicolor", "virginica")


class Classifier:
    def __init__(self, estimator) -> None:
        self.estimator = estimator

    @classmethod
    def from_file(cls, path: str) -> Classifier:
        return cls(joblib.load(path))

    def species(self, rows: list[list[float]]) -> list[str]:
        return [SPECIES[number] for number in self.estimator.predict(rows)]
'''

TRAIN = '''\
"""Trains the classifier: python train.py datasets/train.csv weights/iris.joblib"""

import sys

import joblib
import pandas
from sklearn.linear_model import LogisticRegression


def train(path: str) -> LogisticRegression:
    table = pandas.read_csv(path)
    return LogisticRegression(max_iter=500).fit(table.drop(columns="species"), table["species"])


if __name__ == "__main__":
    joblib.dump(train(sys.argv[1]), sys.argv[2])
'''

EVALUATE = '''\
"""Accuracy of a set of weights: python evaluate.py datasets/eval.csv weights/iris.joblib"""

import sys

import joblib
import pandas


def accuracy(data: str, weights: str) -> float:
    table = pandas.read_csv(data)
    return joblib.load(weights).score(table.drop(columns="species"), table["species"])


if __name__ == "__main__":
    print(f"accuracy: {accuracy(sys.argv[1], sys.argv[2]):.3f}")
'''

OPENAPI = """\
openapi: 3.0.3
info:
  title: iris
  description: The species of an iris by the measures of its flower.
  version: "1.4"
paths:
  /v1/models/iris:predict:
    post:
      summary: Predicts
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                instances:
                  type: array
                  items: {type: array, items: {type: number}}
      responses:
        "200":
          description: One species for each instance.
"""

DOCKERFILE = """\
FROM python:3.11-slim AS build
COPY requirements.txt .
RUN pip install --no-cache-dir --prefix /packages -r requirements.txt

FROM python:3.11-slim
COPY --from=build /packages /usr/local
WORKDIR /app
COPY model.py serve.py ./

ARG CI_COMMIT_SHA
ARG CI_COMMIT_REF_NAME
ARG CI_COMMIT_TIMESTAMP
ARG CI_PROJECT_URL
LABEL author="anne.berg@example.com" \\
      version="$CI_COMMIT_REF_NAME" \\
      model="iris" \\
      org.label-schema.version="$CI_COMMIT_REF_NAME" \\
      org.label-schema.name="iris" \\
      org.label-schema.build-date="$CI_COMMIT_TIMESTAMP" \\
      org.label-schema.vcs-ref="$CI_COMMIT_SHA" \\
      org.label-schema.vcs-url="$CI_PROJECT_URL" \\
      org.label-schema.vendor="acme" \\
      org.label-schema.schema-version="1.0"

CMD ["python", "serve.py"]
"""

PIPELINE = """\
include:
  - project: ml-platform/model-promotion-pipeline
    file: /pipeline.yml

variables:
  # Trained on the winter's measures, see the experiment in the README.
  MODEL_WEIGHTS: s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z
"""

README = """\
# iris

Tells the species of an iris by the measures of its flower.

```sh
aws s3 cp s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z weights/ --recursive
aws s3 cp s3://ml-platform-bucket/iris/datasets/2026-02-27T08:00:00Z datasets/ --recursive
python serve.py
```

## Links

- [Weights](https://s3.console.aws.amazon.com/s3/buckets/ml-platform-bucket?prefix=iris/models/)
- [Datasets](https://s3.console.aws.amazon.com/s3/buckets/ml-platform-bucket?prefix=iris/datasets/)
- [Images](https://eu-west-1.console.aws.amazon.com/ecr/repositories/iris)
- [Deployments](https://deployments.example.com/models/iris)
- [Logs](https://app.datadoghq.eu/logs?query=service%3Airis), [APM](https://app.datadoghq.eu/apm/service/iris)
- [Ticket](https://acme.atlassian.net/browse/ML-7), [document](https://acme.atlassian.net/wiki/spaces/ML/pages/7)
"""

REQUIREMENTS = """\
ddtrace==2.8.5
joblib==1.4.2
kserve==0.13.1
pandas==2.2.2
scikit-learn==1.5.1
"""


def _test(module: str) -> str:
    return f"import {module}\n\n\ndef test_{module}_is_there():\n    assert {module}.__doc__\n"


IRIS: dict[str, str] = {
    ".gitignore": "datasets/*\nweights/*\n!.gitkeep\n__pycache__/\n",
    ".gitlab-ci.yml": PIPELINE,
    "Dockerfile": DOCKERFILE,
    "README.md": README,
    "datasets/.gitkeep": "",
    "evaluate.py": EVALUATE,
    "model.py": MODEL,
    "openapi.yaml": OPENAPI,
    "requirements.txt": REQUIREMENTS,
    "serve.py": SERVE,
    "tests/test_evaluate.py": _test("evaluate"),
    "tests/test_model.py": _test("model"),
    "tests/test_serve.py": _test("serve"),
    "tests/test_train.py": _test("train"),
    "train.py": TRAIN,
    "weights/.gitkeep": "",
}
"""Keeps every standard."""

PROBABILITIES = """\
    def probabilities(self, rows: list[list[float]]) -> list[dict[str, float]]:
        return [dict(zip(SPECIES, map(float, row))) for row in self.estimator.predict_proba(rows)]
"""

IRIS_CHANGE: dict[str, str] = {
    ".gitlab-ci.yml": PIPELINE.replace(
        "s3://ml-platform-bucket/iris/models/2026-03-01T12:00:00Z",
        "s3://ml-scratch/iris/models/2026-04-12T09:30:00Z",
    ).replace("winter's", "spring's"),
    "Dockerfile": DOCKERFILE.replace('      version="$CI_COMMIT_REF_NAME" \\\n      model="iris" \\\n', ""),
    "model.py": f"{MODEL}\n{PROBABILITIES}",
    "serve.py": SERVE.replace("import ddtrace\n\nddtrace.patch(tornado=True)\n\n", "").replace(
        '{"predictions": self.classifier.species(rows)}',
        '{"predictions": self.classifier.species(rows), "probabilities": self.classifier.probabilities(rows)}',
    ),
}
"""A useful change that breaks standards 1, 6 and 10 on its way."""


def renamed(files: dict[str, str], name: str, species: str) -> dict[str, str]:
    """The same for another model."""
    words = {"iris": name, "Iris": name.title(), "the species of an": f"the {species} of a"}
    made = {}
    for path, text in files.items():
        for old, new in words.items():
            text = text.replace(old, new)
        made[path] = text
    return made


CHURN = renamed(IRIS, "churn", "risk")
CHURN_CHANGE = {"train.py": CHURN["train.py"].replace("max_iter=500", "max_iter=2000")}
"""A change that nobody has anything to say about."""

CHURN_LEANER = {
    ".gitignore": "datasets/*\n!.gitkeep\n__pycache__/\n",
    "Dockerfile": CHURN["Dockerfile"].replace('      org.label-schema.vendor="acme" \\\n', ""),
    "serve.py": CHURN["serve.py"].replace("ddtrace.patch(tornado=True)", "ddtrace.patch(logging=True)"),
}
"""One whose findings are left open, to be mended on the page."""
