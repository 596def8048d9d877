"""Benchmarks of the collection; they print what they measured."""
