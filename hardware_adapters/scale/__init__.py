"""Scales: counter, bench, bagging and shelf scales."""
