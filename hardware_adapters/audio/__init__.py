"""Loudspeakers and announcements."""
