"""docker run's options: what they mean, what is discarded with which warning, what is refused."""

from pathlib import Path

import pytest

from container_lib.cgroups.hierarchy import Hierarchy
from container_lib.engine import options, places, users
from container_lib.engine.options import Options
from container_lib.errors import InvalidValue, NotFound

ALL = Hierarchy(Path("/sys/fs/cgroup"), frozenset({"cpu", "io", "memory", "pids"}))
NONE = Hierarchy(Path("/sys/fs/cgroup"), frozenset())


def test_limits_are_kept_where_the_controllers_are() -> None:
    limits, warnings = options.limits_of(Options(memory="64m", cpus="0.5", pids_limit="20"), ALL)
    assert (limits.memory, limits.cpus, limits.pids, warnings) == (64 << 20, 0.5, 20, [])


@pytest.mark.parametrize("tree", [NONE, None])
def test_limits_are_discarded_with_dockers_warning_where_they_are_not(tree: Hierarchy | None) -> None:
    limits, warnings = options.limits_of(Options(memory="64m", cpus="0.5", pids_limit=20), tree)
    assert (limits.memory, limits.cpus, limits.pids) == (None, None, None)
    assert len(warnings) == 3
    assert all("is not mounted" in warning and "iscarded" in warning for warning in warnings)


def test_a_senseless_limit_is_refused_even_where_it_would_be_discarded() -> None:
    for wrong in (
        Options(memory="-1"),
        Options(memory="1k"),
        Options(cpus="x"),
        Options(cpus="-1"),
        Options(pids_limit="y"),
    ):
        with pytest.raises(InvalidValue):
            options.limits_of(wrong, NONE)


def test_pids_limit_has_two_words_for_none() -> None:
    assert options.limits_of(Options(pids_limit="-1"), ALL)[0].pids is None
    assert options.limits_of(Options(pids_limit=0), ALL)[0].pids is None


def test_namespaces_are_dockers_six_less_what_is_shared() -> None:
    assert options.namespaces_of(Options()) == ("mnt", "pid", "net", "uts", "ipc", "cgroup")
    assert options.namespaces_of(Options(network="host", pid="host")) == ("mnt", "uts", "ipc", "cgroup")
    assert options.namespaces_of(Options(userns="remap"))[-1] == "user"
    with pytest.raises(InvalidValue, match="'bridge'"):
        options.namespaces_of(Options(network="bridge"))


def test_environment_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_HERE", "yes")
    assert options.environment(["A=1", "B=", "FROM_HERE", "NOT_HERE"]) == {
        "A": "1",
        "B": "",
        "FROM_HERE": "yes",
    }
    with pytest.raises(InvalidValue, match="invalid environment variable: =x"):
        options.environment(["=x"])


def test_a_volume_is_a_bind(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    bind = options.bind_of(f"{tmp_path}/link:/data/:ro")
    assert (bind.source, bind.target, bind.read_only, bind.directory) == (str(tmp_path), "/data", True, True)
    for wrong in ("data:/x", "/x", "/x:y", "/x:/y:rx"):
        with pytest.raises(InvalidValue, match="invalid volume"):
            options.bind_of(wrong)
    with pytest.raises(NotFound, match="/no/such"):
        options.bind_of("/no/such:/x")


def test_users_are_those_of_the_image(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:/bin/false\nbroken\n")
    (tmp_path / "etc/group").write_text("staff:x:50:\n")
    assert users.find([tmp_path], "") == (0, 0)
    assert users.find([tmp_path], "web") == (33, 34)
    assert users.find([tmp_path], "33:staff") == (33, 50)
    assert users.find([tmp_path], "1000:1001") == (1000, 1001)
    with pytest.raises(NotFound, match="unable to find user nobody"):
        users.find([tmp_path], "nobody")


def test_an_images_passwd_cannot_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to("/etc/passwd")
    with pytest.raises(NotFound):
        users.find([tmp_path], "daemon")


def test_each_run_directory_has_a_cgroup_of_its_own(tmp_path: Path) -> None:
    assert places.parent_name(places.DEFAULT_RUN) == "byhand"
    assert places.parent_name(tmp_path) != places.parent_name(tmp_path / "x")
