"""The key of an installation's logins, and what is derived from it."""

import base64
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_FILE = "session-key"


def signing_key(data_dir: Path) -> bytes:
    """The key that cookies are signed with; made at the first start, 32 random bytes, mode 0600."""
    path = data_dir / KEY_FILE
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_bytes()
    key = secrets.token_bytes(32)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    return key


def vault(data_dir: Path) -> Fernet:
    """Encrypts what the state database keeps and must read again: a copy of it alone then tells nothing."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"starfort second factor").derive(
        signing_key(data_dir)
    )
    return Fernet(base64.urlsafe_b64encode(derived))
