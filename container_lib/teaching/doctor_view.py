"""What this machine can do, as a table: each ability found or missing, and the remedy.

The probing itself is `container_lib.engine.doctor`; `byhand doctor` prints the same as text.
"""

from collections.abc import Sequence

from container_lib.engine import doctor
from container_lib.engine.doctor import Ability
from container_lib.teaching.picture import GREEN, VERMILION, Cell, Picture, table, tint

_MARK = "white-space:nowrap;"


def doctor_view(abilities: Sequence[Ability] | None = None) -> Picture:
    """Return the table of `abilities`; without them, this machine is probed now."""
    abilities = doctor.probe() if abilities is None else abilities
    rows = [_row(ability) for ability in abilities]
    missing = sum(1 for ability in abilities if not ability.found)
    note = f"{len(rows) - missing} of {len(rows)} abilities found"
    return table("what this machine can do", ["", "ability", "detail", "remedy"], rows, note)


def _row(ability: Ability) -> list[str | Cell]:
    mark = (
        Cell("✓ found", _MARK + tint(GREEN)) if ability.found else Cell("✗ missing", _MARK + tint(VERMILION))
    )
    return [
        mark,
        Cell(ability.name, "white-space:nowrap"),
        ability.detail,
        "" if ability.found else ability.remedy,
    ]
