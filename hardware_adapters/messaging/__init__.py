"""Mail, chat bots, text messages."""
