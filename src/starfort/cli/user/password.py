"""`starfort user password`."""

from starfort.cli import output, passwords
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import online
from starfort.cli.user.add import Name, PasswordStdin


@online
def password(client: AdminClient, name: Name, *, password_stdin: PasswordStdin = False) -> None:
    """Give an account a new password and end its sessions."""
    client.patch(f"/users/{name}", {"password": passwords.read(stdin=password_stdin)})
    output.say(f"{name} has a new password; its sessions ended.")
