"""What a fresh launcher has imported: it is paid for at its start, and copied at each fork."""

import subprocess
import sys
from pathlib import Path

import container_lib

HEAVY = {
    "typing",
    "collections",
    "enum",
    "re",
    "functools",
    "contextlib",
    "dataclasses",
    "json",
    "pathlib",
    "subprocess",
}
PROGRAM = """
import sys; sys.path.insert(0, {!r})
import container_lib.runtime.launcher
print("\\n".join(sys.modules))
"""


def test_the_launcher_imports_little() -> None:
    program = PROGRAM.format(str(Path(container_lib.__file__).parent.parent))
    command = [sys.executable, "-I", "-S", "-E", "-c", program]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert loaded & HEAVY == set()
    rooms = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("container_lib.")}
    assert rooms == {f"container_lib.{room}" for room in ("errors", "kernel", "isolation", "runtime")}
