"""The images busybox, debian and jre: the same bytes from the same packages, whole or not there, and they run.

What takes a minute is built once: `made` takes debian and jre from /var/cache/container_lib, which `make images`
and these tests fill. One test builds both again, and compares.
"""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container_lib.cgroups import group
from container_lib.engine.engine import Engine
from container_lib.images.store import Store
from container_lib.kernel import procfs
from container_lib.runtime import reserve
from container_lib.storage import ingest
from machine.base_image import making
from machine.base_image.debian import package_list
from tests.conftest import let_through
from tests.setup.java_class import printing

CHECKOUT = Path(__file__).parents[2]


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "machine.base_image", "--root", str(root), *arguments]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with all three images. No test changes it."""
    if os.geteuid() != 0:
        pytest.skip("debian and jre are made by root")
    root = tmp_path_factory.mktemp("base-images")
    let_through(root)
    for name in making.NAMES:
        making.make(name, root, making.default_cache())
    return Store(root)


@pytest.fixture
def containers(root: None, made: Store) -> Iterator[Engine]:
    """An engine on that store, which has every layer unpacked once for all tests."""
    directory = made.layout.directory.parent
    engine = Engine(directory, directory / "run")
    yield engine
    reserve.drop()
    if engine.places.parent is not None:
        group.delete(engine.places.parent)


def test_busybox_is_the_same_image_wherever_it_is_built(tmp_path: Path) -> None:
    one = making.make("busybox", tmp_path / "one")
    before = os.umask(0o077)
    try:
        two = making.make("busybox", tmp_path / "two")
    finally:
        os.umask(before)
    assert one.digest == two.digest
    assert one.config.run["Cmd"] == ["sh"]


def test_busybox_is_made_again_where_it_is_missing(tmp_path: Path) -> None:
    assert not making.is_made("busybox", tmp_path)
    image = making.make("busybox", tmp_path)
    assert making.is_made("busybox", tmp_path)
    Store(tmp_path).remove("busybox")
    assert not making.is_made("busybox", tmp_path)
    assert making.make("busybox", tmp_path).id == image.id


def test_several_builders_at_once_make_one_image(tmp_path: Path) -> None:
    builders = [start(tmp_path, "busybox") for _ in range(4)]
    said = {builder.communicate(timeout=60)[0] for builder in builders}
    assert len(said) == 1
    assert "busybox:latest" in said.pop()
    assert [image.names for image in Store(tmp_path).images()] == [("busybox:latest",)]


def test_whoever_comes_second_waits_and_finds_the_image(made: Store, tmp_path: Path) -> None:
    store = Store(tmp_path)
    with ingest.holding(store.layers.ingest / "debian"):
        second = start(tmp_path, "--no-cache", "debian")
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=1)
        image = making.copy(made.image("debian"), made, store)
    said, words = second.communicate(timeout=60)
    assert (second.returncode, words) == (0, ""), "it built the image once more"
    assert said.startswith(image.short_id)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_an_interrupted_build_leaves_nothing(number: signal.Signals, root: None, tmp_path: Path) -> None:
    store = Store(tmp_path)
    builder = start(tmp_path, "--no-cache", "--renew", "debian")
    program = store.layers.ingest / "debian" / "tree" / "usr" / "bin" / "dpkg"
    wait_for(program.exists, builder)
    assert processes_in(tmp_path), "nobody is at work in the tree"
    builder.send_signal(number)
    builder.communicate(timeout=60)
    wait_for(lambda: not processes_in(tmp_path))
    assert not [entry.target for entry in procfs.mountinfo() if entry.target.startswith(str(tmp_path))]
    assert store.images() == []
    if number == signal.SIGKILL:  # then there is a tree, whose writer is no more
        assert store.clean()
    assert list(store.layers.ingest.iterdir()) == []


def wait_for(what: Callable[[], object], builder: subprocess.Popen[str] | None = None) -> None:
    ends = time.monotonic() + 120
    while not what():
        assert time.monotonic() < ends, "it did not come to that within two minutes"
        assert builder is None or builder.poll() is None, builder.communicate()[1]
        time.sleep(0.05)


def processes_in(directory: Path) -> list[int]:
    """Every process whose root or working directory is somewhere below."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for link in ("root", "cwd"):
            try:
                place = os.readlink(process / link)
            except OSError:  # it has ended
                continue
            if place.startswith(str(directory)):
                found.append(int(process.name))
    return found


@pytest.mark.slow
def test_two_builds_of_debian_and_jre_are_equal(made: Store, tmp_path: Path) -> None:
    """What is in the cache may have been made from older packages: then it is made anew first."""
    fresh = Store(tmp_path)
    making.make("jre", tmp_path, renew=True)  # and debian, below it
    if package_list(fresh.lowers(fresh.image("jre"))[0]) != package_list(made.lowers(made.image("jre"))[0]):
        making.make("jre", made.layout.directory.parent, making.default_cache(), renew=True)
    for name in ("debian", "jre"):
        assert fresh.image(name).id == made.image(name).id


def test_jre_is_one_layer_on_top_of_debian(made: Store) -> None:
    debian, jre = made.image("debian"), made.image("jre")
    assert jre.manifest.layers[:-1] == debian.manifest.layers
    assert made.lowers(jre)[1:] == made.lowers(debian)
    assert "JAVA_HOME=/usr/lib/jvm/default-java" in jre.config.env
    assert debian.config.run["Cmd"] == jre.config.run["Cmd"] == ["bash"]


def test_nothing_of_this_machine_is_in_them(made: Store) -> None:
    for layer in made.lowers(made.image("jre")):
        for name in ("etc/hostname", "etc/resolv.conf", "etc/machine-id", "etc/shadow-"):
            assert not os.path.lexists(layer / name), name


def test_debian_s_packages_are_whole_in_a_container(containers: Engine, made: Store) -> None:
    result = containers.run(
        "debian", "bash", "-c", "dpkg --audit && dpkg-query -W -f '${Package} ${Version}\n'"
    )
    assert result.code == 0, result.stderr
    [layer] = made.lowers(made.image("debian"))
    assert sorted(result.stdout.decode().splitlines()) == package_list(layer)


def test_a_java_program_runs_in_a_container(containers: Engine) -> None:
    program = base64.b64encode(printing("Hello", "hi from Java")).decode()
    command = f"echo {program} | base64 -d >/tmp/Hello.class && exec java -cp /tmp Hello"
    result = containers.run("jre", "bash", "-c", command)
    assert (result.code, result.stdout) == (0, b"hi from Java\n"), result.stderr


def test_java_reads_the_certificates_whose_dates_were_changed(containers: Engine) -> None:
    result = containers.run("jre", "keytool", "-list", "-cacerts", "-storepass", "changeit")
    assert result.code == 0, result.stdout
    assert result.stdout.count(b"trustedCertEntry") > 50
