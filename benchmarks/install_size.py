"""How much disk the core install takes with all that it depends on, in a fresh environment."""

from __future__ import annotations

import compileall
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import about

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "install_size.json"
LIMIT_MB = 400
TOOLS = ("pip", "setuptools", "_distutils_hack", "distutils-precedence", "pkg_resources")
"""What a fresh environment holds before anything is installed."""


def size_mb(paths: list[Path]) -> float:
    """Returns the size of all files below ``paths``, in millions of bytes."""
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")))
    return sum(file.lstat().st_size for file in files if not file.is_dir()) / 1e6


def main() -> None:
    """Measures, writes the result, and fails when the core is larger than promised."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--no-compile"]
        subprocess.run([*install, "-c", ROOT / "constraints.txt", str(ROOT)], check=True)
        asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
        shown = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True)
        site = Path(shown.stdout.strip())
        mine = [path for path in site.iterdir() if not path.name.startswith(TOOLS)]
        parts = {path.name: round(size_mb([path]), 1) for path in mine}
        plain = size_mb(mine)
        for path in mine:
            if path.is_dir():
                compileall.compile_dir(path, quiet=2)
        compiled = size_mb(mine)
    largest = dict(sorted(parts.items(), key=lambda part: -part[1])[:12])
    result = {
        **about(),
        "core_mb": round(plain, 1),
        "core_with_bytecode_mb": round(compiled, 1),
        "largest_mb": largest,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    if plain > LIMIT_MB:
        sys.exit(f"the core takes {plain:.0f} MB, the limit is {LIMIT_MB}")


if __name__ == "__main__":
    main()
