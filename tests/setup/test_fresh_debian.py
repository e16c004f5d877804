"""Set-up on a fresh Debian 13, as the Vagrant machine runs it: a minimal Debian, nothing installed.

The root filesystem is made by mmdebstrap on a tmpfs that is mounted in a mount namespace of its own, and
everything runs in there and in a pid namespace of its own: when the namespaces' first process ends, all of it
is gone, however the test ended. How this machine reaches its package sources (mirror, certificates, pip's
settings) is copied in.

Left out: a kernel of its own. What depends on one (systemd, the shared folder) only a real machine can show.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
VENV = "/opt/byhand/venv"
TAKES_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="makes a root filesystem and enters it: run as root"
)

pytestmark = [TAKES_ROOT, pytest.mark.slow]

Outcome = subprocess.CompletedProcess[str]


@dataclass
class FreshDebian:
    """A process that holds the namespaces, and where the new root is mounted in them."""

    holder: int
    root: Path

    def outside(self, *command: str | Path, check: bool = True) -> Outcome:
        """Run in the namespaces, on this machine's root filesystem."""
        enter = ["nsenter", f"--target={self.holder}", "--mount", "--pid", "--"]
        outcome = subprocess.run([*enter, *command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert not check or outcome.returncode == 0, f"{command}\n{outcome.stdout}\n{outcome.stderr}"
        return outcome

    def run(self, script: str, check: bool = True, user: str = "root") -> Outcome:
        """Run a shell script inside, as `user`, with the checkout in /vagrant."""
        environment = ["/usr/bin/env", "HOME=/root", "PATH=/usr/local/bin:/usr/sbin:/usr/bin"]
        change = ["chroot", f"--userspec={user}", self.root, *environment]
        return self.outside(*change, "bash", "-c", f"cd /vagrant && {script}", check=check)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshDebian]:
    """A Debian 13 with nothing set up, and the checkout in /vagrant."""
    root = tmp_path_factory.mktemp("debian13")
    first = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "cat"]
    with subprocess.Popen(first, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as unshare:
        try:
            debian = FreshDebian(child_of(unshare.pid), root)
            make_root(debian)
            copy_settings_of_this_machine(debian)
            copy_checkout(debian)
            yield debian
        finally:
            unshare.kill()  # --kill-child ends the pid namespace's first process, and so all others


@pytest.fixture(scope="module")
def machine(bare: FreshDebian) -> FreshDebian:
    """The same, after the set-up of the Vagrant machine."""
    bare.run("BYHAND_CHECKOUT=/vagrant bash machine/vm/provision.sh")
    return bare


def child_of(pid: int) -> int:
    """The process in the new pid namespace; unshare(1) itself stays outside of it."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text() == "cat\n":
            return int(children[0])


def make_root(debian: FreshDebian) -> None:
    debian.outside("mount", "-t", "tmpfs", "-o", "mode=755,size=4g", "fresh-debian", debian.root)
    # systemd comes with every Debian that boots; here it is for systemctl and systemd-analyze.
    include = "--include=ca-certificates,systemd"
    debian.outside(
        "mmdebstrap", "--variant=minbase", include, "trixie", debian.root, mirror_of_this_machine()
    )
    debian.outside("mount", "-t", "proc", "proc", debian.root / "proc")
    debian.outside("mount", "--rbind", "/dev", debian.root / "dev")


def mirror_of_this_machine() -> str:
    """The first source that is neither for updates nor for security: its suite has a plain name."""
    listed = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)"]
    sources = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(uri for suite, uri in map(str.split, sources) if suite.isalpha())


def copy_settings_of_this_machine(debian: FreshDebian) -> None:
    """What makes apt and pip reach their package sources from here, whatever that is here."""
    cache = subprocess.run(["/usr/bin/python3", "-m", "pip", "cache", "dir"], capture_output=True, text=True)
    places = [
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pip.conf",
        "/etc/xdg/pip",
    ]
    for place in [*places, *map(str, Path("/etc/apt").glob("*.conf.d"))]:
        if Path(place).exists():
            target = Path(f"{debian.root}{place}").parent
            debian.outside("mkdir", "-p", target)
            debian.outside("cp", "--recursive", "--dereference", place, target)
    if cache.returncode == 0 and Path(cache.stdout.strip()).is_dir():
        debian.outside("mkdir", "-p", debian.root / "root/.cache/pip")
        debian.outside("mount", "--bind", cache.stdout.strip(), debian.root / "root/.cache/pip")


def copy_checkout(debian: FreshDebian) -> None:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    present = [name for name in names.split("\0") if name and (CHECKOUT / name).exists()]
    debian.outside("mkdir", debian.root / "vagrant")
    debian.outside(
        "sh", "-c", f'cd "{CHECKOUT}" && cp --parents -P -t "{debian.root}/vagrant" -- "$@"', "cp", *present
    )


def test_before_anything_is_installed_a_user_is_told_what_is_missing(bare: FreshDebian) -> None:
    outcome = bare.run("bash machine/provision.sh lab", check=False, user="nobody")
    assert outcome.returncode == 1
    assert "busybox-static" in outcome.stderr
    assert "hint: as root: apt-get install --no-install-recommends " in outcome.stderr
    assert bare.run("ls -A /opt; ls -d .venv artefacts", check=False).stdout == ""


def test_the_environment_is_debians_python_with_everything_pinned(machine: FreshDebian) -> None:
    asked = machine.run(f"{VENV}/bin/python --version; {VENV}/bin/python -m pip freeze --exclude-editable")
    version, *installed = asked.stdout.lower().replace("_", "-").splitlines()
    assert version.startswith("python 3.13")
    pinned = (CHECKOUT / "requirements.txt").read_text().lower().replace("_", "-").splitlines()
    assert {line for line in pinned if "==" in line} <= set(installed)


def test_the_command_runs(machine: FreshDebian) -> None:
    assert "run" in machine.run("byhand --help").stdout


def test_the_base_image_starts(machine: FreshDebian) -> None:
    assert machine.run("chroot /var/lib/container_lib/rootfs/busybox /bin/sh -c 'id -un'").stdout == "root\n"
    assert "busybox" in machine.run("byhand images").stdout


def test_a_second_set_up_changes_nothing(machine: FreshDebian) -> None:
    """Every file's inode, size and times of change, in all that set-up may touch."""
    # Bytecode appears whenever Python runs.
    listing = "find / -xdev -path '*/__pycache__' -prune -o -type f -printf '%p %i %s %C@\\n' | sort"
    before = machine.run(listing).stdout
    outcome = machine.run(f"BYHAND_VENV={VENV} bash machine/provision.sh lab vm")
    assert outcome.stdout + outcome.stderr == ""
    assert machine.run(listing).stdout == before


def test_where_nothing_is_missing_a_user_needs_no_root(machine: FreshDebian) -> None:
    outcome = machine.run(f"BYHAND_VENV={VENV} bash machine/provision.sh lab", user="nobody")
    assert outcome.stdout + outcome.stderr == ""


def test_an_interrupted_set_up_is_finished_by_the_next(machine: FreshDebian) -> None:
    """As if the power had gone while pip was at work: no mark that it ended, one package half removed."""
    machine.run(f"rm {VENV}/.made-from && rm -r {VENV}/lib/python3.13/site-packages/psutil*")
    machine.run(f"BYHAND_VENV={VENV} bash machine/provision.sh lab vm")
    assert (
        machine.run(f"{VENV}/bin/python -c 'import psutil; print(psutil.cpu_count() > 0)'").stdout == "True\n"
    )


def test_jupyterlab_is_a_service_that_systemd_accepts(machine: FreshDebian) -> None:
    machine.run("systemd-analyze verify --recursive-errors=no /etc/systemd/system/byhand-lab.service")
    assert machine.run("systemctl is-enabled byhand-lab").stdout == "enabled\n"


def test_only_root_can_read_the_token(machine: FreshDebian) -> None:
    modes = machine.run("stat -c '%a %U' /etc/byhand/token /etc/byhand/jupyter.json").stdout
    assert modes == "600 root\n600 root\n"
    assert len(machine.run("cat /etc/byhand/token").stdout.strip()) == 48


def test_jupyterlab_starts_as_the_service_does_and_asks_for_the_token(machine: FreshDebian) -> None:
    """In a network namespace of its own: its port is nobody's business here."""
    ask = """
ip link set lo up
sed -n 's/^ExecStart=//p' /etc/systemd/system/byhand-lab.service > /tmp/command
setsid sh /tmp/command > /tmp/lab.log 2>&1 & lab=$!
get() { python3 -c 'import sys, urllib.request as r, urllib.error as e
try: print(r.urlopen("http://127.0.0.1:8888" + sys.argv[1], timeout=5).status)
except e.HTTPError as error: print(error.code)' "$1"; }
for _ in $(seq 100); do get /api 2>/dev/null | grep -q 200 && break; sleep 0.3; done
get /api/contents; get "/api/contents?token=$(cat /etc/byhand/token)"
kill $lab; wait $lab || true
"""
    script = debian_script(machine, ask)
    assert machine.run(f"unshare --net bash {script}").stdout.split() == ["403", "200"]


def debian_script(machine: FreshDebian, text: str) -> str:
    machine.run(f"cat > /tmp/script <<'END_OF_SCRIPT'\n{text}\nEND_OF_SCRIPT")
    return "/tmp/script"


def test_clean_removes_what_was_made_and_nothing_else(machine: FreshDebian) -> None:
    mine = "notebooks/mine.ipynb labs/answer.py .envrc"
    machine.run(f"mkdir -p .venv/bin .guest artefacts notebooks labs && touch .guest/state.img {mine}")
    before = set(machine.run("find . -type f").stdout.splitlines())
    machine.run(f"BYHAND_VENV={VENV} make clean")
    gone = before - set(machine.run("find . -type f").stdout.splitlines())
    assert {path.split("/")[1] for path in gone} == {".guest", "artefacts"}
    assert machine.run("ls -d .venv .guest artefacts", check=False).stdout == ""


def test_nothing_of_it_is_mounted_on_this_machine(machine: FreshDebian) -> None:
    assert str(machine.root) not in Path("/proc/self/mountinfo").read_text()
    assert not list(machine.root.iterdir())
