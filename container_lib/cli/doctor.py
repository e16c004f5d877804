"""`byhand doctor [--clean] [--json]`: what this machine can do; and cleaning up after a crash.

The exit code is 0 where containers run, with or without limits, and no image is damaged; otherwise 1.
"""

import argparse
import dataclasses
import json

from container_lib.engine import doctor
from container_lib.engine.engine import Engine


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("--clean", action="store_true", help="remove what killed containers left behind")
    parser.add_argument("--json", action="store_true", help="print the abilities as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print a line for each ability, with the remedy where it is missing; or clean."""
    if arguments.clean:
        removed = Engine().clean()
        print("\n".join(f"removed {line}" for line in removed) or "nothing was left behind")
        return 0
    abilities = doctor.probe()
    if arguments.json:
        print(json.dumps([dataclasses.asdict(ability) for ability in abilities], indent=2))
    else:
        print(table(abilities))
    whole = not any(ability.damaged for ability in abilities)
    return 0 if doctor.ready(abilities) and whole else 1


def table(abilities: list[doctor.Ability]) -> str:
    """Return the abilities as lines: a mark, the name, the detail, and the remedy below where it is missing."""
    width = max(len(ability.name) for ability in abilities)
    lines = []
    for ability in abilities:
        mark = "ok     " if ability.found else "MISSING"
        lines.append(f"{mark}  {ability.name:{width}}  {ability.detail}")
        if ability.remedy:
            lines.append(f"         {'':{width}}  hint: {ability.remedy}")
    verdict = "containers run here" if doctor.ready(abilities) else "containers cannot run here"
    controllers = [ability.found for ability in abilities if ability.name.endswith("controller")]
    limited = bool(controllers) and all(controllers)
    with_limits = ", with limits" if limited else ", without limits"
    return "\n".join([*lines, "", verdict + (with_limits if doctor.ready(abilities) else "")])
