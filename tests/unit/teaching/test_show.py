"""`show`: the source that a learner sees is the source that runs."""

import functools
import inspect
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from container_lib.cgroups import cpu
from container_lib.cgroups.sample import Sample, Sampler
from container_lib.errors import NotFound
from container_lib.teaching import show as module
from container_lib.teaching.show import show, source


@pytest.mark.parametrize("thing", [cpu.set_max, Sampler, Sampler.sample, cpu])
def test_the_source_is_what_python_has_of_it(thing: Any) -> None:
    assert source(thing)[1] == textwrap.dedent(inspect.getsource(thing))


def test_the_heading_is_the_dotted_name_and_the_line_in_the_file() -> None:
    heading, _ = source(cpu.set_max)
    name, _, place = heading.partition(" · ")
    path, _, line = place.rpartition(":")
    assert name == "container_lib.cgroups.cpu.set_max"
    checkout = Path(inspect.getfile(cpu)).parents[2]
    assert (checkout / path).read_text().splitlines()[int(line) - 1].startswith("def set_max(")


def test_a_wrapped_function_an_instance_and_a_property_show_what_defines_them() -> None:
    @functools.wraps(cpu.set_max)
    def wrapper(*arguments: Any) -> None:
        cpu.set_max(*arguments)

    assert source(wrapper)[1] == source(cpu.set_max)[1]
    assert source(functools.partial(cpu.set_max, Path()))[1] == source(cpu.set_max)[1]
    assert source(Sample(0.0))[1] == source(Sample)[1]


@pytest.mark.parametrize("thing", [len, os.fork, 3, int, exec])
def test_what_is_written_in_c_is_refused_with_the_reason(thing: Any) -> None:
    with pytest.raises(NotFound) as caught:
        show(thing)
    assert "in C" in caught.value.hint


def test_what_was_typed_into_an_interpreter_is_refused() -> None:
    space: dict[str, Any] = {"__name__": "typed"}
    exec("def typed(): pass", space)
    with pytest.raises(NotFound) as caught:
        show(space["typed"])
    assert "not defined in a file" in caught.value.hint


def test_in_a_terminal_it_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    show(cpu.set_max)
    assert capsys.readouterr().out.endswith(inspect.getsource(cpu.set_max))


def test_in_a_notebook_it_is_html_that_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(module, "in_notebook", lambda: True)
    monkeypatch.setattr(module, "display", shown.append)
    show(cpu.max_value)
    (bundle,) = shown
    assert "50000 100000" in bundle["text/html"]
    assert "&gt;" in bundle["text/html"]  # "->" and ">>>" are escaped
    assert "<script" not in bundle["text/html"]
