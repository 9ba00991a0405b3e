"""`Desk`: logins, state and answers put together for one runtime."""

from dataclasses import dataclass
from pathlib import Path

from starfort.admin.accounts import Accounts
from starfort.admin.limiter import LoginLimiter
from starfort.admin.login import Login
from starfort.admin.mutes import Mutes
from starfort.admin.service import Insight, Source
from starfort.admin.sessions import Sessions
from starfort.admin.state import StateDatabase
from starfort.admin.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that API and dashboard need."""

    database: StateDatabase
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    login: Login
    mutes: Mutes
    insight: Insight
    first_password: Path | None
    """File with the first administrator's password, when this start made one."""

    @classmethod
    def open(cls, source: Source) -> "Desk":
        """Open the state of a runtime, making the first administrator when there is none.

        Raises:
            AdminError: the state belongs to a newer Starfort.
            OSError: the data directory cannot be written.
        """
        data_dir = source.data_dir
        database = StateDatabase(data_dir)
        accounts = Accounts(database)
        first = accounts.ensure_first_admin(data_dir)
        sessions = Sessions(database, data_dir)
        mutes = Mutes(database)
        return cls(
            database=database,
            accounts=accounts,
            sessions=sessions,
            tokens=Tokens(database),
            login=Login(database, sessions, LoginLimiter()),
            mutes=mutes,
            insight=Insight(source, mutes),
            first_password=first,
        )
