"""Users and service accounts, their tokens, and how they sign in."""
