"""The command line. A command reads the settings, wires rooms together and leaves the work to them.

Rooms are imported when a command runs, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import IO

import rich_click as click

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
REFUSED = 1
MISCONFIGURED = 2
FORESEEN = {
    "actors.cluster": "ClusterError",
    "actors.config": "SecretMissing",
    "exchanges.errors": "VenueError",
    "paper.errors": "PaperError",
    "security.errors": "SecurityError",
    "storage.errors": "StorageError",
    "tradefleet.children": "ChildFailed",
    "tradefleet.customers": "DemoFailed",
    "tradefleet.settings": "SettingsError",
    "tradefleet.users": "CannotCreateUser",
}


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="tradefleet", message="%(prog)s %(version)s")
def cli() -> None:
    """Run many customers' exchange accounts at once."""


@cli.command()
@click.option(
    "--accounts", type=click.IntRange(1, 500), default=4, show_default=True, help="How many accounts shall trade."
)
@click.option(
    "--for", "duration_s", type=click.FloatRange(min=1), metavar="SECONDS", help="Stop by itself after this time."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object last.")
@click.option("--fresh", is_flag=True, help="Delete what earlier demos left in the data directory first.")
def demo(accounts: int, duration_s: float | None, as_json: bool, fresh: bool) -> None:
    """Run the whole product here on paper money, with nothing else at hand. Ctrl-C ends it."""
    from tradefleet.demo import run_demo
    from tradefleet.demo_options import DemoOptions
    from tradefleet.settings import load_settings

    options = DemoOptions(accounts=accounts, duration_s=duration_s, as_json=as_json, fresh=fresh)
    sys.exit(run_demo(load_settings(), options))


@cli.command()
def up() -> None:
    """Run supervisor and API for the accounts in the database, until stopped."""
    from tradefleet.fleet import run_up
    from tradefleet.settings import load_settings

    run_up(load_settings())


@cli.command()
def supervisor() -> None:
    """Run the supervisor alone, on the Ray cluster that is configured, until stopped."""
    from tradefleet.fleet import run_supervisor
    from tradefleet.settings import load_settings

    run_supervisor(load_settings())


@cli.command()
def api() -> None:
    """Serve the API and its pages, until stopped."""
    from tradefleet.settings import load_settings
    from tradefleet.web import serve_api

    serve_api(load_settings())


@cli.command()
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that its accounts, orders and trades are kept in; without it, one in the data directory.",
)
def paper(journal: Path | None) -> None:
    """Serve the paper exchange, until stopped."""
    from tradefleet.paper_venue import serve_paper
    from tradefleet.settings import load_settings

    serve_paper(load_settings(), journal)


@cli.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision. Safe to run again, and by many at once."""
    from storage.migrate import current, upgrade
    from tradefleet.database import database_url
    from tradefleet.settings import load_settings

    with database_url(load_settings()) as url:
        upgrade(url)
        click.echo(f"The database is at revision {current(url)}.")


@cli.group()
def user() -> None:
    """Manage users."""


@user.command()
@click.argument("email")
@click.option(
    "--role",
    type=click.Choice(["user", "support", "admin"]),
    default="user",
    show_default=True,
    help="Support reads what is everybody's; admins also start and stop it.",
)
@click.option(
    "--password-file",
    type=click.File(),
    help="A file that holds the password, `-` for standard input; without it you are asked.",
)
def create(email: str, role: str, password_file: IO[str] | None) -> None:
    """Create a user who may sign in as EMAIL."""
    import asyncio

    from tradefleet.database import database_url
    from tradefleet.settings import load_settings
    from tradefleet.users import create_user

    settings = load_settings()
    if password_file is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = password_file.read().rstrip("\r\n")
    with database_url(settings) as url:
        created = asyncio.run(create_user(url, email, password, role))
    click.echo(f"Created {created}, {email}, as {role}.")


@cli.command()
def doctor() -> None:
    """Check this machine and its settings. Each cross tells its cause and one command that helps."""
    from tradefleet.doctor import examine, print_findings
    from tradefleet.settings import load_settings

    findings = examine(load_settings())
    print_findings(findings)
    sys.exit(0 if all(finding.ok for finding in findings) else REFUSED)


def main() -> None:
    """The entry point: what the operator can mend is one sentence; what only we can mend is a traceback."""
    try:
        cli(prog_name="tradefleet")
    except Exception as error:
        cause = _cause_of(error)
        if not isinstance(cause, _foreseen()):
            raise
        click.echo(f"tradefleet: {cause}", err=True)
        sys.exit(MISCONFIGURED if type(cause).__name__ == "SettingsError" else REFUSED)


def _cause_of(error: Exception) -> Exception:
    """What a group of tasks failed of, when it was one thing."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _foreseen() -> tuple[type[Exception], ...]:
    """The errors whose message is written for the operator, of the modules that were loaded, so may have raised one."""
    return tuple(getattr(sys.modules[module], name) for module, name in FORESEEN.items() if module in sys.modules)
