"""Makes pages of docs/ from models, commands and data: `python scripts/reference.py [--check]`."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "src")]

from reference_actions import events_page, policies_page  # noqa: E402
from reference_cli import cli_page  # noqa: E402
from reference_configuration import configuration_page  # noqa: E402
from reference_profile import profile_page  # noqa: E402

PAGES = {
    "configuration.md": configuration_page,
    "cli.md": cli_page,
    "rules-profile.md": profile_page,
    "policies.md": policies_page,
    "events.md": events_page,
}


def stale() -> list[Path]:
    """Pages that are not what they would be made to."""
    found = []
    for name, make in PAGES.items():
        path = ROOT / "docs" / name
        if not path.exists() or path.read_text(encoding="utf-8") != make():
            found.append(path)
    return found


def main() -> None:
    """Write the pages, or with `--check` say which are not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; end with 1 when a page is not current"
    )
    if parser.parse_args().check:
        if old := stale():
            raise SystemExit(f"not current: {', '.join(map(str, old))}; run python scripts/reference.py")
        return
    for name, make in PAGES.items():
        (ROOT / "docs" / name).write_text(make(), encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
