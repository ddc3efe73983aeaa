"""`python -m tradefleet` is the command `tradefleet`."""

from tradefleet.cli import main

main()
