"""Build hook: cargo builds both native parts, which then travel inside the wheel.

`starfort/_engine.abi3.so` is the engine for Python, `starfort/_bin/libstarfort.so` what Envoy loads.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MINIMUM_RUST = (1, 88)
ARTIFACTS = {
    "libstarfort_python.so": "src/starfort/_engine.abi3.so",
    "libstarfort.so": "src/starfort/_bin/libstarfort.so",
}


class NativeBuildHook(BuildHookInterface):
    """Runs for wheels, editable ones included."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build both crates and register the files.

        Raises:
            RuntimeError: cargo is missing, too old, or failed; the message says what to do.
        """
        del version
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        release = self._build(root) / "release"
        for built, place in ARTIFACTS.items():
            destination = root / place
            destination.parent.mkdir(parents=True, exist_ok=True)
            # A new file instead of new content: a running Envoy may have the old one mapped.
            fresh = destination.with_suffix(".new")
            shutil.copyfile(release / built, fresh)
            fresh.replace(destination)
            build_data["artifacts"].append(place)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"cp311-abi3-{platform}"
        build_data["pure_python"] = False

    @staticmethod
    def _build(root: Path) -> Path:
        cargo = shutil.which("cargo")
        if cargo is None:
            raise RuntimeError("cargo is not on PATH: Starfort's engine is Rust. Install Rust 1.88 or later.")
        said = subprocess.run([cargo, "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"(\d+)\.(\d+)", said)
        if found is None or (int(found[1]), int(found[2])) < MINIMUM_RUST:
            raise RuntimeError(f"{said.strip()} is too old: Starfort needs Rust 1.88 or later.")
        target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
        crates = ["-p", "starfort-envoy-filter", "-p", "starfort-python"]
        command = [cargo, "build", "--release", "--locked", *crates]
        environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        done = subprocess.run(command, cwd=root, check=False, env=environment)
        if done.returncode:
            raise RuntimeError(f"cargo build failed with status {done.returncode}; its messages are above.")
        return target
