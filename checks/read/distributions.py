"""Which distributions serve an import: the map from names of modules to names of distributions.

Kept by hand, and meant to grow: a name that is not in it is never judged, and any one of a name's distributions will
do, so that a gap or a distribution too many hides a finding and a wrong one does not arise. Sources: the top-level
modules that the distributions' own wheels hold (checked against those at hand by a test).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache

from checks.read.requirements import normalized
from checks.regex import regex

# Modules whose distribution has the same name.
_SAME = """
accelerate ai21 aioboto3 aiobotocore aiofiles aiohttp aiohttp_retry aiokafka aioredis aiosignal aiosqlite
albumentations ale_py alembic alibi alibi_detect allennlp altair annoy anthropic anyio apispec apscheduler argcomplete
arviz asgi_correlation_id asgi_logger asgiref asteroid astropy asttokens astunparse async_lru async_timeout asyncpg
attrs autofaiss autogluon autokeras awswrangler backoff bambi bentoml bert_score betacal biotite blinker blis bokeh
boltons boto boto3 botocore botorch bottle cachelib cachetools cairosvg captum cartopy category_encoders cattrs celery
cerberus certifi cffi chainer chardet chex clearml click clickhouse_connect clickhouse_driver clickhouse_sqlalchemy
cloudevents cloudpathlib cloudpickle cohere colorama colorlog colorlover comet_ml commonmark confection configargparse
confluent_kafka convertdate coremltools coverage croniter cryptography cssselect ctranslate2 cvxopt cvxpy cymem
cytoolz dash dask databases databricks_cli dataclasses_json datadog datasets datashader datasketch dateparser ddtrace
deap deepchem deepdiff deepface deepl deeplake deepspeed deltalake deltas dependency_injector deprecated detectron2
diffusers dill distributed django docarray docling docopt docstring_parser dominate dowhy duckdb dvc dynaconf easyocr
ecos ecs_logging edge_tts einops einx elasticsearch elevenlabs eli5 embedchain emoji en_core_web_lg en_core_web_md
en_core_web_sm environs etils evaluate evidently executorch face_recognition fastai fastapi fastavro fastcore
fastembed fasteners fastparquet fastprogress fbprophet feast featuretools filelock filetype filterpy fiona flair flaml
flashtext flask flask_caching flask_cors flask_login flask_migrate flask_restful flask_restx flask_sqlalchemy
flask_wtf flatbuffers flax frozenlist fsspec ftfy fugashi fugue funcy furl fuzzywuzzy fvcore gcsfs gdown gensim geoip2
geopandas geopy gevent gguf gliner gluoncv gluonnlp gluonts google_auth_oauthlib gpustat gpytorch gradio gradio_client
graphene graphviz greenlet groq gspread gunicorn gymnasium h2 h3 h5py hdbscan hierarchicalforecast higher
hijri_converter hmmlearn hnswlib holidays html5lib httpcore httplib2 httptools httpx httpx_sse huggingface_hub
humanfriendly humanize hvac hypercorn hyperopt idna imageio imgaug implicit importlib_metadata importlib_resources
inflect inflection insightface instructor invoke iopath isodate itsdangerous janome jax jellyfish jinja2 jiwer
jmespath joblib json5 jsonlines jsonpatch jsonpath_ng jsonpickle jsonpointer jsonref jsonschema kaggle kaldiio
keras_applications keras_cv keras_hub keras_nlp keras_preprocessing keras_tuner keybert kfp kfserving kiwipiepy
kiwisolver kmodes kneed konlpy kornia krippendorff kserve ktrain kubernetes langchain langchain_community
langchain_core langchain_openai langdetect langfuse langgraph langid langsmith laspy latex2mathml lazy_loader librosa
lifelines lightfm lightning lime limits lion_pytorch litellm litserve llguidance llvmlite lmdb loguru looseversion
loralib luigi lxml lxml_html_clean lz4 mako mapie marisa_trie markdown markupsafe marshmallow matplotlib mergedeep
minio missingno mistralai ml_collections ml_dtypes mlforecast mlserver mlx mlx_lm mlxtend mmdet mmengine mmh3 mmocr
mmpose mmpretrain mmseg monai mosestokenizer moviepy mpmath mrjob msal msgpack_numpy msgspec msrest mteb multidict
multiprocess murmurhash mwapi mwconstants mwparserfromhell mwtypes mwxml namex narwhals natsort nemoguardrails
networkx neuralforecast neuralprophet nevergrad ngboost nibabel nlpaug nltk norfair nptyping numba numcodecs numexpr
numpyro oandapyV20 oauthlib ogb ollama omegaconf onnxconverter_common onnxmltools onnxruntime_extensions onnxsim
openai opencensus openpyxl opt_einsum optax optuna ordered_set orjson ortools outlines packaging paddlenlp paddleocr
pandarallel pandas pandas_gbq pandasql pandera papermill paramiko parso passlib pathos pathspec patsy pdfplumber
peewee peft pendulum pexpect phonemizer pika pint platformdirs plotly plotnine pluggy ply pmdarima polars polyline
portalocker portpicker prefect preshed presidio_analyzer presidio_anonymizer prettytable prometheus_client
prometheus_fastapi_instrumentator prometheus_flask_exporter promise promptflow prophet psutil psycopg psycopg_pool
publicsuffix2 pulp py4j pyaml pyarabic pyarrow pyathena pyautogui pybind11 pycaret pycld2 pyclipper pycm pycountry
pycparser pydantic pydantic_settings pydash pydeck pydicom pydot pydotplus pydub pyee pygad pygeos pygments pykafka
pykakasi pykeen pyLDAvis pymannkendall pymc pymde pymilvus pymongo pymorphy2 pymorphy3 pymysql pynndescent pyod pyodbc
pypandoc pyparsing pypdf pypdfium2 pyperclip pyphen pypinyin pyproj PyQt5 pyrsistent pysam pysbd pyserini pysftp
pysolr pystan pytesseract pytest pytest_asyncio pytest_mock pytextrank pythainlp pytorch_forecasting
pytorch_metric_learning pytorch_pretrained_bert pytorch_tabnet pytorch_transformers pytorchvideo pytz pyvi pyvips
pyvis pyworld qdrant_client quantecon qudida questionary quinn rank_bm25 rapidfuzz rasterio ratelimit rdflib recbole
recommonmark regex requests requests_oauthlib requests_toolbelt resampy responses retrying revscoring
rfc3339_validator rich rich_click rioxarray river roboflow rouge_score rtree ruptures s3fs s3path s3transfer sacrebleu
sacremoses safetensors sagemaker sagemaker_inference scikeras scikit_posthocs scispacy scrapy sdv seaborn
segmentation_models segmentation_models_pytorch seldon_core selenium semver sentence_splitter sentencepiece sentry_sdk
seqeval setfit setproctitle sh shap shapely shortuuid simplejson simpletransformers simpy six skl2onnx sklearn2pmml
sklearn_crfsuite skorch sktime slack_sdk smart_open sniffio snorkel sortedcontainers soupsieve soxr spacy_legacy
spacy_loggers spacy_transformers spandrel speechbrain sqlalchemy sqlalchemy_utils sqlglot sqlitedict sqlmodel sqlparse
srsly sse_starlette stable_baselines3 stanza starlette statsforecast statsmodels stop_words stringcase stripe
structlog subword_nmt sudachipy supervision swifter sympy symspellpy syntok tables tabulate tblib tenacity
tensorboard_plugin_wit tensorboardX tensorflow_cloud tensorflow_data_validation tensorflow_decision_forests
tensorflow_estimator tensorflow_federated tensorflow_gan tensorflow_io tensorflow_model_analysis
tensorflow_model_optimization tensorflow_ranking tensorflow_recommenders tensorflow_similarity tensorflow_transform
tensorly tensorstore termcolor textacy textblob textdistance textract textstat tf2onnx tf_slim tfx thefuzz thinc thop
threadpoolctl tifffile tiktoken timm tldextract together tokenize_rt tokenizers toml tomli tomlkit toolz torch_cluster
torch_fidelity torch_geometric torch_optimizer torch_scatter torch_sparse torch_spline_conv torch_tb_profiler
torchaudio torchdata torchinfo torchmetrics torchsde torchtext torchtune torchvision tornado tqdm trafilatura
transformers trax treeinterpreter treelite trimesh tritonclient trl tsai tsfel tsfresh tslearn tweepy twilio typeguard
typer typing_extensions tzdata tzlocal ua_parser ujson ultralytics unidecode unsloth unstructured urllib3 user_agents
uszipcode utilsforecast uvicorn uvloop vaderSentiment validators vertica_python visdom vllm voyageai waitress wandb
wasabi watchdog watchfiles wcwidth weasyprint webcolors webdataset websockets werkzeug wikipedia woodwork word2number
wordcloud wrapt xarray xformers xgbse xlrd xlsx2csv xlsxwriter xlwt xxhash yacs yake yapf yarl ydata_profiling
yellowbrick yfinance youtokentome zarr zeep zipp zstandard zstd
"""

# Modules whose distribution has another name, or that several distributions serve.
_OTHERS = """
_cffi_backend: cffi
absl: absl-py
airflow: apache-airflow
apache_beam: apache-beam
apex: apex nvidia-apex
apiclient: google-api-python-client
atlassian: atlassian-python-api
attr: attrs
autosklearn: auto-sklearn
azure.ai.documentintelligence: azure-ai-documentintelligence
azure.ai.formrecognizer: azure-ai-formrecognizer
azure.ai.inference: azure-ai-inference
azure.ai.ml: azure-ai-ml
azure.ai.textanalytics: azure-ai-textanalytics
azure.appconfiguration: azure-appconfiguration
azure.cognitiveservices.speech: azure-cognitiveservices-speech
azure.core: azure-core
azure.cosmos: azure-cosmos
azure.data.tables: azure-data-tables
azure.eventhub: azure-eventhub
azure.functions: azure-functions
azure.identity: azure-identity
azure.keyvault.certificates: azure-keyvault-certificates
azure.keyvault.keys: azure-keyvault-keys
azure.keyvault.secrets: azure-keyvault-secrets
azure.monitor.opentelemetry: azure-monitor-opentelemetry
azure.search.documents: azure-search-documents
azure.servicebus: azure-servicebus
azure.storage.blob: azure-storage-blob
azure.storage.filedatalake: azure-storage-file-datalake
azure.storage.fileshare: azure-storage-file-share
azure.storage.queue: azure-storage-queue
azureml.core: azureml-core azureml-sdk azureml-defaults
bcrypt: bcrypt python-bcrypt
Bio: biopython
bitsandbytes: bitsandbytes bitsandbytes-cuda111 bitsandbytes-cuda112 bitsandbytes-cuda113
bs4: beautifulsoup4 bs4
bson: pymongo bson
cassandra: cassandra-driver
catboost: catboost catboost-gpu
cchardet: cchardet faust-cchardet
cerebras.cloud: cerebras-cloud-sdk
chromadb: chromadb chromadb-client
cld3: pycld3 gcld3
clip: clip openai-clip clip-anytorch
colors: ansicolors
Crypto: pycryptodome pycrypto
Cryptodome: pycryptodomex
cupy: cupy cupy-cuda101 cupy-cuda102 cupy-cuda110 cupy-cuda111 cupy-cuda112 cupy-cuda11x cupy-cuda12x cupy-cuda13x
cv2: opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless
  opencv-python-inference-engine opencv-python-rolling opencv-contrib-python-rolling
darts: darts u8darts
databricks.sdk: databricks-sdk
databricks.sql: databricks-sql-connector
dateutil: python-dateutil py-dateutil
decouple: python-decouple
deeppavlov: deeppavlov
dgl: dgl dgl-cu101 dgl-cu102 dgl-cu110 dgl-cu111 dgl-cu113 dgl-cu116 dgl-cu117 dgl-cu118
discord: discord-py py-cord discord
dlib: dlib dlib-bin
dns: dnspython
docker: docker docker-py
docx: python-docx docx
dotenv: python-dotenv dotenv django-dotenv
editdistance: editdistance editdistance-s
elasticapm: elastic-apm
email_validator: email-validator
enchant: pyenchant
fairseq: fairseq fairseq2
faiss: faiss-cpu faiss-gpu faiss faiss-gpu-cu11 faiss-gpu-cu12
faker: faker
farmhash: pyfarmhash
fasttext: fasttext fasttext-wheel fasttext-langdetect fasttext-numpy2
faust: faust faust-streaming
fitz: pymupdf fitz
flash_attn: flash-attn flash-attn-3
fontTools: fonttools
gi: pygobject
git: gitpython
github: pygithub
gitlab: python-gitlab
google.api_core: google-api-core
google.auth: google-auth
google.cloud.aiplatform: google-cloud-aiplatform
google.cloud.automl: google-cloud-automl
google.cloud.batch: google-cloud-batch
google.cloud.bigquery: google-cloud-bigquery
google.cloud.bigquery_storage: google-cloud-bigquery-storage
google.cloud.bigtable: google-cloud-bigtable
google.cloud.compute: google-cloud-compute
google.cloud.container: google-cloud-container
google.cloud.dataproc: google-cloud-dataproc
google.cloud.datastore: google-cloud-datastore
google.cloud.dialogflow: google-cloud-dialogflow google-cloud-dialogflow-cx
google.cloud.discoveryengine: google-cloud-discoveryengine
google.cloud.dlp: google-cloud-dlp
google.cloud.documentai: google-cloud-documentai
google.cloud.error_reporting: google-cloud-error-reporting
google.cloud.exceptions: google-cloud-core
google.cloud.firestore: google-cloud-firestore
google.cloud.functions: google-cloud-functions
google.cloud.kms: google-cloud-kms
google.cloud.language: google-cloud-language
google.cloud.logging: google-cloud-logging
google.cloud.monitoring_v3: google-cloud-monitoring
google.cloud.ndb: google-cloud-ndb
google.cloud.pubsub: google-cloud-pubsub
google.cloud.pubsub_v1: google-cloud-pubsub
google.cloud.resourcemanager: google-cloud-resource-manager
google.cloud.retail: google-cloud-retail
google.cloud.run: google-cloud-run
google.cloud.scheduler: google-cloud-scheduler
google.cloud.secretmanager: google-cloud-secret-manager
google.cloud.spanner: google-cloud-spanner
google.cloud.speech: google-cloud-speech
google.cloud.sql.connector: cloud-sql-python-connector
google.cloud.storage: google-cloud-storage
google.cloud.tasks: google-cloud-tasks
google.cloud.texttospeech: google-cloud-texttospeech
google.cloud.trace: google-cloud-trace
google.cloud.translate: google-cloud-translate
google.cloud.translate_v2: google-cloud-translate
google.cloud.videointelligence: google-cloud-videointelligence
google.cloud.vision: google-cloud-vision
google.genai: google-genai
google.generativeai: google-generativeai
google.oauth2: google-auth
google.protobuf: protobuf
google.resumable_media: google-resumable-media
google.rpc: googleapis-common-protos
google_crc32c: google-crc32c
googleapiclient: google-api-python-client
grpc: grpcio
grpc_health: grpcio-health-checking
grpc_reflection: grpcio-reflection
grpc_status: grpcio-status
grpc_tools: grpcio-tools
gym: gym
haiku: dm-haiku
hamcrest: pyhamcrest
haystack: farm-haystack haystack-ai django-haystack
hummingbird: hummingbird-ml
hydra: hydra-core
igraph: igraph python-igraph
imageio_ffmpeg: imageio-ffmpeg
imblearn: imbalanced-learn
interpret: interpret interpret-core
IPython: ipython
jaxlib: jaxlib jax
jieba: jieba jieba-fast
jose: python-jose python-jose-cryptodome
jpype: jpype1
jwt: pyjwt jwt
kafka: kafka-python kafka-python-ng kafka
kenlm: kenlm pypi-kenlm
keras: keras keras-nightly
lark: lark lark-parser
ldap: python-ldap
Levenshtein: levenshtein python-levenshtein python-levenshtein-wheels
lightgbm: lightgbm lightgbm-gpu
lightning_fabric: lightning-fabric lightning pytorch-lightning
llama_cpp: llama-cpp-python
llama_index: llama-index llama-index-core
logstash: python-logstash python3-logstash
magic: python-magic python-magic-bin file-magic libmagic
markdown_it: markdown-it-py
MeCab: mecab-python3 mecab-python mecab
mediapipe: mediapipe mediapipe-silicon mediapipe-rpi4
mem0: mem0ai
memcache: python-memcached python3-memcached
mlflow: mlflow mlflow-skinny mlflow-tracing
mmcv: mmcv mmcv-full mmcv-lite
model_archiver: torch-model-archiver
mpl_toolkits: matplotlib basemap
msgpack: msgpack msgpack-python
multipart: python-multipart multipart
mxnet: mxnet mxnet-cu101 mxnet-cu102 mxnet-cu110 mxnet-cu112 mxnet-mkl
mysql.connector: mysql-connector-python mysql-connector mysql-connector-python-rf
MySQLdb: mysqlclient mysql-python
nacl: pynacl
nats: nats-py
ndg: ndg-httpsclient
nemo: nemo-toolkit nemo
neo4j: neo4j neo4j-driver
neptune: neptune neptune-client
newspaper: newspaper3k newspaper newspaper4k
nmslib: nmslib nmslib-metabrainz
numpy: numpy intel-numpy
oauth2client: oauth2client
odf: odfpy
onnx: onnx onnx-weekly
onnxruntime: onnxruntime onnxruntime-gpu onnxruntime-openvino onnxruntime-directml ort-nightly ort-nightly-gpu
  onnxruntime-silicon onnxruntime-training onnxruntime-qnn onnxruntime-rocm onnxruntime-migraphx onnxruntime-azure
open_clip: open-clip-torch
opencc: opencc opencc-python-reimplemented opencc-python
OpenGL: pyopengl
opensearchpy: opensearch-py
OpenSSL: pyopenssl
opentelemetry.exporter.otlp: opentelemetry-exporter-otlp
opentelemetry.exporter.otlp.proto.grpc: opentelemetry-exporter-otlp-proto-grpc opentelemetry-exporter-otlp
opentelemetry.exporter.otlp.proto.http: opentelemetry-exporter-otlp-proto-http opentelemetry-exporter-otlp
opentelemetry.sdk: opentelemetry-sdk
opentelemetry.trace: opentelemetry-api
openvino: openvino openvino-nightly openvino-dev
optimum: optimum optimum-amd optimum-furiosa optimum-habana optimum-intel optimum-neuron optimum-onnx optimum-quanto
  optimum-tpu
osgeo: gdal
paddle: paddlepaddle paddlepaddle-gpu
paho: paho-mqtt
pdf2image: pdf2image
pdfminer: pdfminer-six pdfminer pdfminer3k
phonenumbers: phonenumbers phonenumberslite
PIL: pillow pillow-simd pil
pinecone: pinecone pinecone-client
pip: pip
pkg_resources: setuptools
polyglot: polyglot
postal: postal pypostal
pptx: python-pptx
psycopg2: psycopg2 psycopg2-binary
pyannote.audio: pyannote-audio
pyannote.core: pyannote-core
pycocotools: pycocotools pycocotools-windows pycocotools-fix
pycrfsuite: python-crfsuite
pygit2: pygit2
pylab: matplotlib
pymupdf: pymupdf
pynvml: nvidia-ml-py pynvml nvidia-ml-py3
PyPDF2: pypdf2 pypdf2-fork
pyro: pyro-ppl
pyspark: pyspark pyspark-client pyspark-connect databricks-connect
pythoncom: pywin32
pythonjsonlogger: python-json-logger
pytorch_lightning: pytorch-lightning lightning
pywt: pywavelets
rapidjson: python-rapidjson
ray: ray ray-cpp
rdkit: rdkit rdkit-pypi
readability: readability-lxml readability
redis: redis
rediscluster: redis-py-cluster
rest_framework: djangorestframework
retry: retry retry2
rouge: rouge py-rouge
ruamel.yaml: ruamel-yaml
SALib: salib
scikitplot: scikit-plot
scipy: scipy intel-scipy
segment_anything: segment-anything segment-anything-py
sentence_transformers: sentence-transformers
serial: pyserial
setuptools: setuptools
shapefile: pyshp
skimage: scikit-image
sklearn: scikit-learn sklearn scikit-learn-intelex
skmultiflow: scikit-multiflow
skopt: scikit-optimize
sksurv: scikit-survival
slack: slackclient
slugify: python-slugify slugify unicode-slugify awesome-slugify
snappy: python-snappy snappy
snowflake.connector: snowflake-connector-python
snowflake.sqlalchemy: snowflake-sqlalchemy
socketio: python-socketio
sonnet: dm-sonnet
soundfile: soundfile pysoundfile
spacy: spacy spacy-nightly
speech_recognition: speechrecognition
spellchecker: pyspellchecker
statsd: statsd pystatsd dogstatsd-python
Stemmer: pystemmer
streamlit: streamlit streamlit-nightly
surprise: scikit-surprise surprise
tabpfn: tabpfn
telegram: python-telegram-bot
tensorboard: tensorboard tb-nightly
tensorflow: tensorflow tensorflow-cpu tensorflow-gpu tensorflow-macos tensorflow-intel tensorflow-rocm
  tensorflow-aarch64 tensorflow-cpu-aws tf-nightly tf-nightly-cpu tf-nightly-gpu intel-tensorflow
  intel-tensorflow-avx512 nvidia-tensorflow tensorflow-rocm-enhanced
tensorflow_addons: tensorflow-addons tfa-nightly
tensorflow_datasets: tensorflow-datasets tfds-nightly
tensorflow_hub: tensorflow-hub tf-hub-nightly
tensorflow_probability: tensorflow-probability tfp-nightly
tensorflow_serving: tensorflow-serving-api tensorflow-serving-api-gpu
tensorflow_text: tensorflow-text tensorflow-text-nightly
tensorrt: tensorrt nvidia-tensorrt tensorrt-cu11 tensorrt-cu12 tensorrt-cu13
tf_keras: tf-keras tf-keras-nightly
tflite_runtime: tflite-runtime tflite-runtime-nightly
torch: torch pytorch intel-extension-for-pytorch
torchsummary: torchsummary torch-summary
triton: triton pytorch-triton pytorch-triton-rocm triton-nightly triton-windows
ts: torchserve
TTS: tts coqui-tts
umap: umap-learn
usb: pyusb
vaex: vaex vaex-core
vertexai: google-cloud-aiplatform
weaviate: weaviate-client
websocket: websocket-client
wheel: wheel
whisper: openai-whisper whisper
wikipediaapi: wikipedia-api
win32api: pywin32
wx: wxpython
xdist: pytest-xdist
xgboost: xgboost xgboost-cpu xgboost-gpu
xmltodict: xmltodict
yaml: pyyaml pyyaml-ft
yt_dlp: yt-dlp
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


AMBIENT = frozenset({"pip", "setuptools", "wheel"})
"""Distributions that come with Python's own images and environments, listed or not."""

_API = regex(r"_v\d+(?:(?:alpha|beta|p\d+beta)\d*)?$")  # `google.cloud.vision_v1`: a version of the service
_BUILD = regex(
    r"(?:-(?:aarch64|amd|binary|cpu|cuda\d*x?|cu\d+|directml|gpu|headless|intel|nightly|rocm\d*|skinny|slim|wheels?))+$"
)


def is_standard(module: str) -> bool:
    """Whether a module belongs to the standard library of any supported Python."""
    return module.partition(".")[0] in _STANDARD


def serving(module: str) -> tuple[str, ...]:
    """The normalized names of the distributions that may serve a module, by its longest known prefix; else none."""
    known, parts = _modules(), [_API.sub("", part) for part in module.split(".")]
    for count in range(len(parts), 0, -1):
        found = known.get(".".join(parts[:count]))
        if found:
            return found
    return ()


def serves(distribution: str, names: Iterable[str]) -> bool:
    """Whether a distribution is one of these, or a build of one for another machine (`-gpu`, `-cu12`, `-headless`)."""
    wanted = set(names)
    return distribution in wanted or _BUILD.sub("", distribution) in wanted


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
