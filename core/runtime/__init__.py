"""What runs in a store: durable log, clock, engine, episodes."""
