"""After-sales and complaints (售后投诉)."""
