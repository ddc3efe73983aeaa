"""Configs: which strategy an account trades, with which params; every edit is a version of its own."""
