"""What an environment's repository says of a model: a kserve InferenceService. Pure.

`serving.kserve.io/v1beta1`, https://kserve.github.io/website: a predictor with a container of one's own.
"""

from __future__ import annotations

import json
from typing import Final

PORT: Final = 8080


def manifest(name: str, image: str, environment: str) -> str:
    """The file of one model in one environment. Its texts are JSON's, which YAML takes as they are."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "snitch", "environment": environment}
    told = "\n".join(f"    {key}: {json.dumps(value)}" for key, value in labels.items())
    return f"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {json.dumps(name)}
  labels:
{told}
spec:
  predictor:
    containers:
      - name: kserve-container
        # The pipeline that promotes the model puts the tag of what it built here.
        image: {json.dumps(image)}
        ports:
          - containerPort: {PORT}
            protocol: TCP
        resources:
          requests: {{cpu: 100m, memory: 512Mi}}
          limits: {{memory: 1Gi}}
"""
