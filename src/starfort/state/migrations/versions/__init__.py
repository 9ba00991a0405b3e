"""Migrations by number. One that was released is never changed."""
