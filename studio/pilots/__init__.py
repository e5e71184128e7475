"""The page of pilot projects: its forms, and what came of a pilot."""
