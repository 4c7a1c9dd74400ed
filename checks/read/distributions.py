"""Which distributions serve an import: the map from names of modules to names of distributions.

Kept by hand, and meant to grow: a name that is not in it is never judged, and any one of a name's distributions will
do, so that a gap or a distribution too many hides a finding and a wrong one does not arise. Sources: the top-level
modules that the distributions' own wheels hold (checked against those at hand by a test).
"""

from __future__ import annotations

import sys
from functools import cache

from checks.read.requirements import normalized

# Modules whose distribution has the same name.
_SAME = """
accelerate aioboto3 aiobotocore aiofiles aiohttp aiokafka aioredis aiosignal aiosqlite albumentations alembic alibi
alibi_detect altair annoy anthropic anyio apispec asgiref async_timeout asyncpg attrs autogluon autokeras awswrangler
bcrypt bentoml bert_score blinker boltons boto boto3 botocore bottle cachetools cairosvg cartopy category_encoders
certifi chainer chardet chex click cloudpathlib cloudpickle colorama colorlog comet_ml confection confluent_kafka
coremltools croniter cryptography cvxpy cython cytoolz dash dask databases databricks_cli datadog datasets dateparser
ddtrace deepdiff deepspeed detectron2 diffusers dill distributed django dominate dvc dynaconf easyocr einops
elasticsearch eli5 emoji en_core_web_lg en_core_web_md en_core_web_sm environs etils evaluate face_recognition fastapi
fastavro fastparquet fbprophet filelock filterpy fiona flair flaml flask flask_cors flask_restful flask_restx
flask_sqlalchemy flax frozenlist fsspec ftfy fugashi fuzzywuzzy gensim geopandas gevent gluoncv gluonnlp gluonts
google_auth_oauthlib gpustat gradio graphviz greenlet gspread gunicorn gymnasium h3 h5py hdbscan hnswlib holidays
httpcore httptools httpx huggingface_hub humanize hvac hypercorn idna imageio imgaug implicit inflect inflection
instructor IPython jax jinja2 jmespath joblib json5 jsonlines jsonpath_ng jsonpickle jsonschema keras keras_tuner kfp
kfserving kmodes kneed konlpy kornia kserve kubernetes langchain langchain_community langchain_core langchain_openai
langdetect langid levenshtein librosa lifelines lightfm lightning lime limits litellm llvmlite loguru lxml lz4 mako
markdown markupsafe marshmallow matplotlib minio mlserver mlxtend mmdet mmengine mmh3 mmseg mosestokenizer moviepy
msgpack msgpack_numpy multidict mysqlclient natsort ndg neptune networkx neuralprophet nibabel nltk nmslib nptyping
numba numexpr numpy oauthlib omegaconf onnx onnxconverter_common onnxmltools onnxruntime_extensions onnxsim openai
opencensus openpyxl openvino optax optimum optuna orjson pandas pandas_gbq pandera paramiko passlib patsy peewee peft
pendulum pika pint plotly pluggy ply pmdarima polars portalocker postal prefect prettytable prometheus_client prophet
psutil psycopg psycopg_pool py4j pyarrow pyathena pybind11 pycaret pycocotools pycountry pydantic pydantic_settings
pydicom pydub pykafka pyLDAvis pymc pymilvus pymongo pymysql pynndescent pynvml pyod pyodbc pypdf pyperclip pyproj
PyQt5 pyrsistent pysbd pysftp pysolr pystan pytesseract pytest pytest_asyncio pytest_mock pythainlp
pytorch_forecasting pytorch_lightning pytorch_pretrained_bert pytz pyvips qdrant_client rapidfuzz rasterio
recommonmark redis regex requests requests_oauthlib requests_toolbelt responses rich river roboflow rouge rtree s3fs
s3transfer sacrebleu sacremoses safetensors sagemaker sagemaker_inference scikeras scipy seaborn seldon_core
sentence_transformers sentencepiece sentry_sdk seqeval setproctitle sh shap shapely simplejson six skl2onnx
sklearn2pmml sklearn_crfsuite skorch sktime smart_open sniffio snorkel sortedcontainers soupsieve sqlalchemy
sqlalchemy_utils sqlmodel sqlparse stanza starlette statsmodels structlog sudachipy supervision sympy tables tabulate
tblib tenacity tensorboardX tensorflow_addons tensorflow_datasets tensorflow_hub tensorflow_probability
tensorflow_serving_api tensorflow_text textblob textdistance tf2onnx thinc tiktoken timm tokenizers toml tomli toolz
torch_geometric torch_scatter torch_sparse torchaudio torchmetrics torchserve torchtext torchvision tornado tqdm
transformers trax trimesh tritonclient trl tsfresh typeguard typer typing_extensions tzdata tzlocal ujson ultralytics
unidecode urllib3 uvicorn uvloop vaex validators vllm waitress wandb wasabi watchdog watchfiles websockets werkzeug
wordcloud wrapt xarray xformers xlrd xlsxwriter xmltodict xxhash yarl zarr zeep zstandard
"""

# Modules whose distribution has another name, or that several distributions serve.
_OTHERS = """
absl: absl-py
airflow: apache-airflow
apex: apex nvidia-apex
attr: attrs
autosklearn: auto-sklearn
azure.ai.ml: azure-ai-ml
azure.core: azure-core azure-storage-blob azure-identity
azure.cosmos: azure-cosmos
azure.identity: azure-identity
azure.keyvault.secrets: azure-keyvault-secrets
azure.storage.blob: azure-storage-blob
azure.storage.filedatalake: azure-storage-file-datalake
azureml.core: azureml-core azureml-sdk azureml-defaults
bitsandbytes: bitsandbytes bitsandbytes-cuda111 bitsandbytes-cuda112 bitsandbytes-cuda113
bs4: beautifulsoup4 bs4
bson: pymongo bson
cassandra: cassandra-driver
catboost: catboost catboost-gpu
clip: clip openai-clip clip-anytorch
colors: ansicolors
Crypto: pycryptodome pycrypto
Cryptodome: pycryptodomex
cupy: cupy cupy-cuda101 cupy-cuda102 cupy-cuda110 cupy-cuda111 cupy-cuda112 cupy-cuda11x cupy-cuda12x cupy-cuda13x
cv2: opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless
  opencv-python-inference-engine opencv-python-rolling opencv-contrib-python-rolling
dateutil: python-dateutil
decouple: python-decouple
dgl: dgl dgl-cu101 dgl-cu102 dgl-cu110 dgl-cu111 dgl-cu113 dgl-cu116 dgl-cu117 dgl-cu118
discord: discord-py py-cord discord
dlib: dlib dlib-bin
dns: dnspython
docker: docker docker-py
docx: python-docx docx
dotenv: python-dotenv
editdistance: editdistance editdistance-s
elasticapm: elastic-apm
enchant: pyenchant
fairseq: fairseq fairseq2
faiss: faiss-cpu faiss-gpu faiss faiss-gpu-cu11 faiss-gpu-cu12
farmhash: pyfarmhash
fasttext: fasttext fasttext-wheel fasttext-langdetect fasttext-numpy2
faust: faust faust-streaming
fitz: pymupdf fitz
git: gitpython
github: pygithub
gitlab: python-gitlab
google.api_core: google-api-core
google.auth: google-auth
google.cloud.aiplatform: google-cloud-aiplatform
google.cloud.bigquery: google-cloud-bigquery
google.cloud.bigquery_storage: google-cloud-bigquery-storage
google.cloud.datastore: google-cloud-datastore
google.cloud.dlp: google-cloud-dlp
google.cloud.firestore: google-cloud-firestore
google.cloud.kms: google-cloud-kms
google.cloud.language: google-cloud-language
google.cloud.logging: google-cloud-logging
google.cloud.monitoring_v3: google-cloud-monitoring
google.cloud.pubsub: google-cloud-pubsub
google.cloud.pubsub_v1: google-cloud-pubsub
google.cloud.secretmanager: google-cloud-secret-manager
google.cloud.spanner: google-cloud-spanner
google.cloud.speech: google-cloud-speech
google.cloud.storage: google-cloud-storage
google.cloud.texttospeech: google-cloud-texttospeech
google.cloud.translate: google-cloud-translate
google.cloud.translate_v2: google-cloud-translate
google.cloud.vision: google-cloud-vision
google.genai: google-genai
google.generativeai: google-generativeai
google.oauth2: google-auth
google.protobuf: protobuf
google.resumable_media: google-resumable-media
googleapiclient: google-api-python-client
grpc: grpcio
grpc_health: grpcio-health-checking
grpc_reflection: grpcio-reflection
grpc_status: grpcio-status
grpc_tools: grpcio-tools
gym: gym gym-notices
haiku: dm-haiku
haystack: farm-haystack haystack-ai
hydra: hydra-core
igraph: igraph python-igraph
imblearn: imbalanced-learn
interpret: interpret interpret-core
jaxlib: jaxlib jax
jieba: jieba jieba-fast
jose: python-jose python-jose-cryptodome
jpype: jpype1
jwt: pyjwt jwt
kafka: kafka-python kafka-python-ng kafka
lark: lark lark-parser
ldap: python-ldap
Levenshtein: levenshtein python-levenshtein
lightgbm: lightgbm lightgbm-gpu
lightning_fabric: lightning-fabric lightning pytorch-lightning
magic: python-magic python-magic-bin file-magic libmagic
markdown_it: markdown-it-py
MeCab: mecab-python3 mecab-python mecab
mediapipe: mediapipe mediapipe-silicon mediapipe-rpi4
memcache: python-memcached
mlflow: mlflow mlflow-skinny
mmcv: mmcv mmcv-full mmcv-lite
model_archiver: torch-model-archiver
mpl_toolkits: matplotlib
multipart: python-multipart multipart
mxnet: mxnet mxnet-cu101 mxnet-cu102 mxnet-cu110 mxnet-cu112 mxnet-mkl
mysql.connector: mysql-connector-python mysql-connector mysql-connector-python-rf
MySQLdb: mysqlclient mysql-python
nacl: pynacl
neo4j: neo4j neo4j-driver
odf: odfpy
onnxruntime: onnxruntime onnxruntime-gpu onnxruntime-openvino onnxruntime-directml ort-nightly ort-nightly-gpu
  onnxruntime-silicon onnxruntime-training onnxruntime-qnn
opencc: opencc opencc-python-reimplemented opencc-python
OpenSSL: pyopenssl
opentelemetry.exporter.otlp: opentelemetry-exporter-otlp
opentelemetry.sdk: opentelemetry-sdk opentelemetry-distro
osgeo: gdal
paddle: paddlepaddle paddlepaddle-gpu
paho: paho-mqtt
PIL: pillow pillow-simd pil
pptx: python-pptx
psycopg2: psycopg2 psycopg2-binary
pycrfsuite: python-crfsuite
pylab: matplotlib
PyPDF2: pypdf2 pypdf2-fork
pyspark: pyspark pyspark-client pyspark-connect databricks-connect
pythonjsonlogger: python-json-logger
pywt: pywavelets
rapidjson: python-rapidjson
ray: ray ray-cpp
rest_framework: djangorestframework
ruamel.yaml: ruamel-yaml
serial: pyserial
shapefile: pyshp
skimage: scikit-image
sklearn: scikit-learn sklearn scikit-learn-intelex
skmultiflow: scikit-multiflow
skopt: scikit-optimize
sksurv: scikit-survival
slugify: python-slugify slugify unicode-slugify awesome-slugify
snappy: python-snappy
snowflake.connector: snowflake-connector-python
snowflake.sqlalchemy: snowflake-sqlalchemy
socketio: python-socketio
sonnet: dm-sonnet
soundfile: soundfile pysoundfile
spacy: spacy spacy-nightly
statsd: statsd pystatsd
streamlit: streamlit streamlit-nightly
surprise: scikit-surprise surprise
tensorboard: tensorboard tb-nightly
tensorflow: tensorflow tensorflow-cpu tensorflow-gpu tensorflow-macos tensorflow-intel tensorflow-rocm
  tensorflow-aarch64 tensorflow-cpu-aws tf-nightly tf-nightly-cpu tf-nightly-gpu intel-tensorflow
  intel-tensorflow-avx512
tensorflow_serving: tensorflow-serving-api tensorflow-serving-api-gpu
tensorrt: tensorrt nvidia-tensorrt
tflite_runtime: tflite-runtime tflite-runtime-nightly
torch: torch torch-nightly pytorch intel-extension-for-pytorch
ts: torchserve
umap: umap-learn
usb: pyusb
websocket: websocket-client
whisper: openai-whisper whisper
win32api: pywin32
wx: wxpython
xdist: pytest-xdist
xgboost: xgboost xgboost-cpu xgboost-gpu
yaml: pyyaml pyyaml-ft
zmq: pyzmq
"""

# What an extra brings along, for the extras that people lean on; `*` is whatever the extra is called.
_EXTRAS = """
celery[redis]: redis
fastapi[all]: uvicorn httpx jinja2 python-multipart pyyaml ujson orjson pydantic-settings email-validator itsdangerous
fastapi[standard]: uvicorn httpx jinja2 python-multipart email-validator fastapi-cli
kserve[logging]: asgi-logger
kserve[ray]: ray
kserve[storage]: boto3 botocore requests huggingface-hub hf-transfer google-cloud-storage azure-storage-blob
  azure-storage-file-share azure-identity kserve-storage
moto[all]: boto3
pydantic[dotenv]: python-dotenv
pydantic[email]: email-validator
ray[default]: aiohttp
ray[serve]: fastapi starlette uvicorn aiohttp requests
ray[tune]: pandas requests pyarrow fsspec tensorboardx
redis[hiredis]: hiredis
requests[security]: cryptography pyopenssl idna
requests[socks]: pysocks
sentry-sdk[fastapi]: fastapi
sqlalchemy[asyncio]: greenlet
tensorflow[and-cuda]: tensorflow
transformers[sentencepiece]: sentencepiece protobuf
transformers[torch]: torch accelerate
transformers[vision]: pillow
uvicorn[standard]: uvloop httptools watchfiles websockets python-dotenv pyyaml
"""

# Modules of the standard library of some supported Python, whichever this one is.
_STANDARD = sys.stdlib_module_names | frozenset(
    """
    aifc annotationlib asynchat asyncore audioop binhex cgi cgitb chunk compression crypt distutils dummy_threading
    formatter imghdr imp lib2to3 macpath mailcap msilib nis nntplib ossaudiodev parser pipes smtpd sndhdr spwd sunau
    symbol telnetlib tomllib uu xdrlib zoneinfo __future__ __main__
    """.split()  # noqa: SIM905
)


def is_standard(module: str) -> bool:
    """Whether a module belongs to the standard library of any supported Python."""
    return module.partition(".")[0] in _STANDARD


def serving(module: str) -> tuple[str, ...]:
    """The normalized names of the distributions that may serve a module, by its longest known prefix; else none."""
    known, parts = _modules(), module.split(".")
    for count in range(len(parts), 0, -1):
        found = known.get(".".join(parts[:count]))
        if found:
            return found
    return ()


def brought_by(distribution: str, extra: str) -> tuple[str, ...] | None:
    """The normalized names of the distributions that an extra brings along; None where that is not known."""
    return _extras().get(f"{distribution}[{extra}]")


@cache
def _modules() -> dict[str, tuple[str, ...]]:
    same = {name: (normalized(name),) for name in _SAME.split()}
    return same | _table(_OTHERS)


@cache
def _extras() -> dict[str, tuple[str, ...]]:
    return _table(_EXTRAS)


def _table(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (line.split(":") for line in text.strip().replace("\n ", "").splitlines())
    return {name: tuple(distributions.split()) for name, distributions in pairs}
