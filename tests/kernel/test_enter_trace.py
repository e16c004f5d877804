"""A trace of `Container.enter` holds the calls of all four processes that take part, the helper's setns too."""

from container_lib.engine.engine import Engine
from container_lib.teaching.trace import trace


def test_the_helper_reports_the_namespaces_that_it_joined(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container, trace() as calls:
        container.enter_and_capture("true")
    assert calls.who() == ["notebook", "launcher", "helper", "init"]
    [(_, _, (_, joined), result, _)] = calls.of("helper").named("setns")
    kinds = {"NEWNS", "NEWPID", "NEWNET", "NEWUTS", "NEWIPC", "NEWCGROUP"}
    assert set(joined.split("|")) == {f"CLONE_{kind}" for kind in kinds}
    assert result == 0
