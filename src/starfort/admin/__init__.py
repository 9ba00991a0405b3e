"""Who may administer Starfort, what they decided, and the answers that API and dashboard share."""
