"""Accounts of members: points, growth, coupons, stored value, paid plans, consents, and the identities that they hold themselves."""
