"""Signing keys over time: which one was in force when, and why it was replaced."""
