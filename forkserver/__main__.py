"""`python -m forkserver [--preload=MODULE,…] start …` is `ray start …`, with the workers of that node forked."""

import sys

from forkserver.workers import stand_in

PRELOAD = "--preload="


def main() -> None:
    preload = [
        name
        for argument in sys.argv[1:]
        if argument.startswith(PRELOAD)
        for name in argument[len(PRELOAD) :].split(",")
    ]
    sys.argv = ["ray", *(argument for argument in sys.argv[1:] if not argument.startswith(PRELOAD))]
    with stand_in(preload=preload, log=_say):
        # Ray takes `sys.executable` at the moment in which it starts a node, so its command runs in this process.
        from ray.scripts.scripts import main as ray_command  # noqa: PLC0415

        ray_command()


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
