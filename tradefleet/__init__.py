"""The command line and the settings: the one room that wires the others together."""
