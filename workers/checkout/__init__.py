"""What a sale consists of while it is open: lines, their prices and weights. For carts, phones and kiosks that ring up by themselves."""
