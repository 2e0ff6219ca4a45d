"""The sample service: a streaming catalogue, subjects with identifiers and tastes, and what they did, from a seed."""

from pseudonymisation.sources.sample.settings import SampleSettings, SampleSummary
from pseudonymisation.sources.sample.write import write_sample

__all__ = ["SampleSettings", "SampleSummary", "write_sample"]
