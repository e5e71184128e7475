"""Staff terminals and time clocks."""
