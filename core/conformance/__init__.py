"""What any adapter must do, a vendor's too: its virtual twin goes right and wrong, and nothing is lost, stuck or left behind."""
