"""storeloom core: kernel, runtime, virtual store, control plane and agent."""
