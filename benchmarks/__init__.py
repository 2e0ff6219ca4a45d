"""Programs that measure speed and quality. A package, so that the larger ones can be more than one file."""
