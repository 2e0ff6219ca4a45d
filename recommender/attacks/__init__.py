"""Attacks on ourselves: what a measurement, a model or its lists give away about one subject.

A guarantee bounds leakage from above, by proof; an attack bounds it from below, by trying. Where the two cross, the
proof does not describe the code. This module imports nothing: only ``canary_audit`` and ``steps_audit`` load torch.
"""
