"""Pure engines, and the pool that runs them."""
