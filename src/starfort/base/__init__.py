"""Actions, severities, files, addresses, units, SQL texts and tasks: what every package may use."""
