"""The state database: what people edit, and what Starfort must remember longer than events are kept.

Nothing is imported here, so that a command which only needs the file's name does not load SQLAlchemy.
"""

from typing import Final

STATE_FILE: Final = "state.db"
"""Name of the database in a data directory."""
