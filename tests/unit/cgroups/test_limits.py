"""Limits as data: Docker's notation, what is refused and why, the writes."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_lib.cgroups import limits
from container_lib.cgroups.io import IoLimit
from container_lib.cgroups.limits import Limits, Write, parse_size
from container_lib.errors import AbilityMissing, InvalidValue


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64m", 67108864),
        ("64M", 67108864),
        ("1.5g", 1610612736),
        ("4096", 4096),
        ("2kb", 2048),
        ("1GiB", 1 << 30),
    ],
)
def test_sizes_are_dockers(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1", "1.2.3", "64 q", "nan", "inf", "9" * 30, "0x10", "6 4m"])
def test_what_is_no_size_is_refused_with_the_word_itself(text: str) -> None:
    with pytest.raises(InvalidValue, match="invalid size") as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)


@given(st.integers(0, 1 << 40), st.sampled_from("kmg"))
def test_units_are_powers_of_1024(number: int, unit: str) -> None:
    exponent = {"k": 10, "m": 20, "g": 30}[unit]
    if number < 1 << 22:
        assert parse_size(f"{number}{unit}") == number << exponent


@given(st.text(max_size=8))
def test_any_text_gives_a_size_or_an_invalid_value(text: str) -> None:
    try:
        size = parse_size(text)
    except InvalidValue as error:
        size = 0
        message = str(error)
        assert repr(text) in message
    assert size >= 0


@pytest.mark.parametrize(
    "wrong",
    [
        Limits(cpus=0),
        Limits(cpus=-1),
        Limits(cpus=float("nan")),
        Limits(cpus=(os.cpu_count() or 1) + 0.5),
        Limits(memory=1024),
        Limits(pids=0),
        Limits(pids=-5),
        Limits(cpu_weight=0),
        Limits(memory_swap=1 << 30),
        Limits(memory=64 << 20, memory_swap=32 << 20),
        Limits(io=(IoLimit("sda"),)),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Limits) -> None:
    with pytest.raises(InvalidValue):
        limits.check(wrong)


def test_the_plan_is_the_writes_in_order() -> None:
    wanted = Limits(memory=64 << 20, cpus=0.5, pids=10, io=(IoLimit("254:0", wbps=1000),))
    assert limits.plan(wanted) == [
        Write("memory.max", "67108864"),
        Write("memory.swap.max", "67108864"),
        Write("cpu.max", "50000 100000"),
        Write("pids.max", "10"),
        Write("io.max", "254:0 rbps=max wbps=1000 riops=max wiops=max"),
    ]


@pytest.mark.parametrize(
    ("swap", "written"), [(None, "67108864"), (64 << 20, "0"), (96 << 20, "33554432"), (-1, "max")]
)
def test_memory_swap_is_memory_plus_swap(swap: int | None, written: str) -> None:
    assert Write("memory.swap.max", written) in limits.plan(Limits(memory=64 << 20, memory_swap=swap))


def test_no_limit_is_no_write() -> None:
    assert limits.plan(Limits()) == []


def test_a_missing_controller_is_told_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(AbilityMissing, match=r"pids\.max does not exist") as caught:
        limits.apply(tmp_path, [Write("pids.max", "5")])
    assert "pids controller" in caught.value.hint
