"""The Vagrantfile: Vagrant accepts it, and each provider's block asks for what it should.

No hypervisor is at hand where this runs, so what a machine really does with it is not tested here.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
VAGRANTFILE = HERE.parents[1] / "Vagrantfile"
PROVIDERS = ["virtualbox", "vmware_desktop", "parallels", "libvirt", "qemu"]

Recorded = list[tuple[str, list[Any], dict[str, Any]]]


def read_vagrantfile(path: Path = VAGRANTFILE, **environment: str) -> Recorded:
    outcome = subprocess.run(
        ["ruby", HERE / "read_vagrantfile.rb", path],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return [(name, values, options) for name, values, options in json.loads(outcome.stdout)]


def setting(recorded: Recorded, name: str) -> Any:
    values = [values[0] for path, values, _ in recorded if path == name]
    return values[-1] if values else None


def settings(recorded: Recorded, ending: str) -> list[Any]:
    return [values[0] for path, values, _ in recorded if path.endswith(ending)]


def test_vagrant_accepts_it(tmp_path: Path) -> None:
    environment = os.environ | {"VAGRANT_HOME": str(tmp_path), "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot")}
    outcome = subprocess.run(
        ["vagrant", "validate", "--ignore-provider"],
        cwd=VAGRANTFILE.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_a_debian_13_of_a_pinned_version(provider: str) -> None:
    recorded = read_vagrantfile()
    box = setting(recorded, f"{provider}.override.vm.box") or setting(recorded, "config.vm.box")
    version = setting(recorded, f"{provider}.override.vm.box_version") or setting(
        recorded, "config.vm.box_version"
    )
    wanted = "cloud-image/debian-13" if provider in ("libvirt", "qemu") else "bento/debian-13"
    assert box == wanted
    assert [part.isdigit() for part in version.split(".")] == [True, True, True]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_takes_memory_and_processors_from_the_environment(provider: str) -> None:
    recorded = read_vagrantfile(BYHAND_MEMORY="4711", BYHAND_CPUS="7")
    values = [str(values[0]) for path, values, _ in recorded if path.startswith(provider)]
    assert any(value in ("4711", "4711M") for value in values)
    assert "7" in values


def test_another_box_comes_without_the_pinned_version() -> None:
    from_file = read_vagrantfile(BYHAND_BOX_URL="file:///boxes/debian-13.box")
    assert set(settings(from_file, "box_url")) == {"file:///boxes/debian-13.box"}
    assert settings(from_file, "box_version") == []
    named = read_vagrantfile(BYHAND_BOX="my/debian", BYHAND_BOX_VERSION="1.2.3")
    assert set(settings(named, "vm.box")) == {"my/debian"}
    assert set(settings(named, "box_version")) == {"1.2.3"}


def test_every_port_is_forwarded_from_this_computer_alone() -> None:
    ports = [options for path, values, options in read_vagrantfile() if values == ["forwarded_port"]]
    assert [(port["guest"], port["host_ip"], port["auto_correct"]) for port in ports] == [
        (8888, "127.0.0.1", True)
    ]


def test_the_printed_url_has_the_port_that_was_free_and_the_token() -> None:
    assert setting(read_vagrantfile(), "printed") == "Open http://127.0.0.1:2200/lab?token=secret"


def test_a_copied_folder_never_overwrites_what_a_learner_saved() -> None:
    [options] = [
        options for path, _, options in read_vagrantfile() if path == "qemu.override.vm.synced_folder"
    ]
    assert "--update" in options["rsync__args"]
    assert "--delete" not in options["rsync__args"]
