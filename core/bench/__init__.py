"""`storeloom bench`: measurements as ratios within one run, against a stated limit or a bare peer."""
