"""JSON Schemas: streams and tables by hand, solutions and catalogue generated."""
