"""The kernel's numbers against the kernel's own headers, and their names."""

import re
from pathlib import Path

import pytest

from container_lib.kernel import flags

HEADERS = ("linux/sched.h", "linux/mount.h", "linux/prctl.h", "linux/close_range.h")


def header_values() -> dict[str, int]:
    found: dict[str, int] = {}
    for name in HEADERS:
        text = (Path("/usr/include") / name).read_text()
        for word, value in re.findall(r"#define\s+(\w+)\s+(0x[0-9a-fA-F]+|\d+|\(1[UL]* << \d+\))", text):
            shift = re.search(r"<< (\d+)", value)
            found[word] = 1 << int(shift[1]) if shift else int(re.sub(r"[UL]+$", "", value), 0)
    return found


def test_numbers_are_those_of_the_headers() -> None:
    if not Path("/usr/include/linux/sched.h").exists():
        pytest.skip("needs the kernel's headers; apt install linux-libc-dev")
    known = header_values()
    ours = {name: value for name, value in vars(flags).items() if name.isupper()}
    compared = {name for name in ours if name in known}
    assert len(compared) > 20
    assert {name: ours[name] for name in compared} == {name: known[name] for name in compared}


def test_spell_names_each_bit_and_keeps_the_rest() -> None:
    assert flags.spell(flags.MS_BIND | flags.MS_REC, "MS_") == "MS_BIND|MS_REC"
    assert flags.spell(flags.MS_BIND | 1 << 40, "MS_") == "MS_BIND|0x10000000000"
    assert flags.spell(0, "MS_") == "0"
