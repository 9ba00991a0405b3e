"""The pages, one a file. A module with a `PAGE` is a page; `dashboard/page.py` finds it."""
