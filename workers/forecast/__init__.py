"""Forecasting methods: demand of items, days and stores, and how well they did."""
