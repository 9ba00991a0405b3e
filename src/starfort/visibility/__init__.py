"""Which APIs are live, when they changed, who calls them and how."""
