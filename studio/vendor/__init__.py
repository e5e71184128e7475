"""A vendor's package held against the conformance checks: its code runs in processes of its own, never in the studio's."""
