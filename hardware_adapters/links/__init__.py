"""What drivers share: the life of a connection, its state as told to the store, and transports that several protocols run over."""
