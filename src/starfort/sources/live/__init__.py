"""Sources of live calls that Starfort is not inline with."""
