"""`python -m starfort.cli`: the same as the `starfort` command."""

from starfort.cli.app import main

main()
