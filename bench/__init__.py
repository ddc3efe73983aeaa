"""Benchmarks. Each prints one JSON line: what was measured, beside its floor from the same run."""
