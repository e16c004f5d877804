"""`byhand` on images and containers as whole processes: words, columns, exit codes, pipes, a terminal."""

import json
import os
import pty
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from container_lib.engine.engine import Engine

pytestmark = pytest.mark.usefixtures("root")

CHECKOUT = Path(__file__).parents[2]
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def home(engine: Engine) -> Engine:
    """An engine whose directories the command is pointed to."""
    return engine


def environment(engine: Engine) -> dict[str, str]:
    own = {"CONTAINER_LIB_ROOT": str(engine.root_dir), "CONTAINER_LIB_RUN": str(engine.run_dir)}
    return {**os.environ, **own}


def byhand(engine: Engine, *words: str | Path, stdin: bytes | None = None) -> Done:
    """Run the command; what it prints is text."""
    command = [sys.executable, "-m", "container_lib", *map(str, words)]
    done = subprocess.run(command, env=environment(engine), capture_output=True, input=stdin, cwd=CHECKOUT)
    return subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def good(engine: Engine, *words: str | Path, stdin: bytes | None = None) -> str:
    """Run the command, which has to succeed, and return what it prints."""
    done = byhand(engine, *words, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_from_a_container_to_an_image_and_back(home: Engine, tmp_path: Path) -> None:
    good(home, "run", "--name", "web", "busybox", "sh", "-c", "echo hello > /srv; rm /bin/vi")
    assert good(home, "diff", "web").splitlines() == ["C /bin", "D /bin/vi", "A /srv"]
    image_id = good(
        home, "commit", "-a", "Ann", "-m", "says hello", "-c", 'CMD ["cat", "/srv"]', "web", "me/hello:1"
    )
    assert image_id.startswith("sha256:")
    assert good(home, "run", "--rm", "me/hello:1") == "hello\n"
    header, first = good(home, "history", "me/hello:1").splitlines()[:2]
    assert header.split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert first.endswith("says hello")
    shown = json.loads(good(home, "inspect", "me/hello:1"))[0]
    assert (shown["Id"], shown["Author"], shown["Config"]["Cmd"]) == (
        image_id.strip(),
        "Ann",
        ["cat", "/srv"],
    )
    assert good(home, "inspect", "-f", "{{.Config.Cmd}} {{.Os}}", "me/hello:1") == "[cat /srv] linux\n"

    good(home, "save", "-o", tmp_path / "saved.tar", "me/hello:1", "busybox")
    other = Engine(tmp_path / "other", tmp_path / "other-run")
    told = good(other, "load", "-i", tmp_path / "saved.tar")
    assert sorted(told.splitlines()) == ["Loaded image: busybox:latest", "Loaded image: me/hello:1"]
    assert good(other, "images", "-q", "--no-trunc", "me/hello") == image_id
    assert good(other, "load", stdin=(tmp_path / "saved.tar").read_bytes()) == told


def test_containers_are_listed_and_removed(home: Engine) -> None:
    good(home, "run", "--name", "one", "busybox", "true")
    byhand(home, "run", "--name", "two", "busybox", "sh", "-c", "exit 3")
    assert good(home, "ps").splitlines()[1:] == []
    header, second, first = good(home, "ps", "-a").splitlines()
    assert header.split("  ")[0] == "CONTAINER ID"
    assert "Exited (3)" in second
    assert first.split()[-1] == "one"
    assert byhand(home, "rm", "one", "none").stdout == "one\n"
    assert good(home, "container", "prune", "-f").startswith("Deleted Containers:\n")
    assert good(home, "container", "ls", "-aq") == ""


def test_images_are_named_and_removed(home: Engine) -> None:
    good(home, "tag", "busybox", "localhost:5000/mine:2")
    lines = good(home, "images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    assert sorted(lines) == ["busybox:latest", "localhost:5000/mine:2"]
    assert good(home, "rmi", "busybox") == "Untagged: busybox:latest\n"
    removed = good(home, "rmi", "localhost:5000/mine:2").splitlines()
    assert removed[0] == "Untagged: localhost:5000/mine:2"
    assert [line.partition(":")[0] for line in removed[1:]] == ["Deleted", "Deleted"]
    assert good(home, "images", "-q") == ""


def test_an_import_from_stdin_and_an_export_to_it(home: Engine, tmp_path: Path) -> None:
    good(home, "run", "--name", "cc", "busybox", "touch", "/made")
    exported = tmp_path / "c.tar"
    good(home, "export", "-o", exported, "cc")
    with tarfile.open(exported) as archive:
        assert {"made", "bin/busybox"} <= set(archive.getnames())
    good(home, "import", "-c", "CMD ls /made", "-m", "flat", "-", "flat:1", stdin=exported.read_bytes())
    assert good(home, "run", "--rm", "flat:1") == "/made\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rmi", "no-such"], "No such image: no-such:latest"),
        (["inspect", "no-such"], "No such object: no-such"),
        (["diff", "no-such"], "No such container: no-such"),
        (["commit", "no-such", "x"], "No such container: no-such"),
        (["rm", "no-such"], "No such container: no-such"),
        (["tag", "busybox", "UPPER:1"], "invalid reference format"),
        (["save", "-o", "/no/such/dir/x.tar", "busybox"], "/no/such/dir"),
        (["load", "-i", "/no/such.tar"], "/no/such.tar"),
        (["load", "-i", "/etc/passwd"], "/etc/passwd"),
        (["history", "no-such"], "No such image"),
        (["images", "--format", "{{.Nope}}"], "Nope"),
        (["volume", "rm", "no-such"], "no such volume"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_the_code_is_1(
    home: Engine, words: list[str], message: str
) -> None:
    done = byhand(home, *words)
    assert done.returncode == 1, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [["no-such-command"], ["images", "--no-such-flag"], ["tag", "one"], ["image"], []]
)
def test_a_command_line_that_is_none(home: Engine, words: list[str]) -> None:
    done = byhand(home, *words)
    assert done.returncode in (0, 125)
    assert "Traceback" not in done.stderr
    assert (done.returncode == 0) == (words == ["image"])


def test_an_archive_is_not_written_to_a_terminal_nor_half_to_a_file(home: Engine, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "container_lib", "save", "busybox"]
    done = subprocess.run(command, env=environment(home), stdout=theirs, stderr=subprocess.PIPE, cwd=CHECKOUT)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 1
    assert b"refusing to save to a terminal" in done.stderr
    assert byhand(home, "save", "-o", tmp_path / "x.tar", "busybox", "no-such").returncode == 1
    assert not list(tmp_path.glob("*x.tar*"))


def test_doctor_finds_a_byte_that_changed_and_says_what_helps(home: Engine) -> None:
    image = home.store.image("busybox")
    path = home.store.blobs.path(image.manifest.layers[0].digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = byhand(home, "doctor")
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if "image store" in line)
    assert line.startswith("MISSING")
    assert image.manifest.layers[0].digest in line


def test_volumes(home: Engine) -> None:
    assert good(home, "volume", "create", "data") == "data\n"
    good(home, "run", "--rm", "-v", "data:/data", "busybox", "touch", "/data/x")
    shown = json.loads(good(home, "volume", "inspect", "data"))[0]
    assert os.listdir(shown["Mountpoint"]) == ["x"]
    assert good(home, "volume", "ls", "-q") == "data\n"
    assert good(home, "volume", "rm", "data") == "data\n"


def test_the_hot_commands_do_not_load_what_they_do_not_use(home: Engine) -> None:
    """rich, zstandard, isal, pyroute2, asyncio cost tens of milliseconds each."""
    heavy = {"rich", "zstandard", "isal", "pyroute2", "asyncio", "tarfile", "psutil", "typing_extensions"}
    for words in (["images"], ["ps", "-a"], ["run", "--rm", "busybox", "true"], ["inspect", "busybox"]):
        command = [sys.executable, "-X", "importtime", "-m", "container_lib", *words]
        home.layers("busybox")
        done = subprocess.run(command, env=environment(home), capture_output=True, text=True, cwd=CHECKOUT)
        assert done.returncode == 0
        imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert "container_lib" in imported
        assert not heavy & imported, words
