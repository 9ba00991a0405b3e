"""The key of an installation's logins, and what is derived from it."""

import base64
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from starfort.admin.errors import AdminError
from starfort.base.files import KeyFileError, key_of_file

KEY_FILE: Final = "session-key"
KEY_BYTES: Final = 32
"""As many as the SHA-256 that signs with it has; more would not make it stronger (RFC 2104, section 3)."""


def signing_key(data_dir: Path) -> bytes:
    """The key that cookies are signed with, made at the first start.

    Raises:
        AdminError: the file holds no such key. An empty one would let anybody sign a cookie.
        OSError: the file cannot be read or made.
    """
    try:
        return key_of_file(data_dir / KEY_FILE, KEY_BYTES)
    except KeyFileError as error:
        raise AdminError(
            f"{error}; restore it, or remove it to begin with a new key (everybody then logs in again, and"
            " second factors must be set up again)"
        ) from None


def vault(data_dir: Path) -> Fernet:
    """Encrypts the secrets that the state database keeps and must read again."""
    # So a copy of the database alone tells no secret. The key is derived and not the signing key itself: with
    # one key for two purposes a weakness of one would open the other. It needs no salt, since the signing key
    # is random already (RFC 5869, section 3.3).
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"starfort second factor").derive(
        signing_key(data_dir)
    )
    return Fernet(base64.urlsafe_b64encode(derived))
