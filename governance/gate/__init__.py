"""The gate: policy × report → ship or not, with every reason."""
