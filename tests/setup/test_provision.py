"""Set-up on the machine at hand, which has run it already: nothing left to do, or clear words why not."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROVISION = CHECKOUT / "machine" / "provision.sh"


def provision(
    *sets: str, prefix: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [*prefix, "bash", PROVISION, *sets]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def environment_files() -> Iterator[tuple[str, int, int]]:
    """Every file of the environment, but for the bytecode that appears whenever Python runs."""
    for path in Path(os.environ.get("BYHAND_VENV", CHECKOUT / ".venv")).rglob("*"):
        if "__pycache__" not in path.parts:
            status = path.lstat()
            yield str(path), status.st_ino, status.st_ctime_ns


def test_a_second_run_is_silent_and_changes_nothing() -> None:
    provision("lab")
    before = sorted(environment_files())
    outcome = provision("lab")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert sorted(environment_files()) == before


def test_a_set_that_does_not_exist_is_refused() -> None:
    outcome = provision("everything")
    assert outcome.returncode == 1
    assert "no such set of packages: 'everything'" in outcome.stderr
    assert "hint: choose from: lab test vm" in outcome.stderr


@pytest.mark.skipif(
    os.geteuid() != 0, reason="mounts over /etc/os-release in a namespace of its own: run as root"
)
@pytest.mark.parametrize(
    "system", ['ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04"', "ID=debian\nVERSION_ID=11", ""]
)
def test_another_system_is_refused_before_anything_is_done(system: str, tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text(system)
    show = f'mount --bind {tmp_path}/os-release /etc/os-release && exec "$@"'
    outcome = provision(
        "lab", prefix=("unshare", "--mount", "sh", "-c", show, "sh"), BYHAND_VENV=str(tmp_path / "venv")
    )
    assert outcome.returncode == 1
    assert "set-up knows Debian 12 and 13" in outcome.stderr
    assert "hint: `vagrant up`" in outcome.stderr
    assert not (tmp_path / "venv").exists()


def test_a_step_that_fails_shows_the_end_of_its_words_and_where_the_rest_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = provision("lab", BYHAND_VENV=str(tmp_path / "file" / "venv"))
    assert outcome.returncode == 1
    assert "Not a directory" in outcome.stdout
    log = CHECKOUT / "artefacts" / "provision.log"
    assert f"hint: the whole log is {log}" in outcome.stderr
    assert str(tmp_path) in log.read_text()
