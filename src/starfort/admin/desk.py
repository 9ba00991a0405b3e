"""`Desk` puts log-ins, state and answers together for one runtime."""

from dataclasses import dataclass
from pathlib import Path

from starfort.admin.accounts import Accounts
from starfort.admin.limiter import Limiter
from starfort.admin.login import Login
from starfort.admin.mutes import Mutes
from starfort.admin.roles import Role
from starfort.admin.second_factor import SecondFactor
from starfort.admin.service import Insight
from starfort.admin.sessions import Sessions
from starfort.admin.tokens import Tokens
from starfort.runtime import Runtime
from starfort.state.database import StateDatabase


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that API and dashboard need."""

    database: StateDatabase
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    login: Login
    second_factor: SecondFactor
    limiter: Limiter
    mutes: Mutes
    insight: Insight
    first_password: Path | None
    """File with the first administrator's password, when this start made one."""

    @classmethod
    def open(cls, runtime: Runtime) -> "Desk":
        """Open the state of a runtime, making the first administrator when there is none.

        Raises:
            AdminError: the state belongs to a newer Starfort.
            OSError: the data directory cannot be written.
        """
        data_dir = runtime.data_dir
        database = StateDatabase(data_dir)
        accounts = Accounts(database)
        first = accounts.ensure_first_admin(data_dir)

        def required() -> frozenset[Role]:
            return frozenset(Role(name) for name in runtime.config.admin.second_factor)

        sessions = Sessions(database, data_dir, required)
        limiter = Limiter()
        second_factor = SecondFactor(database, data_dir)
        mutes = Mutes(database)
        return cls(
            database=database,
            accounts=accounts,
            sessions=sessions,
            tokens=Tokens(database),
            login=Login(database, sessions, limiter, second_factor),
            second_factor=second_factor,
            limiter=limiter,
            mutes=mutes,
            insight=Insight(runtime, mutes),
            first_password=first,
        )
