"""Makes docs/screenshots/*.png from a seeded estate: `python scripts/screenshots.py [FOLDER]`."""

import argparse
import io
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from selenium.webdriver.common.by import By

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.support.browser import Served, chromium, log_in, missing, served, visit  # noqa: E402
from tests.support.estate import SMALL, endpoint_id  # noqa: E402

MAX_BYTES = 200_000


def _id(place: int) -> str:
    api, _, method, template = SMALL[place]
    return endpoint_id(api, method, template)


SHOTS = {
    "overview": "/", "catalogue": "/catalogue", "endpoint": f"/catalogue/{_id(5)}", "findings": "/findings",
    "alert": "/alerts?kind=credential_stuffing", "policy": "/policies/only-documented",
}  # fmt: skip
"""Those that the documentation shows."""

OTHERS = {
    "catalogue-path": "/catalogue?host=shop.example.com&prefix=/v1", "events": "/events?action=stopped",
    "clients": "/clients?by=network", "policies": "/policies", "alerts": "/alerts", "signals": "/signals",
    "nodes": "/nodes", "account": "/account",
}  # fmt: skip
DARK = {"overview"}


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
            visit(driver, estate, (SHOTS | OTHERS)[name])
            if name == "alert":
                first = driver.find_element(By.CSS_SELECTOR, "table[aria-label=alerts] a")
                visit(driver, estate, urlsplit(first.get_attribute("href")).path)
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
        every = set(SHOTS | OTHERS)
        plans = [(10, "", set(SHOTS), DARK)]
        if given.all:
            plans = [(10, "", every, every), (5000, "-5000", every, every)]
        for endpoints, suffix, light, dark in plans:
            directory = scratch / f"estate{endpoints}"
            directory.mkdir()
            with served(directory, endpoints) as estate:
                _shoot(given.folder, estate, scratch, dark=False, suffix=suffix, names=light)
                if dark:
                    _shoot(given.folder, estate, scratch, dark=True, suffix=f"{suffix}-dark", names=dark)


if __name__ == "__main__":
    main()
