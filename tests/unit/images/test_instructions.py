"""Instructions on a configuration, as docker's builder carries them out."""

import doctest

import pytest

from container_lib.errors import InvalidValue
from container_lib.images import instructions
from container_lib.images.config import ImageConfig
from container_lib.images.documents import Platform


def run(*changes: str, **before: object) -> dict[str, object]:
    config = ImageConfig(Platform("linux", "amd64"), (), run=before)
    return dict(instructions.apply(config, changes).run)


def test_the_examples_are_true() -> None:
    assert doctest.testmod(instructions).failed == 0


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ('CMD ["a", "b c"]', "Cmd", ["a", "b c"]),
        ("cmd a 'b' $C", "Cmd", ["/bin/sh", "-c", "a 'b' $C"]),
        ('ENTRYPOINT ["/e"]', "Entrypoint", ["/e"]),
        ("ENV A=1 B=two\\ words C=\"x $HOME\" D='$HOME'", "Env",
         ["HOME=/root", "A=1", "B=two words", "C=x /root", "D=$HOME"]),
        ("ENV HOME=/srv${HOME}", "Env", ["HOME=/srv/root"]),
        ("ENV GREETING hello  $HOME", "Env", ["HOME=/root", "GREETING=hello  /root"]),
        ("ENV EMPTY=", "Env", ["HOME=/root", "EMPTY="]),
        ("EXPOSE 80 53/udp", "ExposedPorts", {"80/tcp": {}, "53/udp": {}}),
        ("EXPOSE 8000-8001", "ExposedPorts", {"8000/tcp": {}, "8001/tcp": {}}),
        ("CMD []", "Cmd", []),
        ('LABEL a=b "c d"="e f"', "Labels", {"a": "b", "c d": "e f"}),
        ("USER $HOME:1", "User", "/root:1"),
        ("VOLUME /a /b", "Volumes", {"/a": {}, "/b": {}}),
        ('VOLUME ["/a b"]', "Volumes", {"/a b": {}}),
        ("WORKDIR /a/../b", "WorkingDir", "/b"),
        ("WORKDIR sub", "WorkingDir", "/sub"),
        ("STOPSIGNAL SIGINT", "StopSignal", "SIGINT"),
        ("ONBUILD RUN make $X", "OnBuild", ["RUN make $X"]),
    ],
)  # fmt: skip
def test_one_instruction(change: str, field: str, value: object) -> None:
    assert run(change, Env=["HOME=/root"])[field] == value


def test_they_build_on_each_other() -> None:
    made = run(
        "WORKDIR /a", "WORKDIR b", "ENV A=/x", "ENV B=$A/y", "LABEL l=1", "LABEL m=2", "EXPOSE 1", "EXPOSE 2"
    )
    assert made["WorkingDir"] == "/a/b"
    assert made["Env"] == ["A=/x", "B=/x/y"]
    assert made["Labels"] == {"l": "1", "m": "2"}
    assert made["ExposedPorts"] == {"1/tcp": {}, "2/tcp": {}}


def test_a_new_entrypoint_forgets_the_command_that_was_inherited_and_no_other() -> None:
    assert "Cmd" not in run('ENTRYPOINT ["/e"]', Cmd=["sh"])
    assert run('CMD ["a"]', 'ENTRYPOINT ["/e"]', Cmd=["sh"])["Cmd"] == ["a"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("RUN make", "'RUN' is not known"),
        ("", "'' is not known"),
        ("CMD", "CMD requires an argument"),
        ("ENV A=1 B", "can't find = in 'B'"),
        ("LABEL =x", "can't find ="),
        ("LABEL a='x", "a ' without its second one"),
        ("EXPOSE http", "invalid containerPort: http"),
        ("EXPOSE 70000", "invalid containerPort"),
        ("EXPOSE 9-1", "invalid containerPort"),
        ("ONBUILD FROM x", "FROM isn't allowed"),
    ],
)
def test_what_cannot_be_meant_is_named(change: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words) as caught:
        run(change)
    assert repr(change) in str(caught.value)
