"""Who a container's process is: maps, capabilities, resource limits, as decided outside."""

import pytest

from container_lib.errors import InvalidValue
from container_lib.isolation import capabilities, identity, rlimits
from container_lib.isolation.identity import IdMap
from container_lib.isolation.rlimits import Rlimit

ALL = (1 << len(capabilities.NAMES)) - 1


def test_a_map_is_read_and_written() -> None:
    assert identity.parse("0:100000:65536") == IdMap(0, 100000, 65536)
    assert identity.lines([IdMap(0, 100000, 1), IdMap(1, 5, 2)]) == "0 100000 1\n1 5 2\n"


@pytest.mark.parametrize(
    "text", ["", "0:1", "0:1:0", "a:b:c", "0:-1:1", "0:4294967295:2", "0:1:1:1", "٠:1:1"]
)
def test_what_is_no_map_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="invalid id map"):
        identity.parse(text)


def test_the_default_capabilities_are_dockers_fourteen() -> None:
    kept, missing = capabilities.keep(held=ALL)
    assert kept == 0xA80425FB  # CapEff of a process in a container of dockerd
    assert missing == []


def test_capabilities_are_numbered_as_the_kernel_does() -> None:
    assert capabilities.bits(["CHOWN"]) == 1 << 0
    assert capabilities.bits(["SYS_ADMIN"]) == 1 << 21
    assert capabilities.bits(["CHECKPOINT_RESTORE"]) == 1 << 40
    assert capabilities.spell(0b101) == ["CHOWN", "DAC_READ_SEARCH"]


def test_adding_and_dropping() -> None:
    assert capabilities.spell(capabilities.keep(["cap_net_admin"], ["ALL"], ALL)[0]) == ["NET_ADMIN"]
    assert capabilities.keep(["ALL"], [], ALL)[0] == ALL
    assert "CHOWN" not in capabilities.spell(capabilities.keep(["ALL"], ["CHOWN"], ALL)[0])
    with pytest.raises(InvalidValue, match="'FLY'"):
        capabilities.keep(["FLY"], held=ALL)


def test_what_is_not_held_cannot_be_given_and_is_told() -> None:
    held = ALL & ~capabilities.bits(["SYS_RESOURCE"])
    kept, missing = capabilities.keep(["ALL"], held=held)
    assert (kept, missing) == (held, ["SYS_RESOURCE"])


def test_a_ulimit_is_read() -> None:
    assert rlimits.parse("nofile=1024") == Rlimit("nofile", 1024, 1024)
    assert rlimits.parse("core=0:unlimited") == Rlimit("core", 0, -1)


@pytest.mark.parametrize(
    "text", ["nofile", "nofile=", "nofile=x", "files=1", "nofile=5:4", "nofile=-2", "nofile=unlimited:5"]
)
def test_what_is_no_ulimit_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="invalid ulimit"):
        rlimits.parse(text)


def test_a_limit_above_ours_is_lowered_and_told_without_the_capability() -> None:
    wanted = Rlimit("nofile", 5000, 9000)
    assert rlimits.decide(wanted, 4000, privileged=True) == (wanted, "")
    assert rlimits.decide(wanted, -1, privileged=False) == (wanted, "")
    lowered, warning = rlimits.decide(wanted, 4000, privileged=False)
    assert lowered == Rlimit("nofile", 4000, 4000)
    assert "nofile=5000:9000 lowered to 4000:4000" in warning
