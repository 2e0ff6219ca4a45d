"""Governance: the control plane and the only composition root of Probity."""
