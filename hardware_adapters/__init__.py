"""Device drivers and their virtual twins, one folder a kind."""
