"""Makes docs/screenshots/*.png from a seeded estate: `python scripts/screenshots.py [FOLDER]`."""

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.support.browser import Served, chromium, log_in, missing, served, visit  # noqa: E402
from tests.support.estate import SMALL, endpoint_id  # noqa: E402

MAX_BYTES = 200_000


def _id(place: int) -> str:
    api, _, method, template = SMALL[place]
    return endpoint_id(api, method, template)


SHOTS = {
    "overview": "/", "catalogue": "/catalogue", "catalogue-path": "/catalogue?host=shop.example.com&prefix=/v1",
    "endpoint": f"/catalogue/{_id(5)}", "events": "/events?action=stopped", "clients": "/clients?by=network",
    "policies": "/policies", "policy": "/policies/no-bulk-personal-data", "alerts": "/alerts", "signals": "/signals",
    "nodes": "/nodes",
}  # fmt: skip
DARK = {"overview", "endpoint", "policy"}


def _save(png: bytes, path: Path) -> None:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64):
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MAX_BYTES:
            return
    raise SystemExit(f"{path}: more than {MAX_BYTES} bytes")


def _shoot(folder: Path, estate: Served, scratch: Path, *, dark: bool, suffix: str, names: set[str]) -> None:
    with chromium(scratch / f"profile{suffix}{dark}", dark=dark) as driver:
        log_in(driver, estate)
        for name in sorted(names):
            visit(driver, estate, SHOTS[name])
            _save(driver.get_screenshot_as_png(), folder / f"{name}{suffix}.png")
            print(f"{name}{suffix}.png")


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--all", action="store_true", help="every page in dark and light and both sizes")
    given = parser.parse_args()
    if why := missing():
        raise SystemExit(why)
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        for endpoints, suffix, light, dark in (
            (10, "", set(SHOTS), set(SHOTS) if given.all else DARK),
            (5000, "-5000", set(SHOTS) if given.all else {"catalogue"}, set(SHOTS) if given.all else set()),
        ):
            directory = scratch / f"estate{endpoints}"
            directory.mkdir()
            with served(directory, endpoints) as estate:
                _shoot(given.folder, estate, scratch, dark=False, suffix=suffix, names=light)
                if dark:
                    _shoot(given.folder, estate, scratch, dark=True, suffix=f"{suffix}-dark", names=dark)


if __name__ == "__main__":
    main()
