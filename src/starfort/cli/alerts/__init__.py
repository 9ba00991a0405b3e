"""`starfort alerts`: what a person should look at."""
