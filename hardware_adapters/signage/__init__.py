"""Digital signage: screens that play a schedule and prove what they played."""
