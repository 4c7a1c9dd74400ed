"""Images in container registries, over the OCI distribution API: which one is the newest, and its labels.

Written on `requests`: the library that there is for it (oras) reads answers of any size without a time limit.
No layer is ever asked for.
"""

from bot.registry.images import Registry
from bot.registry.session import Session
from bot.registry.sign_in import Home, SignIn

__all__ = ["Home", "Registry", "Session", "SignIn"]
