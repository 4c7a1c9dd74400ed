"""The map of imports is well formed, and agrees with the wheels that are at hand."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from checks.read import distributions
from checks.read.distributions import brought_by, is_standard, serves, serving
from checks.read.requirements import normalized


def test_every_name_is_written_as_it_is_compared() -> None:
    for table in (distributions._modules(), distributions._extras()):
        for name, found in table.items():
            assert found, name
            assert list(found) == [normalized(one) for one in found], name


def test_the_map_agrees_with_what_is_installed() -> None:
    """Where an installed distribution holds a module that the map knows, the map knows the distribution."""
    wrong = {
        module: (names, serving(module))
        for module, names in metadata.packages_distributions().items()
        if serving(module) and not {normalized(name) for name in names} & set(serving(module))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("cv2", "opencv-python-headless"),
        ("sklearn.linear_model", "scikit-learn"),
        ("google.cloud.storage.blob", "google-cloud-storage"),
        ("google.protobuf", "protobuf"),
        ("tensorflow.keras", "tensorflow-cpu"),
        ("PIL.Image", "pillow"),
        ("yaml", "pyyaml"),
        ("numpy.linalg", "numpy"),
    ],
)
def test_the_longest_prefix_decides(module: str, distribution: str) -> None:
    assert distribution in serving(module)


STAPLES = {
    "aiohttp": "aiohttp", "attr": "attrs", "boto3": "boto3", "bs4": "beautifulsoup4", "catboost": "catboost",
    "Crypto": "pycryptodome", "cv2": "opencv-python", "dateutil": "python-dateutil", "dotenv": "python-dotenv",
    "faiss": "faiss-cpu", "fastapi": "fastapi", "google.auth": "google-auth",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.protobuf": "protobuf", "grpc": "grpcio", "jax": "jax", "joblib": "joblib", "jwt": "pyjwt", "keras": "keras",
    "kfserving": "kfserving", "kserve": "kserve", "lightgbm": "lightgbm", "mlflow": "mlflow", "nltk": "nltk",
    "numpy": "numpy", "onnxruntime": "onnxruntime", "pandas": "pandas", "PIL": "pillow", "pkg_resources": "setuptools",
    "psycopg2": "psycopg2", "pyarrow": "pyarrow", "pynvml": "nvidia-ml-py", "ray": "ray", "requests": "requests",
    "scipy": "scipy", "sentence_transformers": "sentence-transformers", "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "spacy": "spacy", "tensorflow": "tensorflow", "torch": "torch", "torchvision": "torchvision", "tornado": "tornado",
    "transformers": "transformers", "umap": "umap-learn", "xgboost": "xgboost", "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip


def test_what_models_are_made_of_is_known() -> None:
    assert {module: serving(module)[:1] for module in STAPLES} == {m: (name,) for m, name in STAPLES.items()}


def test_a_build_for_another_machine_serves_the_same() -> None:
    for name in ("tensorflow-gpu", "torch-nightly", "faiss-gpu-cu12", "onnxruntime-gpu", "opencv-python-headless"):
        assert serves(name, serving({"faiss": "faiss", "opencv": "cv2"}.get(name.split("-")[0], name.split("-")[0])))
    assert not serves("torch-geometric", ("torch",)) and not serves("numpy-financial", ("numpy",))


def test_what_is_not_known_is_not_guessed() -> None:
    for module in ("google", "google.cloud", "azure", "acme_models", "models", "utils"):
        assert serving(module) == ()
    assert brought_by("acme", "all") is None
    assert brought_by("uvicorn", "standard") is not None


def test_the_standard_library_is_that_of_every_python() -> None:
    assert all(
        map(
            is_standard,
            ["os.path", "distutils.core", "imp", "asyncore", "tomllib", "compression.zstd", *sys.stdlib_module_names],
        )
    )
    assert not is_standard("numpy")
