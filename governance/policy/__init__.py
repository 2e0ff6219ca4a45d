"""Policies: YAML that a lawyer can read, loaded into frozen dataclasses that code can trust."""
