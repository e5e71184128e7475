"""Registry, contracts, schema checks, composing and bundles."""
