"""API tokens: stored as hash, bounded by their owner, revoked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from starfort.admin import tokens as module
from starfort.admin.accounts import Accounts
from starfort.admin.audit import CLI
from starfort.admin.errors import ConflictError, InvalidError, NotFoundError
from starfort.admin.roles import Role
from starfort.admin.tokens import Tokens
from starfort.state.database import StateDatabase


@pytest.fixture
def tokens(accounts: Accounts, database: StateDatabase) -> Tokens:
    """Tokens of an installation with an operator `ann` and an administrator `root`."""
    accounts.add("root", "correct horse battery", Role.ADMIN, CLI)
    accounts.add("ann", "correct horse battery", Role.OPERATOR, CLI)
    return Tokens(database)


def test_token_is_not_stored(tokens: Tokens, tmp_path: Path) -> None:
    """The database holds a hash, never the token."""
    _, text = tokens.create("ann", "ci", Role.VIEWER, None, CLI)
    for path in tmp_path.iterdir():
        assert text.encode() not in path.read_bytes(), path
    found = tokens.find(text)
    assert found is not None
    assert (found.name, found.role, found.via) == ("ann", Role.VIEWER, "token")


def test_token_never_outranks_its_owner(tokens: Tokens, accounts: Accounts) -> None:
    """An admin token of an operator is an operator's, and follows the owner down."""
    _, text = tokens.create("ann", "ci", Role.ADMIN, None, CLI)
    found = tokens.find(text)
    assert found is not None
    assert found.role is Role.OPERATOR
    accounts.set_role("ann", Role.VIEWER, CLI)
    found = tokens.find(text)
    assert found is not None
    assert found.role is Role.VIEWER


def test_token_dies_with_its_owner(tokens: Tokens, accounts: Accounts) -> None:
    """Removing an account revokes its tokens."""
    _, text = tokens.create("ann", "ci", Role.VIEWER, None, CLI)
    accounts.remove("ann", CLI)
    assert tokens.find(text) is None
    assert tokens.list() == []


def test_expired_token(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token ends at its time."""
    _, text = tokens.create("ann", "ci", Role.VIEWER, datetime.now(UTC) + timedelta(hours=1), CLI)
    assert tokens.find(text) is not None
    later = module.now_ms() + 3_600_001
    monkeypatch.setattr(module, "now_ms", lambda: later)
    assert tokens.find(text) is None


def test_past_expiry_is_refused(tokens: Tokens) -> None:
    """A token that would be over at once is a mistake."""
    with pytest.raises(InvalidError):
        tokens.create("ann", "ci", Role.VIEWER, datetime.now(UTC) - timedelta(seconds=1), CLI)


def test_revoking(tokens: Tokens) -> None:
    """Owners revoke their own; others' tokens look missing to them."""
    token, text = tokens.create("ann", "ci", Role.VIEWER, None, CLI)
    with pytest.raises(NotFoundError):
        tokens.revoke(token.id, CLI, owner="root")
    assert tokens.find(text) is not None
    tokens.revoke(token.id, CLI, owner="ann")
    assert tokens.find(text) is None


def test_name_is_unique_for_its_owner(tokens: Tokens) -> None:
    """Two tokens of one owner have different names."""
    tokens.create("ann", "ci", Role.VIEWER, None, CLI)
    tokens.create("root", "ci", Role.VIEWER, None, CLI)
    with pytest.raises(ConflictError):
        tokens.create("ann", "ci", Role.VIEWER, None, CLI)


@pytest.mark.parametrize("text", ["", "sft_", "sft_" + "A" * 43, "Bearer x", "sft_" + "é" * 43])
def test_unknown_token(tokens: Tokens, text: str) -> None:
    """Other texts belong to nobody."""
    assert tokens.find(text) is None
