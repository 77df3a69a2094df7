"""What ``pip install`` of packages would download on this machine: their wheels, counted and summed.

    python benchmarks/install_size.py . '.[ros]' trackers ultralytics

Nothing is installed: pip resolves the newest versions into a report, and each wheel is asked for its size.
A folder stands for the package in it, whose own wheel is built and counted too.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def main(requirements: list[str]) -> None:
    """Print a row of Markdown for each requirement."""
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
    print("| pip install | packages | MB | largest |\n|---|--:|--:|---|")
    for requirement in requirements:
        found = wheels(requirement)
        largest = sorted(found, key=found.__getitem__, reverse=True)[:4]
        named = ", ".join(f"{name} {found[name] / 1e6:.0f}" for name in largest)
        print(f"| `{requirement}` | {len(found)} | {sum(found.values()) / 1e6:.0f} | {named} |", flush=True)


def wheels(requirement: str) -> dict[str, int]:
    """Bytes of each wheel that the requirement brings into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        install = ["install", "--dry-run", "--ignore-installed", "--report", str(report), requirement]
        subprocess.run([*PIP, *install], check=True, stderr=subprocess.DEVNULL)
        packages = json.loads(report.read_text())["install"]
    return {entry["metadata"]["name"]: size_of(entry["download_info"]) for entry in packages}


def size_of(download: dict[str, Any]) -> int:
    """Bytes of a wheel: on the index, in a local store, or of a folder that has still to be built."""
    address = download["url"]
    if not address.startswith("file:"):
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.headers["content-length"])
    path = Path(urllib.parse.unquote(urllib.parse.urlparse(address).path))
    if path.is_file():
        return path.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*PIP, "wheel", "--no-deps", "--wheel-dir", folder, str(path)], check=True)
        return sum(wheel.stat().st_size for wheel in Path(folder).glob("*.whl"))


if __name__ == "__main__":
    main(sys.argv[1:])
