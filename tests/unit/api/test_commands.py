from itertools import product

from api.accounts.commands import COMMANDS, Command, Wish, allowed


def test_stopping_is_possible_from_everywhere() -> None:
    assert all(COMMANDS[wish, Command.STOP] is Wish.STOPPED for wish in Wish)


def test_what_is_allowed_is_what_the_table_has() -> None:
    for wish, command in product(Wish, Command):
        assert (command in allowed(wish)) == ((wish, command) in COMMANDS)


def test_trading_is_always_asked_for() -> None:
    """Nothing but start and resume leads to running."""
    assert {command for (_, command), becomes in COMMANDS.items() if becomes is Wish.RUNNING} == {
        Command.START,
        Command.RESUME,
    }
