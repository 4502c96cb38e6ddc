"""The suites that come with the benchmark, as TOML."""
