"""Texts that are kept sealed: a copy of the database alone opens none of them, nor does one with the settings.

AES-256-GCM. The key is made from the application's secret and from the cookie of the person's browser, of which the
database holds only a hash: so a token can be read while its owner asks for a page, and at no other time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12
_USE: Final = b"snitch: the token of a session"


def sealed(text: str, secret: str, cookie: str) -> bytes:
    """A text that only this secret and this cookie together open."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_key(secret, cookie)).encrypt(nonce, text.encode(), _USE)


def opened(data: bytes, secret: str, cookie: str) -> str | None:
    """The text again; None where it was sealed with others (the secret was renewed), or was changed."""
    try:
        return AESGCM(_key(secret, cookie)).decrypt(data[:_NONCE], data[_NONCE:], _USE).decode()
    except (InvalidTag, ValueError):
        return None


def _key(secret: str, cookie: str) -> bytes:
    """HKDF (RFC 5869) for one block: extracted from the secret, expanded with the use and the cookie."""
    extracted = hmac.digest(_USE, secret.encode(), "sha256")
    return hmac.digest(extracted, _USE + hashlib.sha256(cookie.encode()).digest() + b"\x01", "sha256")
