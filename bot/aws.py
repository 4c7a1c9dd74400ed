"""A model's places in AWS: its prefixes in S3, and its repository of images in ECR. boto3 finds the credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bot.errors import Forbidden, Gone, Invalid, SetupError, Unreachable

SIGNS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE")
"""Where one of these is set, models have their places in AWS. (A role alone would have to be asked for.)"""
_FORBIDDEN: Final = frozenset({"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_SETUP: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "UnrecognizedClientException", "ExpiredToken"}
)


def is_set_up(environment: Mapping[str, str]) -> bool:
    """Whether models have their places in AWS."""
    return any(environment.get(name) for name in SIGNS)


@dataclass(frozen=True, slots=True)
class Aws:
    """S3 and ECR of one account and region, as clients of boto3."""

    s3: Any
    ecr: Any

    @classmethod
    def open(cls) -> Aws:
        """Speaks to nobody yet. Raises SetupError."""
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError:
            raise SetupError("AWS is set up here, and boto3 is missing: pip install 'snitch-bot[aws]'") from None
        with _translated("AWS"):
            config = Config(connect_timeout=10, read_timeout=30, retries={"total_max_attempts": 3})
            session = boto3.Session()
            region = session.region_name
            if region is None:
                raise SetupError("AWS needs a region: set AWS_REGION")
            return cls(
                session.client("s3", config=config, region_name=region),
                session.client("ecr", config=config, region_name=region),
            )

    def has_prefix(self, bucket: str, prefix: str) -> bool:
        """Whether anything lies below a prefix, or the prefix itself. Raises Gone where there is no such bucket."""
        with _translated(f"s3://{bucket}"):
            return bool(self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"))

    def make_prefix(self, bucket: str, prefix: str) -> str:
        """An empty object of that name, which consoles show as a folder; its address."""
        with _translated(f"s3://{bucket}"):
            self.s3.put_object(Bucket=bucket, Key=prefix, Body=b"")
        return f"s3://{bucket}/{prefix}"

    def repository(self, name: str) -> str | None:
        """The address of a repository of images; None where there is none."""
        try:
            with _translated(f"the ECR repository {name}"):
                return str(self.ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"])
        except Gone:
            return None

    def make_repository(self, name: str) -> str:
        """A new repository, whose images are scanned when they are pushed; its address."""
        with _translated(f"the ECR repository {name}"):
            scan = {"scanOnPush": True}
            made = self.ecr.create_repository(repositoryName=name, imageScanningConfiguration=scan)
            return str(made["repository"]["repositoryUri"])


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Trouble of botocore's as ours."""
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if code in ("NoSuchBucket", "404", "RepositoryNotFoundException"):
            raise Gone(f"{what} is not there") from None
        if code in _SETUP:
            raise SetupError(f"AWS refuses the credentials: {code}") from None
        if code in _FORBIDDEN:
            raise Forbidden(f"{what}: AWS forbids it ({code})") from None
        raise Invalid(f"{what}: AWS refuses it ({code}: {said[:200]})") from None
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound):
        raise SetupError("AWS is set up here without credentials: see AWS_PROFILE, AWS_ACCESS_KEY_ID") from None
    except exceptions.BotoCoreError as error:
        raise Unreachable(f"{what}: AWS can't be reached ({type(error).__name__})") from None
