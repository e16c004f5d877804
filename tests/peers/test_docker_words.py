"""What docker prints for given facts, and what we print for the same: columns, sizes, times, ids, templates."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from container_lib.cli import history, images, template
from container_lib.cli.table import print_rows, with_tabs
from container_lib.engine.images import HistoryLine, Listed
from tests.peers.docker_client import docker

MINUTE, HOUR, DAY = 60, 3600, 86400
AGES = [7, 40, 95, 600, HOUR + 60, HOUR * 3 // 2 + 60, 5 * HOUR, 47 * HOUR, 49 * HOUR, 13 * DAY, 15 * DAY,
        59 * DAY, 61 * DAY, 400 * DAY, 729 * DAY, 731 * DAY, 2000 * DAY]  # fmt: skip
SIZES = [
    0,
    1,
    999,
    1000,
    1001,
    12345,
    999_499,
    4_262_100,
    117_000_000,
    117_500_000,
    1_500_000_000,
    10**12,
    10**13,
]
PLURAL = "sha256:" + "e" * 64
FORMATS = ["", "table", "json", "{{.ID}} {{.Repository}}:{{.Tag}} {{.Size}}", r"table {{.ID}}\t{{.CreatedSince}}",
           "{{json .Repository}}", "{{upper .ID}}", r"{{.Tag}}\t{{.Digest}}"]  # fmt: skip

Printed = Callable[[], str]


def facts(now: int) -> list[Listed]:
    """Images of all ages and sizes, one without a name, one with a long one."""
    made = []
    for number in range(max(len(AGES), len(SIZES))):
        names = {2: ("<none>", "<none>"), 3: ("registry.example:5000/a/rather/long-name", "1.2.3")}
        repository, tag = names.get(number, (f"image-{number}", "latest"))
        created = datetime.fromtimestamp(now - AGES[number % len(AGES)], UTC)
        made.append(
            Listed(repository, tag, "<none>", f"sha256:{number:064x}", created, SIZES[number % len(SIZES)])
        )
    return made


def as_the_api_has_it(image: Listed) -> dict[str, Any]:
    named = image.tag != "<none>"
    return {
        "Id": image.id, "ParentId": "", "RepoTags": [f"{image.repository}:{image.tag}"] if named else [],
        "RepoDigests": [], "Created": int(image.created.timestamp()) if image.created else 0, "Size": image.size,
        "VirtualSize": image.size, "SharedSize": -1, "Labels": {}, "Containers": -1,
    }  # fmt: skip


@pytest.fixture
def now() -> int:
    return int(datetime.now(UTC).timestamp())


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    return lambda: capsys.readouterr().out


def lines(text: str) -> list[str]:
    return sorted(text.splitlines())


@pytest.mark.parametrize("whole", [False, True])
def test_images_are_listed_as_docker_lists_them(
    whole: bool, tmp_path: Path, now: int, printed: Printed
) -> None:
    flags = ["--no-trunc"] if whole else []
    given = facts(now)
    with docker(tmp_path, {"/images/json": [as_the_api_has_it(image) for image in given]}) as client:
        for wanted in FORMATS:
            theirs = client("images", *flags, *(["--format", wanted] if wanted else []))
            print_rows([images.row(image, whole) for image in given], images.COLUMNS, wanted, images.HEADERS)
            assert lines(printed()) == lines(theirs), wanted


def test_history_is_told_as_docker_tells_it(tmp_path: Path, now: int, printed: Printed) -> None:
    long = 'RUN /bin/sh -c echo "' + "a long way <down> & up " * 5 + '"'
    given = [
        HistoryLine(f"sha256:{7:064x}", datetime.fromtimestamp(now - 100, UTC), 'CMD ["sh"]', 0, "a comment"),
        HistoryLine("<missing>", datetime.fromtimestamp(now - 3 * DAY, UTC), long, 4_262_100, ""),
        HistoryLine("<missing>", datetime.fromtimestamp(now - 3 * DAY, UTC), "a\ttab", 1, ""),
    ]
    answer = [
        {
            "Id": line.id,
            "Created": int(line.created.timestamp()) if line.created else 0,
            "CreatedBy": line.created_by,
            "Tags": None,
            "Size": line.size,
            "Comment": line.comment,
        }
        for line in given
    ]
    cases = [
        (whole, human, wanted)
        for whole in (False, True)
        for human in (False, True)
        for wanted in ("", "json")
    ]
    with docker(tmp_path, {"/images/x/history": answer}) as client:
        for whole, human, wanted in cases:
            flags = [*(["--no-trunc"] if whole else []), f"--human={str(human).lower()}"]
            theirs = client("history", *flags, *(["--format", wanted] if wanted else []), "x")
            history.show([history.row(line, whole, human) for line in given], human, wanted)
            assert printed() == theirs, (whole, human, wanted)


INSPECTED = {
    "Id": PLURAL, "RepoTags": ["a:1", "b:2"], "Os": "linux", "Size": 12, "Parent": "", "Comment": "<&>",
    "Created": "2024-01-01T00:00:00Z", "RootFS": {"Type": "layers", "Layers": ["x", "y"]},
    "Config": {"Cmd": ["sh", "-c"], "Env": ["A=1"], "Labels": {"a.b": "c", "d": "e"}, "WorkingDir": "/w"},
}  # fmt: skip
TEMPLATES = [
    "{{.Id}}", "{{.Config.Cmd}}", "{{.Config.Labels}}", "{{json .Config.Cmd}}", "{{json .Comment}}", "{{.Size}}",
    '{{index .Config.Labels "a.b"}}', "{{index .RepoTags 1}}", '{{join .RepoTags ", "}}', "{{upper .Os}}",
    "{{range .RootFS.Layers}}<{{.}}>{{end}}", "{{if .Parent}}a{{else}}b{{end}}", "{{len .RepoTags}}",
    "{{range .Config.Env}}{{println .}}{{end}}", "{{.Config.Labels.d}}", "{{range .Config.Labels}}{{.}}{{end}}",
    "{{.Config.Labels.nope}}",
]  # fmt: skip


def test_templates_are_filled_as_docker_fills_them(tmp_path: Path) -> None:
    with docker(tmp_path, {"/images/x/json": INSPECTED}) as client:
        for text in TEMPLATES:
            theirs = client("image", "inspect", "--format", text, "x")
            assert template.parse(with_tabs(text)).render(INSPECTED) + "\n" == theirs, text


def test_changes_are_listed_as_docker_lists_them(tmp_path: Path) -> None:
    changes = [{"Kind": 0, "Path": "/etc"}, {"Kind": 1, "Path": "/etc/a b"}, {"Kind": 2, "Path": "/bin/vi"}]
    with docker(tmp_path, {"/containers/x/changes": changes}) as client:
        assert client("diff", "x") == "C /etc\nA /etc/a b\nD /bin/vi\n"


def test_times_in_between_are_told_alike(tmp_path: Path, now: int, printed: Printed) -> None:
    """Every age at which docker changes its words, a little before and after."""
    edges = [2 * MINUTE, HOUR, 2 * HOUR, 48 * HOUR, 14 * DAY, 60 * DAY, 730 * DAY]
    ages = [edge + step for edge in edges for step in (-30, 30)]
    given = [
        Listed(f"x{n}", "1", "<none>", f"sha256:{n:064x}", datetime.now(UTC) - timedelta(seconds=age), 0)
        for n, age in enumerate(ages)
    ]
    with docker(tmp_path, {"/images/json": [as_the_api_has_it(image) for image in given]}) as client:
        wanted = "{{.Repository}}: {{.CreatedSince}}"
        theirs = client("images", "--format", wanted)
        print_rows([images.row(image, False) for image in given], images.COLUMNS, wanted, images.HEADERS)
        assert lines(printed()) == lines(theirs)
