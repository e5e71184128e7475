"""What storeloom promises to those who build upon it, as data: read from the code, compared with what the last version promised."""
