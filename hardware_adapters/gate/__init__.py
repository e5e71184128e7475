"""Gates: turnstiles, doors, access control."""
