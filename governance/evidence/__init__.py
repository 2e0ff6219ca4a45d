"""What a reviewer takes home: where a model came from, step by step, and a period's evidence in one file."""
