"""ClickHouse SQL behind one module: chDB embedded, migrations, rollups."""
