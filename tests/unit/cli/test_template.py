"""The part of Go's templates that --format knows, and what it says to the rest."""

import pytest

from container_lib.cli import template
from container_lib.errors import InvalidValue

IMAGE = {
    "Id": "sha256:abc",
    "Os": "linux",
    "RepoTags": ["a:1", "b:2"],
    "Parent": "",
    "Size": 12,
    "Config": {"Cmd": ["sh", "-c"], "Labels": {"a.b": "c", "d": "e"}, "Env": None, "Tty": False},
}


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain", "plain"),
        ("{{.Id}}", "sha256:abc"),
        ("{{ .Config.Cmd }}", "[sh -c]"),
        ("{{.Config.Labels}}", "map[a.b:c d:e]"),
        ("{{.Config.Env}}|{{.Config.Tty}}", "<no value>|false"),
        ("{{json .Config.Cmd}}", '["sh","-c"]'),
        ("{{json .}}", None),
        ('{{index .Config.Labels "a.b"}}', "c"),
        ("{{index .RepoTags 1}}", "b:2"),
        ("{{.Config.Labels.d}}{{.Config.Labels.nope}}", "e<no value>"),
        ("{{len .RepoTags}}", "2"),
        ('{{join .RepoTags ", "}}', "a:1, b:2"),
        ("{{upper .Os}}{{lower .Os}}{{println .Os}}", "LINUXlinuxlinux\n"),
        ("{{range .RepoTags}}<{{.}}>{{end}}", "<a:1><b:2>"),
        ("{{range .Config.Env}}{{.}}{{else}}none{{end}}", "none"),
        ("{{range .Config.Labels}}{{.}}{{end}}", "ce"),
        ("{{if .Parent}}has{{else}}has not{{end}} {{if .Size}}size{{end}}", "has not size"),
        ("{{range .RepoTags}}{{if .}}{{.}};{{end}}{{end}}", "a:1;b:2;"),
        ('{{"quoted"}}{{`raw`}}', "quotedraw"),
    ],
)
def test_templates_fill_in(text: str, printed: str | None) -> None:
    rendered = template.parse(text).render(IMAGE)
    assert printed is None or rendered == printed


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{{foo .Id}}", "{{foo .Id}}"),
        ("{{.Id | upper}}", "{{.Id | upper}}"),
        ("{{$x := .Id}}", "{{$x := .Id}}"),
        ("{{with .Id}}x{{end}}", "{{with .Id}}"),
        ('{{printf "%s" .Id}}', "printf"),
        ("{{json}}", "{{json}}"),
        ("{{}}", "{{}}"),
        ("{{.Id", "without }}"),
        ("{{range .RepoTags}}x", "without {{end}}"),
        ("x{{end}}", "without a beginning"),
        ("{{else}}", "without a beginning"),
        ("{{if .Id}}a{{else}}b{{else}}c{{end}}", "without {{end}}"),
    ],
)
def test_what_is_not_known_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        template.parse(text)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "text", ["{{.Nope}}", "{{.Id.Nope}}", "{{index .RepoTags 7}}", "{{len .Size}}", '{{join .Id.X ","}}']
)
def test_a_field_that_is_not_there_is_an_error(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"template"):
        template.parse(text).render(IMAGE)
