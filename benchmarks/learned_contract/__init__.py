"""How many anomalies of form posts the learned contract finds, and how many benign posts it refuses."""
