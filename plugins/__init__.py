"""Built-in solutions, plugins/<pillar>/<scenario>/<solution>.py."""
