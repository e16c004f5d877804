"""A list of things, printed as docker prints it: as a table, through a template, or as JSON.

    REPOSITORY   TAG       IMAGE ID       CREATED      SIZE
    busybox      latest    a416a98b71e2   2 days ago   4.26MB

A row is a dictionary from docker's field names, those of --format, to what stands there. A column is as wide as
its longest cell and three spaces, at least ten; the last one is as wide as it is.

    --format table               the table of the command (also: none given)
    --format 'table {{.ID}}\\t{{.Size}}'   a table of these columns; \\t stands between them
    --format json                an object a line
    --format '{{.ID}}'           the template, once per row

Left out: the other things that docker's templates can do; see `template`.
"""

from collections.abc import Mapping, Sequence

from container_lib.cli import template
from container_lib.cli.words import compact

Row = Mapping[str, str]


def print_rows(
    rows: Sequence[Row], columns: Mapping[str, str], wanted: str, headers: Mapping[str, str]
) -> None:
    """Print the rows in the format `wanted`. `columns`: field → header of the command's own table, in order;

    `headers`: those of the fields that a template may name besides. Raises `InvalidValue` for a bad template.
    """
    kind, _, rest = wanted.strip().partition(" ")
    if kind == "json" and not rest:
        for row in rows:
            print(for_html(compact(dict(sorted(row.items())))))
    elif kind in ("", "table") and not rest.strip():
        lines = [list(columns.values()), *([row[field] for field in columns] for row in rows)]
        print("\n".join(aligned(lines)))
    elif kind == "table":
        made = template.parse(with_tabs(rest))
        texts = [made.render({**headers, **columns}), *(made.render(row) for row in rows)]
        print("\n".join(aligned([text.split("\t") for text in texts])))
    else:
        made = template.parse(with_tabs(wanted))
        for row in rows:
            print(made.render(row))


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines with their cells in columns.

    >>> aligned([["NAME", "SIZE"], ["a-long-one", "1B"]])
    ['NAME         SIZE', 'a-long-one   1B']
    """
    count = max((len(line) for line in lines), default=0)
    widths = [max((len(line[i]) for line in lines if i < len(line) - 1), default=0) + 3 for i in range(count)]
    return [
        "".join(cell.ljust(max(widths[i], 10)) for i, cell in enumerate(line[:-1])) + line[-1]
        for line in lines
    ]


def for_html(text: str) -> str:
    """Return JSON with <, > and & as a page could hold them: Go writes it so unless it is told otherwise."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def with_tabs(text: str) -> str:
    r"""Return the template with what a shell's single quotes keep as \t and \n in its place."""
    return text.replace("\\t", "\t").replace("\\n", "\n")
