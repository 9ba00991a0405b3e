"""Errors of the admin package.

AdminError
├── NotFoundError  what was asked for does not exist
├── ConflictError  it exists already, or the change would lock everybody out
├── InvalidError   a value that cannot be accepted, with what would be
├── RefusedError   wrong credentials (the text never says which part was wrong)
├── TooManyError   a limit was reached; carries when to come back
└── TooMuchError   the answer would take too much to find
"""


class AdminError(Exception):
    """Something that a person asked for cannot be done; the text says why and what would help."""

    code = "admin_error"
    status = 400

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFoundError(AdminError):
    """What was asked for does not exist."""

    code = "not_found"
    status = 404


class ConflictError(AdminError):
    """The change contradicts what is there."""

    code = "conflict"
    status = 409


class InvalidError(AdminError):
    """A value that cannot be accepted."""

    code = "invalid_value"
    status = 422


class RefusedError(AdminError):
    """Wrong credentials."""

    code = "wrong_credentials"
    status = 401


class TooManyError(AdminError):
    """A limit was reached.

    Args:
        detail: what was limited.
        retry_after_s: whole seconds after which another attempt is accepted.
    """

    code = "too_many_attempts"
    status = 429

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooMuchError(AdminError):
    """The store stopped a question at a limit of time, memory or rows, or has too many others."""

    code = "too_much"
    status = 503

    def __init__(self, *, busy: bool = False) -> None:
        what = "Too many others are asking at this moment" if busy else "This would take too much to answer"
        super().__init__(f"{what}: choose a shorter range, or try again in a moment.")
