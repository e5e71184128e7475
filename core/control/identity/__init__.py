"""Who may do what: roles and scopes, passwords, tokens, enrolment."""
