"""The second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes.

The shared secret is kept encrypted (`keys.vault`), recovery codes as SHA-256 of 117 random bits. A code works
once: the time step of the last one that was accepted is kept, and none of that step or before is accepted
again (RFC 6238, section 5.2).
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyotp
from cryptography.fernet import InvalidToken
from sqlalchemy import CursorResult, Executable, delete, select, update
from sqlalchemy.orm import Session

from starfort.admin import audit
from starfort.admin.accounts import find_user
from starfort.admin.audit import Actor
from starfort.admin.errors import ConflictError, InvalidError, NotFoundError
from starfort.admin.keys import vault
from starfort.state.database import StateDatabase
from starfort.state.tables import RecoveryCode, User

STEP_S = 30
"""RFC 6238, section 5.2: the recommended time step."""
TOLERANCE = 1
"""Steps before and after now that are accepted: clocks of telephones differ (RFC 6238, section 6)."""
RECOVERY_CODES = 10
_CODE = re.compile(r"[0-9]{6}")
# Without i, l, o, 0 and 1, which people confuse when they read a code from paper.
_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs."""

    secret: str
    """Base32, for typing."""
    uri: str
    """`otpauth://…`, for a QR code."""


class SecondFactor:
    """The second factors of one installation.

    Args:
        database: the state.
        data_dir: where the key is.
        clock: Unix seconds.
    """

    def __init__(
        self, database: StateDatabase, data_dir: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._vault = vault(data_dir)
        self._clock = clock

    def enrolled(self, name: str) -> bool:
        """Whether an account has a second factor; `False` for an unknown one."""
        with self._database.begin() as session:
            return session.scalar(select(User.totp).where(User.name == name)) is not None

    def begin(self, name: str) -> Enrolment:
        """Make a secret that counts once `confirm` has seen a code of it.

        Raises:
            NotFoundError: no such account.
            ConflictError: it has a second factor already.
        """
        # Kept as pending until a code was seen: an app that was set up wrongly must not lock its owner out.
        secret = pyotp.random_base32()
        with self._database.begin() as session:
            user = find_user(session, name)
            if user.totp is not None:
                raise ConflictError(f"{name!r} has a second factor: turn it off first")
            user.totp_pending = self._vault.encrypt(secret.encode()).decode()
        return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Starfort"))

    def pending(self, name: str) -> Enrolment | None:
        """The secret that `begin` made and nobody confirmed yet."""
        with self._database.begin() as session:
            sealed = session.scalar(select(User.totp_pending).where(User.name == name))
        secret = self._open(sealed)
        if secret is None:
            return None
        return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Starfort"))

    def confirm(self, name: str, code: str, actor: Actor) -> list[str]:
        """Turn the second factor on with a first code.

        Returns:
            The recovery codes. They are shown this once.

        Raises:
            NotFoundError: no such account, or nothing was begun.
            InvalidError: the code is wrong.
        """
        with self._database.begin() as session:
            user = find_user(session, name)
            secret = self._open(user.totp_pending)
            if secret is None:
                raise NotFoundError("begin with a new secret first")
            step = self._step_of(secret, code)
            if step is None:
                raise InvalidError(
                    "the code is wrong: check the clock of the device, and type the newest code"
                )
            user.totp, user.totp_pending, user.totp_step = user.totp_pending, None, step
            codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
            # Codes of a second factor before must not open the account any more.
            session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
            session.add_all(RecoveryCode(user_id=user.id, sha256=_digest(each)) for each in codes)
            audit.record(session, actor, "second_factor.on", name)
        return codes

    def accepts(self, name: str, code: str) -> bool:
        """Whether a code is right; it is used up by that.

        Args:
            name: the account.
            code: of the app, or a recovery code; spaces and hyphens do not matter.
        """
        # Apps show codes in groups, and people copy them so.
        typed = re.sub(r"[\s-]", "", code)[:32]
        with self._database.begin() as session:
            user = session.scalar(select(User).where(User.name == name))
            secret = self._open(user.totp) if user is not None else None
            if user is None or secret is None:
                return False
            if _CODE.fullmatch(typed):
                step = self._step_of(secret, typed)
                if step is None:
                    return False
                # In one statement, so that of two requests with one code one finds it used.
                used = update(User).where(User.id == user.id, User.totp_step < step).values(totp_step=step)
                return _rows(session, used) == 1
            # Deleting and counting is one statement too: a recovery code works once.
            mine = delete(RecoveryCode).where(
                RecoveryCode.user_id == user.id, RecoveryCode.sha256 == _digest(typed.lower())
            )
            if _rows(session, mine) != 1:
                return False
            audit.record(session, Actor(name), "second_factor.recovery", name)
            return True

    def off(self, name: str, actor: Actor) -> None:
        """Turn the second factor off, with its recovery codes.

        Raises:
            NotFoundError: no such account.
        """
        with self._database.begin() as session:
            user = find_user(session, name)
            user.totp = user.totp_pending = None
            session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
            audit.record(session, actor, "second_factor.off", name)

    def recovery_left(self, name: str) -> int:
        """How many recovery codes an account has left."""
        with self._database.begin() as session:
            rows = (
                select(RecoveryCode.id).join(User, User.id == RecoveryCode.user_id).where(User.name == name)
            )
            return len(session.scalars(rows).all())

    def _open(self, sealed: str | None) -> str | None:
        if sealed is None:
            return None
        try:
            return self._vault.decrypt(sealed.encode()).decode()
        except InvalidToken:  # the key was replaced: the secret is lost, and only `off` helps
            return None

    def _step_of(self, secret: str, code: str) -> int | None:
        typed = re.sub(r"[\s-]", "", code)
        now = int(self._clock()) // STEP_S
        totp = pyotp.TOTP(secret)
        for step in range(now - TOLERANCE, now + TOLERANCE + 1):
            # In constant time: how many digits are right must not show in the time of the answer.
            if secrets.compare_digest(totp.at(step * STEP_S).encode(), typed.encode()):
                return step
        return None


def _rows(session: Session, statement: Executable) -> int:
    return cast("CursorResult[tuple[()]]", session.execute(statement)).rowcount


def _recovery_code() -> str:
    """117 bits in six groups, of signs that nobody confuses (OWASP ASVS 4.0.3, 2.6.2, asks for 112)."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(24))
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _digest(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").encode()).hexdigest()
